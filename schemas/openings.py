"""The open call: what is asked, and what is answered for each seal."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from schemas.base import Identifier, Model, Moment
from schemas.personal_data import PersonalData

MOST_SEALS = 100
LONGEST_SEAL = 16_384

Purpose = Literal["shipping_label", "display", "customer_service", "tax"]
"""Why it is opened; goes into the audit log:

- `shipping_label`: to ship the order;
- `display`: shown to somebody who works on the order;
- `customer_service`: to answer the buyer;
- `tax`: an invoice, a tax return.
"""
OpenState = Literal["open", "redacted", "expired", "refused"]
RefusedBecause = Literal["unknown_order", "not_its_seal", "older_seal", "key_lost", "unreadable"]
"""Why a seal was refused:

- `unknown_order`: no order of that id among the token's accounts;
- `not_its_seal`: changed, cut short, or another order's;
- `older_seal`: its day is over, but the order has a newer one: take that of its last `order.updated`;
- `key_lost`: the key ring has no such key; `orderbridge privacy reseal` mends it;
- `unreadable`: a newer release has sealed it.
"""


class SealToOpen(Model):
    """An order's seal, as an event carried it."""

    model_config = ConfigDict(extra="forbid")
    order_id: Identifier
    seal: Annotated[str, Field(max_length=LONGEST_SEAL, strict=True)]


class OpenRequest(Model):
    """Up to 100 seals, all for one purpose."""

    model_config = ConfigDict(extra="forbid")
    purpose: Purpose
    on_behalf_of: Identifier | None = None
    """Who looks: a user of the console. Only tokens with the scope `personal-data:on-behalf` may say so."""
    seals: Annotated[tuple[SealToOpen, ...], Field(min_length=1, max_length=MOST_SEALS)]


class OpenedSeal(Model):
    """What became of one seal."""

    order_id: Identifier
    state: OpenState
    personal_data: PersonalData | None = None
    """Ready for use: in plain where it is `open`, "Amazon Replaced" where it is gone; none where it was refused."""
    dies_at: Moment | None = None
    """Until when an open one opens."""
    gone_since: Moment | None = None
    """Since when it is redacted or expired."""
    reason: RefusedBecause | None = None
    message: str | None = None
    """Why it was refused, and what to do."""


class OpenAnswer(Model):
    """One entry for each seal that was asked for, in the same order."""

    seals: tuple[OpenedSeal, ...]
