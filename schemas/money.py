"""An order's money by kind, and the sums that must add up."""

from __future__ import annotations

from decimal import Decimal

from pydantic import model_validator

from schemas.base import Amount, Model


class Money(Model):
    """An amount that carries its own currency (ISO 4217)."""

    amount: Amount
    currency: str


class OtherCurrencyAmount(Money):
    """A part of a line's money in another currency than the order's: it stands outside every sum."""

    kind: str
    """As the order's own amounts are called: `item`, `shipping` …"""


class LineAmounts(Model):
    """A line's money by kind, in the order's currency, for the whole quantity.

    `discount` is what was taken off, as a positive amount; `other` holds the fee for cash on delivery and whatever
    Amazon invents. `tax_collected_by_amazon` (marketplace facilitator) never reaches the seller and stands outside
    every total. `tax_included` is tax that the amounts beside it contain already: it is no part of the sum either.
    """

    item: Amount = Decimal("0.00")
    shipping: Amount = Decimal("0.00")
    gift_wrap: Amount = Decimal("0.00")
    other: Amount = Decimal("0.00")
    discount: Amount = Decimal("0.00")
    tax: Amount = Decimal("0.00")
    """The seller's own tax, on top of the amounts beside it."""
    tax_collected_by_amazon: Amount = Decimal("0.00")
    tax_included: Amount = Decimal("0.00")

    def parts_sum(self) -> Decimal:
        """What the seller is paid: the parts less the discount, with the seller's own tax."""
        return self.item + self.shipping + self.gift_wrap + self.other - self.discount + self.tax


class Totals(LineAmounts):
    """The order's money: each part is the sum of the lines' parts, `other` with `order_level` added."""

    currency: str | None = None
    """ISO 4217; absent while Amazon has not priced the order (pending)."""
    prices_include_tax: bool = False
    """The seller's tax is inside the prices (`tax_included` says how much, where Amazon does), not on top of them."""
    order_level: Amount = Decimal("0.00")
    """What belongs to the order and to none of its lines, such as a delivery tip: the part of `other` no line has."""
    total: Amount = Decimal("0.00")
    difference: Amount = Decimal("0.00")
    """Amazon's own grand total less ours; `0.00` where they agree."""

    @model_validator(mode="after")
    def _adds_up(self) -> Totals:
        if self.total != self.parts_sum():
            raise ValueError(f"`total` must be {self.parts_sum()}, the sum of the parts")
        return self
