"""Placing orders: realistic, varied, and the same again for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, field_validator

from sandbox.catalogue import CANCEL_REASONS, COUNTRIES, GIFT_MESSAGES, PRODUCTS, Country
from sandbox.clock import to_amazon
from sandbox.errors import Impossible
from sandbox.marketplaces import BY_COUNTRY, MARKETPLACES, Marketplace
from sandbox.odd import ODD, make_odd, pack
from sandbox.orders import Order
from sandbox.pricing import price_items, price_order

_LATER = {"SHIPPED": timedelta(days=1), "CANCELLED": timedelta(hours=1)}


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


class LineWish(BaseModel):
    """A line of an order that is asked for in detail; what is left out is made up."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    sku: str | None = None
    asin: str | None = None
    title: str | None = None
    quantity: PositiveInt = 1
    unit_price: Annotated[Decimal, Field(ge=0)] | None = None
    """In the marketplace's currency."""
    gift_message: str | None = None


class OrderWish(BaseModel):
    """The body of `POST /_sandbox/orders`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    count: Annotated[int, Field(ge=1, le=100_000)] = 1
    marketplace_id: str | None = None
    """The account's first marketplace unless told."""
    fulfilled_by: Annotated[Literal["MERCHANT", "AMAZON"], BeforeValidator(_upper)] = "MERCHANT"
    """In either case: `merchant` too."""
    created_at: AwareDatetime | None = None
    """When the buyer bought it: now unless told."""
    lines: Annotated[int, Field(ge=1, le=len(PRODUCTS))] | Annotated[list[LineWish], Field(min_length=1)] | None = None
    """How many lines, or which."""
    spread_over_seconds: Annotated[float, Field(ge=0)] = 0
    """From the first order's purchase to the last's: they lie evenly in between."""
    status: Annotated[Literal["UNSHIPPED", "PENDING", "SHIPPED", "CANCELLED"], BeforeValidator(_upper)] = "UNSHIPPED"
    """What Amazon or the seller ships is shipped whole."""
    history: bool = False
    """They have always been there: last updated when their status came about (a day after the purchase if shipped,
    an hour after if cancelled, at once otherwise), not now, and neither the search's lag nor notifications apply."""
    hidden: bool = False
    """Searches do not find them; getOrder and reports do."""
    odd: str | None = None
    """A name of `odd.py`'s ODD."""
    grand_total_off_by: Decimal = Decimal(0)
    """The grand total is no longer the items' sum; in the marketplace's currency."""
    programs: list[str] | None = None
    account: str = "main"

    @field_validator("odd")
    @classmethod
    def _known_odd(cls, odd: str | None) -> str | None:
        if odd is not None and odd not in ODD:
            raise ValueError(f"unknown; known: {', '.join(ODD)}")
        return odd


def purchases(wish: OrderWish, now: datetime) -> Iterator[datetime]:
    """When each of the orders was bought; raises Impossible (400) if the last one lies in the future."""
    first = (wish.created_at or now).astimezone(UTC)
    step = timedelta(seconds=wish.spread_over_seconds) / max(1, wish.count - 1)
    if first.replace(microsecond=0) + step * (wish.count - 1) > now:
        raise Impossible(400, "created_at lies in the future")
    return ((first + step * position).replace(microsecond=0) for position in range(wish.count))


def make_order(
    wish: OrderWish, marketplace: Marketplace, seed: int, ordinal: int, created_at: datetime, now: datetime
) -> Order:
    """The order number `ordinal` of a sandbox with this seed, bought at `created_at`, placed at `now` (both UTC)."""
    chance = random.Random(f"{seed}:{ordinal}")
    order_id = _order_id(chance, marketplace, ordinal)
    programs = wish.programs if wish.programs is not None else _programs(chance)
    level = _service_level(chance, programs)
    people = COUNTRIES[marketplace.country]
    business = "AMAZON_BUSINESS" in programs
    company = chance.choice(people.companies) if business else None
    name = people.name.format(first=chance.choice(people.first_names), last=chance.choice(people.last_names))

    items = [_item(chance, line, marketplace, ordinal, position) for position, line in enumerate(_lines(chance, wish))]
    for item in items:
        if business:
            item["product"]["price"]["priceDesignation"] = "BUSINESS_PRICE"
    price_items(chance, items, marketplace, level)
    proceeds = price_order(items, marketplace)

    facts: dict[str, Any] = {
        "programs": programs,
        "salesChannel": {
            "channelName": "AMAZON",
            "marketplaceId": marketplace.marketplace_id,
            "marketplaceName": marketplace.name,
        },
        "buyer": _buyer(chance, name, company),
        "recipient": {"deliveryAddress": _address(chance, people, marketplace.country, name, company)},
        "proceeds": proceeds,
        "payment": {"paymentExecutions": [{"paymentMethod": "CreditCard", "paymentAmount": proceeds["grandTotal"]}]},
        "tax": {},
        "fulfillment": {
            "fulfilledBy": wish.fulfilled_by,
            "fulfillmentServiceLevel": level,
            **_windows(created_at, level),
        },
        "orderItems": items,
    }
    if business and marketplace.country in ("GB", "DE"):
        registration = {"entityType": "BUYER", "legalName": company, "taxRegistrationType": "VAT"}
        registration["taxRegistrationNumber"] = f"{marketplace.country}{chance.randrange(10**9):09d}"
        facts["tax"] = {"taxRegistrations": [registration]}
    order = Order(
        order_id=order_id,
        account=wish.account,
        marketplace_id=marketplace.marketplace_id,
        fulfilled_by=wish.fulfilled_by,
        status=wish.status,
        created_at=created_at,
        placed_at=created_at if wish.history else now,
        updated_at=min(now, created_at + _LATER.get(wish.status, timedelta())) if wish.history else now,
        facts=facts,
    )
    if wish.odd is not None:
        make_odd(order, wish.odd, chance)
    if wish.grand_total_off_by:
        total = order.facts["proceeds"]["grandTotal"]
        total["amount"] = str(Decimal(total["amount"]) + wish.grand_total_off_by)
    _bring_about(order, chance)
    return order


def _bring_about(order: Order, chance: random.Random) -> None:
    """What must have happened for the order to have the status it was wished to have."""
    if order.status == "SHIPPED" and order.fulfilled_by == "MERCHANT":
        pack(order, [{"orderItemId": name, "quantity": quantity} for name, quantity in order.ordered.items()])
    elif order.status == "CANCELLED" and not order.cancellation:
        reason = chance.choice(CANCEL_REASONS)
        order.cancellation = {"cancellationExecution": {"cancelledBy": "BUYER", "cancelReason": reason}}


def choose_marketplace(wish: OrderWish, account_marketplaces: list[str]) -> Marketplace:
    """Where the orders are placed; raises Impossible (400) if the account does not sell there."""
    marketplace_id = wish.marketplace_id or account_marketplaces[0]
    if wish.odd == "yen":
        marketplace_id = BY_COUNTRY["JP"].marketplace_id
    if marketplace_id not in account_marketplaces:
        raise Impossible(400, f"the account {wish.account} does not sell in {marketplace_id}")
    return MARKETPLACES[marketplace_id]


def _order_id(chance: random.Random, marketplace: Marketplace, ordinal: int) -> str:
    # 7654321 and 10^7 have no common divisor: the middle part does not repeat for ten million orders.
    middle = ordinal * 7_654_321 % 10**7
    return f"{chance.choice(marketplace.order_id_prefixes)}-{middle:07d}-{chance.randrange(10**7):07d}"


def _programs(chance: random.Random) -> list[str]:
    return chance.choices([[], ["PRIME"], ["AMAZON_BUSINESS"], ["PREMIUM"]], weights=[65, 18, 12, 5])[0].copy()


def _service_level(chance: random.Random, programs: list[str]) -> str:
    if "PRIME" in programs or "PREMIUM" in programs:
        return chance.choice(["NEXT_DAY", "SECOND_DAY", "EXPEDITED"])
    return chance.choices(["STANDARD", "FREE_ECONOMY", "EXPEDITED", "SECOND_DAY"], weights=[60, 20, 15, 5])[0]


def _lines(chance: random.Random, wish: OrderWish) -> list[LineWish]:
    if isinstance(wish.lines, list):
        return wish.lines
    count = wish.lines or chance.choices([1, 2, 3], weights=[65, 25, 10])[0]
    return [
        LineWish(
            sku=product.sku,
            quantity=chance.choices([1, 2, 3], weights=[70, 20, 10])[0],
            gift_message=chance.choice(GIFT_MESSAGES) if chance.random() < 0.15 else None,
        )
        for product in chance.sample(PRODUCTS, count)
    ]


def _item(
    chance: random.Random, line: LineWish, marketplace: Marketplace, ordinal: int, position: int
) -> dict[str, Any]:
    """An OrderItem without its proceeds."""
    product = next((product for product in PRODUCTS if product.sku == line.sku), chance.choice(PRODUCTS))
    price = line.unit_price if line.unit_price is not None else product.price * marketplace.price_factor
    packing: dict[str, Any] = {}
    if line.gift_message is not None:
        packing = {"packing": {"giftOption": {"giftMessage": line.gift_message, "giftWrapLevel": "STANDARD"}}}
    return {
        "orderItemId": f"{chance.randrange(1, 1000):03d}{ordinal:08d}{position:03d}",
        "quantityOrdered": line.quantity,
        "product": {
            "asin": line.asin or product.asin,
            "title": line.title or product.title,
            "sellerSku": line.sku or product.sku,
            "condition": {"conditionType": "NEW", "conditionSubtype": "NEW"},
            "price": {
                "unitPrice": {
                    "amount": str(price.quantize(marketplace.smallest_unit)),
                    "currencyCode": marketplace.currency,
                }
            },
        },
        "fulfillment": packing,
    }


def _buyer(chance: random.Random, name: str, company: str | None) -> dict[str, str]:
    alias = "".join(chance.choices("0123456789bcdfghjklmnpqrstvwxyz", k=14))
    buyer = {"buyerName": name, "buyerEmail": f"{alias}@marketplace.example"}
    if company:
        buyer["buyerCompanyName"] = company
        buyer["buyerPurchaseOrderNumber"] = f"PO-{chance.randrange(10**5):05d}"
    return buyer


def _address(
    chance: random.Random, people: Country, country_code: str, name: str, company: str | None
) -> dict[str, str]:
    place = chance.choice(people.places)
    address = {
        "name": name,
        "addressLine1": people.street.format(number=chance.randrange(1, 300), street=chance.choice(place.streets)),
        "city": place.city,
        "stateOrRegion": place.state,
        "postalCode": place.postal_code,
        "countryCode": country_code,
        "phone": people.phone.format(digits=f"01{chance.randrange(100):02d}"),
        "addressType": "COMMERCIAL" if company else "RESIDENTIAL",
    }
    if company:
        address["companyName"] = company
    elif chance.random() < 0.3:
        address["addressLine2"] = f"Apt {chance.randrange(1, 40)}"
    return address


def _windows(created_at: datetime, level: str) -> dict[str, dict[str, str]]:
    """shipByWindow and deliverByWindow: whole days, from the day of the order."""
    handling, transit = {"NEXT_DAY": (1, 1), "SECOND_DAY": (1, 2), "EXPEDITED": (1, 3)}.get(level, (2, 5))
    midnight = created_at.replace(hour=0, minute=0, second=0)
    ship_by = midnight + timedelta(days=handling + 1, seconds=-1)
    return {
        "shipByWindow": {"earliestDateTime": to_amazon(created_at), "latestDateTime": to_amazon(ship_by)},
        "deliverByWindow": {
            "earliestDateTime": to_amazon(midnight + timedelta(days=handling + 1)),
            "latestDateTime": to_amazon(ship_by + timedelta(days=transit)),
        },
    }
