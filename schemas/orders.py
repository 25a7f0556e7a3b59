"""An order as a store reads it, whole in every `order.*` event, with the sums that must add up."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import Field, model_validator

from schemas.base import Amount, Event, Identifier, Model, Moment, OpenChoice, OrderKeyed
from schemas.personal_data import PersonalDataState

AmazonStatus = Annotated[
    Literal[
        "pending_availability",
        "pending",
        "unshipped",
        "partially_shipped",
        "shipped",
        "cancelled",
        "unfulfillable",
        "unknown",
    ],
    OpenChoice(),
]
FulfilledBy = Annotated[Literal["merchant", "amazon", "unknown"], OpenChoice()]
Inventory = Annotated[Literal["deduct_on_import", "deduct_when_shipped", "none", "unknown"], OpenChoice()]
Change = Annotated[
    Literal["status", "lines", "address", "cancel_requested", "amounts", "dates", "other", "unknown"], OpenChoice()
]
Quantity = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]


class Choice(Model):
    """One of the store's own statuses, payment types or shipping methods."""

    id: Identifier
    name: str


class ShippingMethod(Model):
    """The store's shipping method for Amazon's service level."""

    id: Identifier | None = None
    name: str | None = None
    amazon: str | None = None
    """Amazon's shipping service level, as Amazon writes it (`EXPEDITED`)."""
    mapped: bool = False


class StoreView(Model):
    """What the store is to make of the order: its own words, already chosen by the account's settings."""

    status: Choice
    payment_type: Choice
    shipping_method: ShippingMethod
    order_number: str
    invoice_number_prefix: str = ""
    inventory: Inventory
    suppress_order_alerts: bool = True
    """Amazon forbids order alert e-mails for its orders."""


class LineAmounts(Model):
    """A line's money by kind, in the order's currency, for the whole quantity.

    `discount` is what was taken off, as a positive amount. `tax_collected_by_amazon` (marketplace facilitator) never
    reaches the seller and stands outside every total.
    """

    item: Amount = Decimal("0.00")
    shipping: Amount = Decimal("0.00")
    gift_wrap: Amount = Decimal("0.00")
    other: Amount = Decimal("0.00")
    discount: Amount = Decimal("0.00")
    tax: Amount = Decimal("0.00")
    tax_collected_by_amazon: Amount = Decimal("0.00")

    def parts_sum(self) -> Decimal:
        """What the seller is paid: the parts less the discount, with the seller's own tax."""
        return self.item + self.shipping + self.gift_wrap + self.other - self.discount + self.tax


class Totals(LineAmounts):
    """The order's money: each part is the sum of the lines' parts."""

    currency: str | None = None
    """ISO 4217; absent while Amazon has not priced the order (pending)."""
    prices_include_tax: bool = False
    total: Amount = Decimal("0.00")
    difference: Amount = Decimal("0.00")
    """Amazon's own grand total less ours; `0.00` where they agree."""

    @model_validator(mode="after")
    def _adds_up(self) -> Totals:
        if self.total != self.parts_sum():
            raise ValueError(f"`total` must be {self.parts_sum()}, the sum of the parts")
        return self


class Line(Model):
    """One product of an order."""

    order_item_id: Identifier
    sku: str | None = None
    asin: str | None = None
    title: str | None = None
    quantity: Quantity
    quantity_shipped: Quantity = 0
    quantity_cancelled: Quantity = 0
    gift: bool = False
    amounts: LineAmounts = LineAmounts()


class CancelRequest(Model):
    """The buyer has asked to cancel."""

    requested_by: str
    reason: str | None = None


class OrderDocument(OrderKeyed):
    """An order without its personal data and its place in time: what the bridge keeps and every event repeats."""

    account_id: Identifier
    marketplace_id: str | None = None
    fulfilled_by: FulfilledBy
    programs: tuple[str, ...] = ()
    amazon_status: AmazonStatus
    placed_at: Moment
    amazon_updated_at: Moment
    ship_by: Moment | None = None
    deliver_by: Moment | None = None
    store: StoreView
    lines: tuple[Line, ...]
    totals: Totals
    cancel_requested: CancelRequest | None = None
    ship_to_country: str | None = None
    ship_to_region: str | None = None

    def redacted(self) -> Self:
        """The same after its personal data is gone: without the words in which the buyer asked to cancel.

        Amazon's list of personal fields ("Access orders PII") does not name them, but its model sets them no form.
        """
        if self.cancel_requested is None:
            return self
        wish = self.cancel_requested.model_copy(update={"reason": None})
        return self.model_copy(update={"cancel_requested": wish})

    @model_validator(mode="after")
    def _lines_add_up(self) -> OrderDocument:
        for part in LineAmounts.model_fields:
            lines = sum((getattr(line.amounts, part) for line in self.lines), Decimal("0.00"))
            if lines != getattr(self.totals, part):
                raise ValueError(f"totals.{part} must be {lines}, the sum of the lines")
        return self


class OrderEvent(OrderDocument):
    """An order, whole, at one point of its life. A store upserts by `order_id` and keeps the highest `sequence`."""

    sequence: Annotated[int, Field(strict=True, ge=1)]
    replay: bool = False
    """Sent again on request: no stock is moved and nobody is alerted."""
    personal_data: PersonalDataState

    @classmethod
    def from_document(cls, document: OrderDocument, **more: object) -> Self:
        """The event for a stored document: `more` gives `sequence`, `personal_data` and the event's own fields.

        Both are ours and validated already: it is not done again.
        """
        fields: dict[str, Any] = {**dict(document), **more}
        return cast(Self, cls.model_construct(**fields))  # type: ignore[redundant-cast,unused-ignore]  # pydantic's plugin


class OrderImported(OrderEvent):
    """A new order, whole, with the store's own status, payment and shipping choices already made."""

    event_type: ClassVar[str] = "order.imported"
    sent_by = ("importer",)
    read_by = ("store",)


class OrderUpdated(OrderEvent):
    """The order as it is now, whole, and what changed."""

    event_type: ClassVar[str] = "order.updated"
    sent_by = ("importer",)
    read_by = ("store",)
    changes: tuple[Change, ...] = ()


class OrderRedacted(OrderEvent):
    """The order as it is now: its personal data is gone."""

    event_type: ClassVar[str] = "order.redacted"
    sent_by = ("redactor",)
    read_by = ("store",)


class OrderAged(OrderKeyed):
    """An order's personal data has reached its last moment: it must go."""

    event_type: ClassVar[str] = "order.aged"
    sent_by = ("importer",)
    read_by = ("redactor",)
    account_id: Identifier


class KeyExpired(Event):
    """The moment after which a key of the key ring must not exist: destroy it."""

    event_type: ClassVar[str] = "key.expired"
    sent_by = ("importer",)
    read_by = ("redactor",)
    moment: Moment

    def key(self) -> str:
        """The key's moment."""
        return self.moment.isoformat()
