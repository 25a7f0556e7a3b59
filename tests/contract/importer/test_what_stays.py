"""Which of Amazon's texts are sealed and which stay in plain is just what docs/data-protection.md says.

Every text in Amazon's own model gets a canary; what is found in the sealed part and in the order's document is compared
with the page's tables. A text that the page does not name is in neither: it is dropped.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.settings import AccountSettings
from orderbridge.amazon import Order
from orderbridge.database.models import Base
from orderbridge.vault.jwe import MAX_PAYLOAD_BYTES
from schemas.base import Model
from schemas.personal_data import HiddenModel, PersonalDataState
from services.importer.mapping import to_document
from services.importer.personal_fields import extract
from tests.parts.amazon_fields import order_of_canaries
from tests.parts.hand_clock import START
from tests.parts.needles import Search, word
from tests.unit.docs.documents import table

ACCOUNT = ConnectedAccount(
    connected=True, account_id="main", marketplace_ids=(), settings=AccountSettings(), connected_at=START
)
PAGE = "docs/data-protection.md"


def with_other_fields(order: dict[str, Any]) -> dict[str, Any]:
    """The same as sellers elsewhere have it: fields that count only where others are missing."""
    address = order["recipient"]["deliveryAddress"]
    missing = {"name", "companyName", "city", "addressLine1", "addressLine2", "addressLine3"}
    changed = {name: value for name, value in address.items() if name not in missing}
    registration = order["tax"]["taxRegistrations"][0]
    attributes = [{**registration["taxRegistrationAttributes"][0], "key": "TAX_OFFICE"}]
    return {
        **order,
        "recipient": {**order["recipient"], "deliveryAddress": changed},
        "orderAliases": [{**order["orderAliases"][0], "aliasType": "SELLER_ORDER_ID"}],
        "associatedOrders": [{**order["associatedOrders"][0], "associationType": "EXCHANGE_ORIGINAL_ID"}],
        "tax": {**order["tax"], "taxRegistrations": [{**registration, "taxRegistrationAttributes": attributes}]},
    }


class Fields:
    """Where the canaries of Amazon's fields turn up."""

    def __init__(self, models: Path) -> None:
        whole, self.paths = order_of_canaries(models, word)
        orders = [Order.model_validate(one) for one in (whole, with_other_fields(whole))]
        self.sealed = self._in("".join(extract(order).model_dump_json() for order in orders))
        self.in_plain = self._in("".join(to_document(ACCOUNT, order, None).model_dump_json() for order in orders))
        self.whole = whole

    def _in(self, text: str) -> set[str]:
        search = Search()
        search.text("it", text.encode())
        return {self.paths[number] for number in search.numbers()}


@pytest.fixture(scope="module")
def fields(amazon_models: Path) -> Fields:
    return Fields(amazon_models)


def named(heading: str) -> set[str]:
    rows = table(PAGE, heading)
    assert all(cell for row in rows for cell in row)
    return {row[0].strip("`") for row in rows}


@pytest.mark.models
def test_what_is_personal_is_sealed(fields: Fields) -> None:
    assert fields.sealed == named("What is personal")


@pytest.mark.models
def test_what_stays_in_plain_is_said(fields: Fields) -> None:
    no_canary = {"recipient.deliveryAddress.stateOrRegion", "associatedOrders.orderId"}  # a code, and of its own form
    assert fields.in_plain == named("What stays") - no_canary


@pytest.mark.models
def test_only_a_regions_code_and_the_country_are_in_both(fields: Fields) -> None:
    both = named("What is personal") & named("What stays")
    assert both == {"recipient.deliveryAddress.stateOrRegion", "recipient.deliveryAddress.countryCode"}


@pytest.mark.models
@pytest.mark.parametrize(
    ("region", "stays"),
    [
        *((code, True) for code in ("WA", "NSW", "13", "2A", "CA-ON", "JP-13", "DE-BW")),
        *(
            (typed, False)
            for typed in ("Washington", "Wa", "10115", "90210", "LONDON", "SW1A-2", "ANNA", "D-10115", "WA\n")
        ),
    ],
)
def test_a_region_stays_as_a_code_alone(fields: Fields, region: str, stays: bool) -> None:
    """What else may stand there, short as it may be, somebody has typed: a postal code, a town, a name."""
    assert region_in_plain(fields, region) == (region if stays else None)


@pytest.mark.models
@pytest.mark.parametrize(("was", "stays"), [("WA", "WA"), ("10115", None)])
def test_what_an_earlier_version_kept_of_a_region_goes_with_the_next_news(
    fields: Fields, was: str, stays: str | None
) -> None:
    known = to_document(ACCOUNT, Order.model_validate(fields.whole), None).model_copy(update={"ship_to_region": was})
    told = {name: value for name, value in fields.whole.items() if name != "recipient"}
    assert to_document(ACCOUNT, Order.model_validate(told), known).ship_to_region == stays
    assert known.redacted().ship_to_region == stays


def region_in_plain(fields: Fields, region: str) -> str | None:
    address = fields.whole["recipient"]["deliveryAddress"]
    recipient = {"deliveryAddress": {**address, "stateOrRegion": region}}
    return to_document(ACCOUNT, Order.model_validate({**fields.whole, "recipient": recipient}), None).ship_to_region


@pytest.mark.models
def test_the_sellers_and_amazons_own_registrations_are_dropped(fields: Fields) -> None:
    registration = fields.whole["tax"]["taxRegistrations"][0]
    for entity in ("MERCHANT", "MARKETPLACE"):
        tax = {"taxRegistrations": [{**registration, "entityType": entity}]}
        assert extract(Order.model_validate({**fields.whole, "tax": tax})).tax_registrations == ()


@pytest.mark.models
def test_the_whole_of_it_fits_into_a_seal(fields: Fields) -> None:
    assert len(extract(Order.model_validate(fields.whole)).model_dump_json()) < MAX_PAYLOAD_BYTES


PERSONAL = re.compile(
    r"(buyer|recipient|customer|first|last|legal)_?(name|email|company)|address|street|city|district|postal|phone"
    r"|^e?mail|gift_mess|customi[sz]ation|purchase_order|tax_(number|registration)|cancel_reason|^company"
)
"""Names that a personal field would have."""


def models() -> set[type[Model]]:
    found: set[type[Model]] = set()
    waiting: list[type[Model]] = [Model]
    while waiting:
        for child in waiting.pop().__subclasses__():
            if child.__module__.startswith("schemas.") and child not in found:
                found.add(child)
                waiting.append(child)
    return found


def test_no_other_model_has_a_personal_field() -> None:
    others = {model for model in models() if not issubclass(model, HiddenModel)}
    assert len(others) > 20
    assert PersonalDataState in others
    assert [f"{one.__name__}.{name}" for one in others for name in one.model_fields if PERSONAL.search(name)] == []


def test_the_hidden_models_have_such_names() -> None:
    """Or the list of names would be no list of names."""
    (personal,) = (model for model in models() if model.__name__ == "PersonalData")
    unlike = {"first_name", "last_name", "region", "country"}
    assert [name for name in personal.model_fields if not PERSONAL.search(name) and name not in unlike] == []
    assert all(model.__module__ == "schemas.personal_data" for model in models() if issubclass(model, HiddenModel))


def test_no_table_has_a_personal_column() -> None:
    columns = [f"{table}.{column.name}" for table in Base.metadata.tables.values() for column in table.columns]
    assert [name for name in columns if PERSONAL.search(name.rpartition(".")[2])] == []
