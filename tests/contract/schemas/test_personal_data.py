"""Personal data shows nowhere, and nothing but a seal can carry it."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from pydantic import ValidationError
from rich.pretty import pretty_repr

from schemas.orders import OrderImported
from schemas.personal_data import AMAZON_REPLACED, PersonalData, PersonalDataState, TaxRegistration
from tests.parts.contract import EXAMPLES

SECRET = "Wilhelmina"
BUYER = PersonalData(
    first_name=SECRET,
    last_name=SECRET,
    company=SECRET,
    address_lines=(SECRET,),
    city=SECRET,
    district=SECRET,
    region=SECRET,
    postal_code=SECRET,
    country=SECRET,
    phone=SECRET,
    email=SECRET,
    gift_messages={"1": SECRET},
    customization_links={"1": SECRET},
    purchase_order_number=SECRET,
    tax_registrations=(TaxRegistration(number=SECRET, legal_name=SECRET),),
    cancel_reason=SECRET,
)
DIES_AT = datetime(2026, 12, 23, 9, tzinfo=UTC)


def test_the_buyer_above_has_a_secret_in_every_field() -> None:
    assert all(SECRET in str(value) for value in BUYER.model_dump().values())
    assert set(BUYER.model_dump()) == set(PersonalData.model_fields)


@pytest.mark.parametrize(
    "text",
    [
        repr(BUYER),
        str(BUYER),
        f"{BUYER}",
        f"{BUYER!r}",
        "%s %r" % (BUYER, BUYER),  # noqa: UP031 - the old way must hide it too
        "{0} {0!r}".format(BUYER),  # noqa: UP032 - and so must this one
        repr([BUYER]),
        str({"buyer": BUYER}),
        repr(PersonalDataState.model_construct(state="sealed", placeholder=BUYER)),
        pretty_repr({"buyer": BUYER}),
    ],
)
def test_no_text_of_it_shows_anything(text: str) -> None:
    assert "PersonalData" in text
    assert SECRET not in text


def test_logging_it_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").error("buyer %s %r", BUYER, BUYER, extra={"buyer": BUYER})
    for renderer in (structlog.processors.JSONRenderer(), structlog.dev.ConsoleRenderer(colors=False)):
        line = renderer(None, "error", {"event": "order", "buyer": BUYER})
        assert "PersonalData" in line
        assert SECRET not in line
    assert "PersonalData" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_never_pickled(protocol: int) -> None:
    for value in (BUYER, [BUYER], PersonalDataState.model_construct(state="none", placeholder=BUYER)):
        with pytest.raises(TypeError, match="never pickled"):
            pickle.dumps(value, protocol)


def test_it_is_no_json_unless_asked() -> None:
    with pytest.raises(TypeError) as caught:
        json.dumps({"buyer": BUYER})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("field", sorted(PersonalData.model_fields))
def test_an_error_does_not_quote_it(field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PersonalData.model_validate(BUYER.model_dump() | {field: [[SECRET]]})
    assert field in str(caught.value)
    assert SECRET not in f"{caught.value} {caught.value!r}"


def test_it_can_be_copied_in_memory() -> None:
    assert copy.deepcopy(BUYER) == BUYER


NOT_ALLOWED: list[dict[str, Any]] = [
    {"state": "redacted", "placeholder": BUYER},
    {"state": "none", "placeholder": BUYER},
    {"state": "missing", "placeholder": BUYER},
    {"state": "missing", "placeholder": PersonalData()},
    {"state": "sealed", "seal": "x", "dies_at": DIES_AT, "placeholder": BUYER},
    {"state": "sealed", "seal": "x"},
    {"state": "sealed", "dies_at": DIES_AT},
    {"state": "redacted", "seal": "x", "dies_at": DIES_AT},
    {"state": "missing", "seal": "x"},
    {"state": "none", "placeholder": PersonalData.replaced()},
    {"state": "redacted", "placeholder": PersonalData.fulfilled_by_amazon()},
    {"state": "sealed", "seal": "x" * 16385, "dies_at": DIES_AT},
    *(
        {"state": "redacted", "placeholder": PersonalData.replaced("US").model_dump() | {field: value}}
        for field, value in BUYER.model_dump().items()
    ),
    *(
        {"state": "none", "placeholder": PersonalData.fulfilled_by_amazon().model_dump() | {field: value}}
        for field, value in BUYER.model_dump().items()
    ),
]


@pytest.mark.parametrize("body", NOT_ALLOWED)
def test_a_state_carries_nothing_in_plain(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        PersonalDataState.model_validate(body)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "state",
    [
        PersonalDataState.sealed("a.b.c", DIES_AT),
        PersonalDataState.redacted(DIES_AT, "US"),
        PersonalDataState.redacted(DIES_AT),
        PersonalDataState.none(),
        PersonalDataState.missing(),
    ],
    ids=lambda state: state.state,
)
def test_each_state_travels(state: PersonalDataState) -> None:
    order = OrderImported.model_validate(EXAMPLES["order.imported"] | {"personal_data": state})
    read = OrderImported.model_validate_json(order.model_dump_json(exclude_none=True))
    assert read.personal_data == state


def test_redacted_means_the_manuals_words_everywhere() -> None:
    not_of_every_order = {
        "gift_messages",
        "customization_links",
        "purchase_order_number",
        "tax_registrations",
        "cancel_reason",
    }
    words = PersonalData.replaced("US").model_dump(exclude={"country", *not_of_every_order})
    assert {value if isinstance(value, str) else value[0] for value in words.values()} == {AMAZON_REPLACED}


def test_redaction_never_fails_on_an_odd_country() -> None:
    """Amazon's country is its business: what is no ISO 3166 code is dropped, since it could be anything."""
    state = PersonalDataState.redacted(DIES_AT, f"12 Main St, {SECRET}")
    assert state.placeholder is not None
    assert state.placeholder.country == ""
