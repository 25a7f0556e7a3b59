"""The table of Amazon's carrier codes is sound, and has those of the public lists."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orderbridge.carriers import TABLE, CarrierTable, carrier_code, spelt_plainly
from orderbridge.carriers.table import words_of

HELP_PAGE_641 = [
    "Blue Package",
    "USPS",
    "UPS",
    "UPSMI",
    "FedEx",
    "DHL",
    "DHL Global Mail",
    "Fastway",
    "UPS Mail Innovations",
    "Lasership",
    "Royal Mail",
    "FedEx SmartPost",
    "OSM",
    "OnTrac",
    "Streamlite",
    "Newgistics",
    "Canada Post",
    "City Link",
    "GLS",
    "GO!",
    "Hermes Logistik Gruppe",
    "Parcelforce",
    "TNT",
    "Target",
    "SagawaExpress",
    "NipponExpress",
    "YamatoTransport",
    "Ninjavan",
    "Qxpress",
    "Singapore Post",
    "4PX",
    "Yanwen",
    "Aramex",
    "China Post",
    "DHL eCommerce",
    "SF Express",
]


def test_singapores_list_is_the_help_pages() -> None:
    assert sorted(HELP_PAGE_641) == sorted(one.code for one in TABLE.carriers if "SG" in one.marketplaces)
    assert len(TABLE.carriers) > 40


def test_a_code_is_valid_where_amazons_list_has_it_or_is_not_known() -> None:
    ups, dpd = TABLE.by_code["UPS"], TABLE.by_code["DPD"]
    assert TABLE.valid_in(ups, "SG")
    assert not TABLE.valid_in(dpd, "SG")
    assert TABLE.valid_in(dpd, "DE")
    assert TABLE.valid_in(dpd, None)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"carriers": [{"code": "A"}, {"code": "A"}]}, "a code stands there twice"),
        ({"carriers": [{"code": "A"}, {"code": "B", "spellings": ["a!"]}]}, "a! is A and B"),
        ({"carriers": [{"code": "A", "marketplaces": ["XX"]}]}, "there is no marketplace XX"),
        ({"carriers": [{"code": "A", "color": "red"}]}, "color"),
        ({"carriers": [{"name": "A"}]}, "code"),
        ({"carriers": [{"code": "Other one"}], "no_carrier": ["other ONE"]}, "names a carrier"),
    ],
)
def test_an_unsound_table_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        CarrierTable.model_validate({"carriers": [], "whole_lists": [], "no_carrier": [], **change})


@pytest.mark.parametrize(
    ("text", "code"), [("ups", "UPS"), ("royal-mail", "Royal Mail"), ("OTHER", "Other"), ("go!", "GO!")]
)
def test_a_code_is_read_in_any_case(text: str, code: str) -> None:
    assert carrier_code(text) == code


def test_an_unknown_code_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="'Feddex' is none of Amazon's carrier codes; nearest are FedEx, "):
        carrier_code("Feddex")


@given(st.text())
def test_plain_spelling_is_plain_already(name: str) -> None:
    assert spelt_plainly(spelt_plainly(name)) == spelt_plainly(name)


def test_a_carrier_with_a_name_of_its_own_keeps_it_with_a_service_behind_it() -> None:
    """`DPD Local Next Day` would be a service of DPD's, were `DPD Local` not to be had with one."""
    for carrier in TABLE.by_code.values():
        words = words_of(carrier.name)
        if TABLE.by_spelling.get("".join(words)) is not carrier:
            continue  # a code of another country's: it is found by that name's carrier
        beginnings = ["".join(words[:count]) for count in range(1, len(words))]
        others = [TABLE.by_spelling.get(one) for one in beginnings]
        assert carrier.services or not any(other is not None and other.services for other in others), carrier.code
