"""What the parts of Amazon's orders are made of: money, spans of time, measures. See `order_models`."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from orderbridge.amazon.answers import AmazonModel, Moment

Id = Annotated[str, Field(min_length=1)]


class Money(AmazonModel):
    """An amount in the currency's main unit, and its ISO 4217 code."""

    amount: Decimal
    currency_code: Id


class DateTimeRange(AmazonModel):
    earliest_date_time: Moment | None = None
    latest_date_time: Moment | None = None


class Measurement(AmazonModel):
    """How much of it, for what is sold by weight, volume or length; else the unit is `COUNT`."""

    unit: str
    value: Decimal
