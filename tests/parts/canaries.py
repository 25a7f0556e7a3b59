"""Puts a canary into every personal field of an order at Amazon, each a word of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from sandbox.orders import Order
from tests.parts.needles import word

_ADDRESS = (
    "companyName",
    "addressLine1",
    "addressLine2",
    "addressLine3",
    "city",
    "districtOrCounty",
    "stateOrRegion",
    "postalCode",
    "phone",
)
_BRAZILIAN = ("streetName", "streetNumber", "complement", "neighborhood")
_REGISTERED = ("addressLine1", "city", "stateOrRegion", "postalCode")


@dataclass
class Flock:
    """The canaries that were planted: `kept` are in fields that are sealed, `dropped` in those that nothing needs."""

    kept: set[int] = field(default_factory=set)
    dropped: set[int] = field(default_factory=set)
    _numbers: Any = field(default_factory=count)

    def another(self) -> Flock:
        """A flock apart, whose canaries are none of these."""
        return Flock(_numbers=self._numbers)

    def plant(self, order: Order, now: datetime) -> None:
        """Every personal field of the order, as Amazon tells it from now on."""
        facts = order.facts
        brazilian = int(order.order_id[-1]) % 3 == 0  # its address is in other fields
        lines = () if brazilian else ("addressLine1", "addressLine2", "addressLine3")
        named = [name for name in _ADDRESS if name in lines or not name.startswith("addressLine")]
        address: dict[str, Any] = {name: self._kept() for name in named}
        address |= {"name": f"{self._kept()} {self._kept()}", "countryCode": "US", "municipality": self._dropped()}
        extended = self._kept if brazilian else self._dropped
        address["extendedFields"] = {name: extended() for name in _BRAZILIAN}
        preference = {"dropOffLocation": self._dropped(), "addressInstruction": self._dropped()}
        facts["recipient"] = {"deliveryAddress": address, "deliveryPreference": preference}
        facts["buyer"] = {
            "buyerName": f"{self._dropped()} {self._dropped()}",
            "buyerEmail": f"{self._kept()}@marketplace.example",
            "buyerCompanyName": self._dropped(),
            "buyerPurchaseOrderNumber": self._kept(),
        }
        facts["tax"] = {"taxRegistrations": [self._registration("BUYER", self._kept)]}
        for item in facts["orderItems"]:
            gift = {"giftMessage": f"Sing {self._kept()},\n{self._kept()}!", "giftWrapLevel": "STANDARD"}
            item["fulfillment"] = {"packing": {"giftOption": gift}}
            item["product"]["customization"] = {"customizedUrl": f"https://amazon.example/{self._kept()}?a=b"}
        order.updated_at = now

    def move(self, order: Order, now: datetime) -> None:
        """Another address, and a wish to cancel with its reason in the buyer's words."""
        self.plant(order, now)
        order.cancellation["cancellationRequest"] = {"requester": "BUYER", "cancelReason": f"Oh {self._kept()}!"}

    def _registration(self, entity: str, of: Any) -> dict[str, Any]:
        return {
            "entityType": entity,
            "legalName": of(),
            "taxRegistrationType": "VAT",
            "taxRegistrationNumber": of(),
            "taxRegistrationAddress": {**{name: of() for name in _REGISTERED}, "countryCode": "DE"},
            "taxRegistrationAttributes": [{"key": "TAX_OFFICE", "value": of()}],
        }

    def _kept(self) -> str:
        number = next(self._numbers)
        self.kept.add(number)
        return word(number)

    def _dropped(self) -> str:
        number = next(self._numbers)
        self.dropped.add(number)
        return word(number)
