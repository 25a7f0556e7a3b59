"""`orderbridge carriers`: the codes, and what a spelling or a tracking number is taken for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.parts.command_line import Command

US_UPS = "1Z999AA10123456784"


def test_all_codes_are_listed(command: Command) -> None:
    rows = json.loads(command("carriers", "--json").stdout)
    (ups,) = [row for row in rows if row["code"] == "UPS"]
    assert ups == {
        "code": "UPS",
        "name": "UPS",
        "listed_in": ["SG"],
        "spellings": ["United Parcel Service", "United Parcel Services"],
    }
    text = command("carriers").stdout
    assert "Canada Post" in text
    assert "Postes Canada" in text


@pytest.mark.parametrize("marketplace", ["SG", "A19VAU5U5O7RUS"])
def test_where_a_list_is_known_the_rest_is_left_out(command: Command, marketplace: str) -> None:
    codes = {row["code"] for row in json.loads(command("carriers", "--marketplace", marketplace, "--json").stdout)}
    assert "UPS" in codes
    assert "DPD" not in codes


@pytest.mark.parametrize(
    ("arguments", "carrier", "formats"),
    [
        (["FedEx Ground"], {"code": "FedEx", "name": "FedEx", "found_by": "name"}, []),
        (["dpd", "--marketplace", "SG"], {"code": "Other", "name": "DPD", "found_by": "name"}, []),
        (
            [US_UPS],
            {"code": "UPS", "name": "UPS", "found_by": "number"},
            [{"format": "UPS 1Z", "carriers": ["UPS"], "check_digit": "right"}],
        ),
        (
            ["1Z999AA10123456785"],
            None,
            [{"format": "UPS 1Z", "carriers": ["UPS"], "check_digit": "wrong"}],
        ),
        (
            ["JJD000390007882823451"],
            None,
            [{"format": "DHL licence plate", "carriers": ["DHL"], "check_digit": "not known"}],
        ),
        (["Bike Courier"], None, []),
        (["other"], None, []),
    ],
)
def test_what_a_text_is_taken_for(
    command: Command, arguments: list[str], carrier: dict[str, str] | None, formats: list[dict[str, Any]]
) -> None:
    told = json.loads(command("carriers", *arguments, "--json").stdout)
    assert told == {"text": arguments[0], "carrier": carrier, "formats": formats}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("UPS Ground", "UPS Ground names UPS. Amazon is told the carrier code UPS, with the name UPS."),
        (
            US_UPS,
            "has the form of UPS (UPS 1Z); its check digit is right.\nWhere the store names no carrier: Amazon is",
        ),
        ("1Z999AA10123456785", "its check digit is wrong.\nWhere the store names no carrier, none is guessed from it."),
        ("RB123456785CV", "has the form of a postal operator (UPU S10 (post)); its check digit is right."),
        ("[/red]", "[/red] is no carrier that is known"),
    ],
)
def test_it_says_so_in_plain_words(command: Command, text: str, told: str) -> None:
    assert told in command("carriers", text).stdout


def test_an_unknown_marketplace_is_wrong_usage(command: Command) -> None:
    result = command("carriers", "--marketplace", "Atlantis")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "there is no marketplace Atlantis" in result.stderr
