"""An order as a store reads it, whole in every `order.*` event. Its money is in `schemas.money`."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import Field, model_validator

from schemas.base import Event, Identifier, Model, Moment, OpenChoice, OrderKeyed, Text, Timestamp
from schemas.money import LineAmounts, Money, OtherCurrencyAmount, Totals
from schemas.packages import AmazonPackage, PackageDifference
from schemas.personal_data import PersonalDataState, region_code

__all__ = [  # what 0.1.0 had here stays here
    "AmazonStatus",
    "CancelRequest",
    "Change",
    "Choice",
    "FulfilledBy",
    "Inventory",
    "Invoice",
    "KeyExpired",
    "Line",
    "LineAmounts",
    "OrderAged",
    "OrderDocument",
    "OrderEvent",
    "OrderImported",
    "OrderRedacted",
    "OrderUpdated",
    "Quantity",
    "SalesChannel",
    "ShippingMethod",
    "Span",
    "StoreView",
    "Totals",
]

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
SalesChannel = Annotated[Literal["amazon", "other", "unknown"], OpenChoice()]
Inventory = Annotated[Literal["deduct_on_import", "deduct_when_shipped", "none", "unknown"], OpenChoice()]
Change = Annotated[
    Literal[
        "status",
        "lines",
        "quantities",
        "cancelled",
        "shipped_by_amazon",
        "address",
        "cancel_requested",
        "amounts",
        "dates",
        "packages",
        "personal_data",
        "other",
        "unknown",
    ],
    OpenChoice(),
]
"""What is another than before. An order may be several at once:

- `quantities`: of a line, ordered, shipped or cancelled (`lines` too);
- `cancelled`: the order, or more of a line, which Amazon may tell as less of it that is ordered;
- `shipped_by_amazon`: an order that Amazon fulfils is on its way;
- `cancel_requested`: the buyer asks to cancel, or no longer does;
- `packages`: Amazon's packages, or how they differ from what was confirmed;
- `personal_data`: sealed anew, and `dies_at` may be another: keep the new seal. What it holds is the same, unless
  `address` says otherwise.
"""
Quantity = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]


class Choice(Model):
    """One of the store's own statuses, payment types or shipping methods."""

    id: Identifier
    name: Text


class ShippingMethod(Model):
    """The store's shipping method for Amazon's service level."""

    id: Identifier | None = None
    name: Text | None = None
    amazon: Text | None = None
    """Amazon's shipping service level, as Amazon writes it (`EXPEDITED`)."""
    mapped: bool = False


class StoreView(Model):
    """What the store is to make of the order: its own words, already chosen by the account's settings."""

    status: Choice
    payment_type: Choice
    shipping_method: ShippingMethod
    order_number: Text
    invoice_number_prefix: Text = ""
    inventory: Inventory
    suppress_order_alerts: bool = True
    """Amazon forbids order alert e-mails for its orders."""


class Span(Model):
    """A span of time, either end of which may be open."""

    earliest: Moment | None = None
    latest: Moment | None = None


class Line(Model):
    """One product of an order. Words in upper case are Amazon's own."""

    order_item_id: Identifier
    """Amazon's. An order of the past that came from Amazon's report has none: `sku:` and the SKU there, else `asin:`
    and the ASIN, lines of one SKU put together; the order's next reading puts Amazon's in its place."""
    sku: Text | None = None
    asin: Text | None = None
    title: Text | None = None
    quantity: Quantity
    quantity_shipped: Quantity = 0
    quantity_cancelled: Quantity = 0
    cancelled_by: Text | None = None
    """`buyer`, `merchant` or `amazon`."""
    unit_price: Money | None = None
    business_price: bool = False
    """A price for Amazon Business only."""
    condition: Text | None = None
    """`NEW`, `USED`, `COLLECTIBLE`, `REFURBISHED`, `PREORDER`, `CLUB`"""
    condition_subtype: Text | None = None
    programs: tuple[Text, ...] = ()
    """`TRANSPARENCY`, `SUBSCRIBE_AND_SAVE`"""
    promotion_ids: tuple[Text, ...] = ()
    serial_numbers: tuple[Text, ...] = ()
    gift: bool = False
    gift_wrap_level: Text | None = None
    """Which wrapping; the gift message is personal data."""
    customized: bool = False
    """Made to the buyer's wishes; the link to them is personal data."""
    scheduled_delivery: Span | None = None
    ioss_number: Text | None = None
    """Goes to the carrier of a parcel into the European Union, where Amazon has collected the VAT."""
    amounts: LineAmounts = LineAmounts()
    amounts_in_other_currencies: tuple[OtherCurrencyAmount, ...] = ()


class CancelRequest(Model):
    """The buyer has asked to cancel."""

    requested_by: Text
    reason: Text | None = None
    """No longer told: it is free text, and travels sealed (`cancel_reason` of the personal data)."""


class Invoice(Model):
    """What Amazon says of the order's invoice. Tax registrations are personal data."""

    status: Text | None = None
    """`NOT_REQUIRED`, `NOT_FOUND`, `PROCESSING`, `ERRORED`, `ACCEPTED`; in Brazil and for Easy Ship only."""
    buyer_preference: Text | None = None
    """`INDIVIDUAL`, `BUSINESS`; in Turkey only."""


class OrderDocument(OrderKeyed):
    """An order without its personal data and its place in time: what the bridge keeps and every event repeats."""

    account_id: Identifier
    marketplace_id: Text | None = None
    sales_channel: SalesChannel = "amazon"
    """`other`: bought elsewhere, and merely shipped by Amazon."""
    seller_order_id: Text | None = None
    """The seller's own number for the order, as Amazon knows it."""
    fulfilled_by: FulfilledBy
    fulfilled_by_word: Text | None = None
    """Amazon's own word, where `fulfilled_by` is `unknown`."""
    programs: tuple[Text, ...] = ()
    """Amazon's words: `PRIME`, `AMAZON_BUSINESS`, `PREMIUM`, `PREORDER`, `AMAZON_EASY_SHIP`, `FBM_SHIP_PLUS` …"""
    replacement_of: Text | None = None
    """The order that this one replaces. It is billed as Amazon says, mostly nothing."""
    exchange_of: Text | None = None
    """The order for whose goods these are exchanged."""
    amazon_status: AmazonStatus
    amazon_status_word: Text | None = None
    """Amazon's own word, where `amazon_status` is `unknown`."""
    placed_at: Moment
    amazon_updated_at: Moment
    ship_by: Moment | None = None
    """The latest moment of `ship_window`."""
    deliver_by: Moment | None = None
    """The latest moment of `deliver_window`."""
    ship_window: Span | None = None
    deliver_window: Span | None = None
    payment_methods: tuple[Text, ...] = ()
    """Amazon's words: `CreditCard`, `Invoice`, `CashOnDelivery` …"""
    invoice: Invoice | None = None
    store: StoreView
    lines: tuple[Line, ...]
    totals: Totals
    cancel_requested: CancelRequest | None = None
    ship_to_country: Text | None = None
    ship_to_region: Text | None = None
    packages: tuple[AmazonPackage, ...] = ()
    """Amazon's own view of what has shipped; of orders that the merchant fulfils only."""
    package_differences: tuple[PackageDifference, ...] = ()
    """Where `packages` are not what Amazon confirmed to the bridge."""

    def redacted(self) -> Self:
        """The same after its personal data is gone: no words on cancelling, and no region that is not a code.

        Amazon sets those words no form, nor the region. Documents of earlier versions held more of both in plain.
        """
        wish = self.cancel_requested and self.cancel_requested.model_copy(update={"reason": None})
        region = region_code(self.ship_to_region)
        if (wish, region) == (self.cancel_requested, self.ship_to_region):
            return self
        return self.model_copy(update={"cancel_requested": wish, "ship_to_region": region})

    @model_validator(mode="after")
    def _lines_add_up(self) -> OrderDocument:
        for part in LineAmounts.model_fields:
            start = self.totals.order_level if part == "other" else Decimal("0.00")
            lines = sum((getattr(line.amounts, part) for line in self.lines), start)
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
    """One order's personal data has reached its last moment, by another way than its key's: it must go."""

    event_type: ClassVar[str] = "order.aged"
    sent_by = ("importer", "redactor")
    read_by = ("redactor",)
    account_id: Identifier


class KeyExpired(Event):
    """The moment after which a key of the key ring must not exist, nor the personal data of any order under it."""

    event_type: ClassVar[str] = "key.expired"
    sent_by = ("importer", "redactor")
    read_by = ("redactor",)
    moment: Timestamp
    after: Identifier | None = None
    """Go on behind this order: those before it are redacted."""

    def key(self) -> str:
        """The key's moment."""
        return self.moment.isoformat()
