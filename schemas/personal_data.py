"""A buyer's personal data: the one type that holds any, and the way it travels (sealed, or a placeholder)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, NoReturn

from pydantic import Field, StringConstraints, model_validator

from schemas.base import Model, Moment

AMAZON_REPLACED: Final = "Amazon Replaced"
"""What stands where personal data was, once its 30 days are over (the words of the manual)."""
FBA_ORDERS: Final = "FBA Orders"
"""First and last name of an order that Amazon fulfils (the words of the manual)."""

_COUNTRY = re.compile(r"[A-Z]{2}")
"""ISO 3166-1 alpha-2."""
_SUBDIVISION = re.compile(r"([A-Z]{2}-)?[A-Z0-9]{1,3}")
"""ISO 3166-2, with the country's part or without."""

Seal = Annotated[str, StringConstraints(min_length=1, max_length=16384, pattern=r"^[A-Za-z0-9_.-]+$")]


def region_code(region: str | None) -> str | None:
    """The region if it can be a code, which tax and reports need; all else somebody has typed, and it stays sealed."""
    return region if region is not None and _SUBDIVISION.fullmatch(region) else None


class HiddenModel(Model):
    """Base of what holds personal data in plain: `repr`, `str` and pickling show nothing."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(hidden)"

    def __str__(self) -> str:
        return repr(self)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Rich and other pretty printers ask here, past `__repr__`."""
        return iter(())

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise TypeError("personal data is never pickled: seal it")


class TaxRegistration(HiddenModel):
    """A buyer's tax number, and the name and address it is registered under."""

    type: str = ""
    """`BUSINESS`, `VAT`, `CST`, `CPF`, `CNPJ`"""
    number: str = ""
    legal_name: str = ""
    address_lines: tuple[str, ...] = ()
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""
    tax_office: str = ""


class PersonalData(HiddenModel):
    """A buyer's name, address, phone, e-mail, gift texts and tax data, in plain. Lives in memory only.

    Amazon's list of personal fields: "Access orders PII" for Orders 2026-01-01. `repr`, `str` and pickling show
    nothing, so that no log line or traceback can carry it. Country and region stay with the order, for tax.
    """

    first_name: str = ""
    last_name: str = ""
    company: str = ""
    address_lines: tuple[str, ...] = ()
    city: str = ""
    district: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""
    phone: str = ""
    email: str = ""
    gift_messages: dict[str, str] = Field(default_factory=dict)
    """Gift message per `order_item_id`."""
    customization_links: dict[str, str] = Field(default_factory=dict)
    """Link to the buyer's customisation per `order_item_id`."""
    purchase_order_number: str = ""
    """What a business buyer typed in as its number: free text, from a data set that needs the role for buyers."""
    tax_registrations: tuple[TaxRegistration, ...] = ()
    """The buyer's, for an invoice."""
    cancel_reason: str = ""
    """Why the buyer asks to cancel, in the words that Amazon tells: free text."""

    @classmethod
    def replaced(cls, country: str = "") -> PersonalData:
        """What a store shows once the data is gone: "Amazon Replaced" in every field, the country kept.

        What is no country code is dropped: it could be anything. Fields that not every order has stay empty.
        """
        return cls(
            first_name=AMAZON_REPLACED,
            last_name=AMAZON_REPLACED,
            company=AMAZON_REPLACED,
            address_lines=(AMAZON_REPLACED,),
            city=AMAZON_REPLACED,
            district=AMAZON_REPLACED,
            region=AMAZON_REPLACED,
            postal_code=AMAZON_REPLACED,
            country=country if _COUNTRY.fullmatch(country) else "",
            phone=AMAZON_REPLACED,
            email=AMAZON_REPLACED,
        )

    @classmethod
    def fulfilled_by_amazon(cls) -> PersonalData:
        """What a store shows for an FBA order: "FBA Orders" as first and last name, the address blank."""
        return cls(first_name=FBA_ORDERS, last_name=FBA_ORDERS)


class PersonalDataState(Model):
    """How an order's personal data stands in an event.

    - `sealed`: `seal` is opened with the API's open call until `dies_at`;
    - `redacted`: gone since `redacted_at`, `placeholder` reads "Amazon Replaced";
    - `none`: an order that Amazon fulfils has none, `placeholder` reads "FBA Orders";
    - `missing`: Amazon gave none (a role is not granted, or the order is still pending).
    """

    state: Literal["sealed", "redacted", "none", "missing"]
    seal: Seal | None = None
    dies_at: Moment | None = None
    redacted_at: Moment | None = None
    placeholder: PersonalData | None = None

    @model_validator(mode="after")
    def _nothing_in_plain(self) -> PersonalDataState:
        if self.state == "sealed" and (self.seal is None or self.dies_at is None):
            raise ValueError("sealed personal data needs `seal` and `dies_at`")
        if self.state != "sealed" and self.seal is not None:
            raise ValueError(f"personal data that is {self.state} has no seal")
        allowed = {
            "redacted": PersonalData.replaced(self.placeholder.country if self.placeholder else ""),
            "none": PersonalData.fulfilled_by_amazon(),
        }.get(self.state)
        if self.placeholder is not None and self.placeholder != allowed:
            raise ValueError("a placeholder carries no personal data: only the fixed words")
        return self

    @classmethod
    def sealed(cls, seal: str, dies_at: Moment) -> PersonalDataState:
        """Personal data under a seal that dies at `dies_at`."""
        return cls(state="sealed", seal=seal, dies_at=dies_at)

    @classmethod
    def redacted(cls, redacted_at: Moment, country: str = "") -> PersonalDataState:
        """Personal data that is gone."""
        return cls(state="redacted", redacted_at=redacted_at, placeholder=PersonalData.replaced(country))

    @classmethod
    def none(cls) -> PersonalDataState:
        """An order that Amazon fulfils."""
        return cls(state="none", placeholder=PersonalData.fulfilled_by_amazon())

    @classmethod
    def missing(cls) -> PersonalDataState:
        """Amazon gave none so far."""
        return cls(state="missing")
