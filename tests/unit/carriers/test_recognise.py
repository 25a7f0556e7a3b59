"""Which carrier is meant by a name and a number, and which numbers are worth a warning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbridge.carriers import TABLE, carrier_by_name, carrier_by_number, find_carrier, tracking_warning
from tests.unit.carriers.numbers import MISTYPED, PUBLISHED

US, GB, CA, JP, SG = "ATVPDKIKX0DER", "A1F83G8C2ARO7P", "A2EUQ1WTGCTBG2", "A1VC38T7YXB528", "A19VAU5U5O7RUS"
UPS = "1Z999AA10123456784"


@pytest.mark.parametrize(
    ("spelling", "code"),
    [
        ("ups", "UPS"),
        ("U.P.S.", "UPS"),
        ("United Parcel Service", "UPS"),
        ("UPS Ground", "UPS"),
        ("ups_next_day_air", "UPS"),
        ("U.P.S. Ground", "UPS"),
        ("UPS Mail Innovations", "UPS Mail Innovations"),
        ("UPS Mail Innovations Expedited", "UPS Mail Innovations"),
        ("DPD Local Next Day", "DPD Local"),
        ("DHL Parcel UK Next Day", "DHL Parcel UK"),
        ("DHL Freight Euroconnect", "DHL Freight"),
        ("FedEx Freight Priority", "Fedex Freight"),
        ("upsmi", "UPSMI"),
        ("usps", "USPS"),
        ("United States Postal Service", "USPS"),
        ("USPS Priority Mail", "USPS"),
        ("U.S. Postal Service", "USPS"),
        ("fedex", "FedEx"),
        ("Fed Ex Ground", "FedEx"),
        ("Federal-Express", "FedEx"),
        ("FedEx Home Delivery", "FedEx"),
        ("FedEx SmartPost Bound Printed Matter", "FedEx SmartPost"),
        ("FEDEX_JP", "FedEx"),
        ("royal mail", "Royal Mail"),
        ("RoyalMail Tracked 48", "Royal Mail"),
        ("DHL Express", "DHL"),
        ("DHL eCommerce", "DHL eCommerce"),
        ("dhl-paket", "DHL"),
        ("DHL GO Green", "DHL"),
        ("Deutsche Post", "Deutsche Post"),
        ("Colis Privé", "Colis Prive"),
        ("colis prive", "Colis Prive"),
        ("go", "GO!"),
        ("Hermes", "Hermes Logistik Gruppe"),
        ("Evri", "Hermes UK"),
        ("ヤマト運輸", "YamatoTransport"),
        ("YAMATO", "YamatoTransport"),
        ("".join(chr(ord(one) + 0xFEE0) for one in "UPS"), "UPS"),
    ],
)
def test_a_carrier_is_known_by_any_spelling(spelling: str, code: str) -> None:
    named = carrier_by_name(spelling)
    assert named is not None
    assert named.code == code


@pytest.mark.parametrize(
    "spelling",
    [
        "Bike Courier",
        "Upstream Logistics",
        "Target Logistics",
        "TNT Post",
        "Correos de Chile",
        "UPS / FedEx",
        "DHL or UPS Ground",
        "Go Express",
        "Other",
        "",
        "!!!",
        "Ground",
    ],
)
def test_an_unknown_or_unclear_name_is_no_carrier(spelling: str) -> None:
    assert carrier_by_name(spelling) is None


@pytest.mark.parametrize("code", TABLE.by_code)
def test_every_code_is_known_by_itself(code: str) -> None:
    named = carrier_by_name(f" {code.upper()} ")
    assert named is not None
    assert named.code == (TABLE.by_code[code].same_as or code)


@pytest.mark.parametrize(
    ("name", "number", "marketplace_id", "expected"),
    [
        ("UPS", "nonsense", US, ("UPS", "UPS", "name")),
        ("fedex", UPS, US, ("FedEx", "FedEx", "name")),  # the name wins, the number is only checked
        ("upsmi", "1", US, ("UPSMI", "UPS Mail Innovations", "name")),
        ("DPD", "1", GB, ("DPD", "DPD", "name")),
        ("DPD", "1", SG, ("Other", "DPD", "name")),  # not in Singapore's list
        ("", UPS, US, ("UPS", "UPS", "number")),
        ("other", UPS, US, ("UPS", "UPS", "number")),
        ("Sendcloud", UPS, US, ("UPS", "UPS", "number")),
        ("other", "9400111201080805483016", US, ("USPS", "USPS", "number")),
        ("other", "RB123456785CA", CA, ("Canada Post", "Canada Post", "number")),
        ("other", "RB123456785NL", GB, ("Other", "PostNL", "number")),
        ("other", "986578788855", US, ("FedEx", "FedEx", "number")),
        ("Bike Courier", "986578788855", US, ("Other", "Bike Courier", "nothing")),  # a tenth of all numbers would do
        ("other", "986578788855", JP, ("Other", "other", "nothing")),
        ("other", "200961185434", JP, ("Other", "other", "nothing")),  # Yamato's, Sagawa's or Japan Post's
        ("other", "0073938000549297", CA, ("Canada Post", "Canada Post", "number")),
        ("other", "0073938000549297", GB, ("Other", "other", "nothing")),
        ("other", "RB123456785GB", GB, ("Other", "other", "nothing")),  # Royal Mail's or Parcelforce's
        ("other", "9261292700768711948021", US, ("Other", "other", "nothing")),  # USPS, SmartPost, SurePost …
        ("other", "1Z999AA10123456785", US, ("Other", "other", "nothing")),  # mistyped
        ("other", "0000000000", US, ("Other", "other", "nothing")),
        ("other", "1234567891", US, ("Other", "other", "nothing")),  # a tenth of all ten digits are a DHL waybill
        ("other", "1234567891", GB, ("Other", "other", "nothing")),
        ("other", "JJD000390007882823451", US, ("Other", "other", "nothing")),  # no check digit to go by
        ("  ", "x", US, ("Other", "Other", "nothing")),
        (" Bike Courier ", "x", None, ("Other", "Bike Courier", "nothing")),
        ("顺丰", "x", US, ("SF Express", "SF Express", "name")),
        ("!!!", "x", US, ("Other", "!!!", "nothing")),
    ],
)
def test_what_amazon_is_told(
    name: str, number: str, marketplace_id: str | None, expected: tuple[str, str, str]
) -> None:
    found = find_carrier(name, number, mapping={}, marketplace_id=marketplace_id)
    assert (found.code, found.name, found.found_by) == expected


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("UPS", "Other", "UPS"),  # the account's own word comes first
        ("dhl paket", "DHL Parcel UK", "DHL Parcel UK"),
        ("DHL-Paket!", "DHL Parcel UK", "DHL Parcel UK"),
        ("Ma Poste", "GONE", "Ma Poste"),  # set when the table still had it
    ],
)
def test_the_accounts_mapping_comes_first(name: str, code: str, told: str) -> None:
    mapping = {"u.p.s": "Other", "DHL Paket": "DHL Parcel UK", "ma poste": "GONE"}
    found = find_carrier(name, UPS, mapping=mapping, marketplace_id=US)
    assert (found.code, found.name, found.found_by) == (code, told, "mapping")


@given(st.text(), st.text(), st.sampled_from([US, SG, "A-NEW-ONE", None]))
def test_any_strings_have_an_answer(name: str, number: str, marketplace_id: str | None) -> None:
    found = find_carrier(name, number, mapping={"x": "UPS"}, marketplace_id=marketplace_id)
    assert found.code
    assert found.name
    assert tracking_warning(found.code, number) is None or found.found_by != "number"


def first_words(numbers: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """The carrier that a form begins with, where Amazon has it, and each number."""
    named = [(name.split(" ")[0], number) for name, some in numbers.items() for number in some]
    return [(carrier, number) for carrier, number in named if carrier in TABLE.by_code]


@pytest.mark.parametrize(("carrier", "number"), first_words(PUBLISHED))
def test_published_numbers_raise_no_warning(carrier: str, number: str) -> None:
    assert tracking_warning(carrier, number) is None


@pytest.mark.parametrize(
    ("carrier", "number"),
    [
        *first_words(MISTYPED),
        ("Canada Post", "0073938000549292"),
        ("Canada Post", "RB123456786CA"),
        ("Royal Mail", "RB123456786GB"),
        ("Parcelforce", "RB123456786GB"),
        ("DHL eCommerce", "9261292700768711948020"),
        ("YamatoTransport", "2009-6118-5435"),
    ],
)
def test_mistyped_numbers_are_warned_of(carrier: str, number: str) -> None:
    warning = tracking_warning(carrier, number)
    assert warning is not None
    assert "looks mistyped: its check digit" in warning


@pytest.mark.parametrize(
    ("carrier", "number", "whose"),
    [
        ("USPS", UPS, "UPS"),
        ("FedEx", UPS, "UPS"),
        ("UPS", "9400111201080805483016", "USPS"),
        ("UPS", "RB123456785GB", "Royal Mail or Parcelforce"),
        ("FedEx", "RB123456785CV", "a postal operator"),
        ("USPS", "9611020987654312345672", "FedEx"),
        ("UPS", "00340434161094042557", "DHL"),
    ],
)
def test_another_carriers_number_is_warned_of(carrier: str, number: str, whose: str) -> None:
    assert tracking_warning(carrier, number) == (
        f"{number} is a tracking number of {whose}, not of {carrier}: check the carrier and the number."
    )


def test_a_ups_number_of_another_length_is_warned_of() -> None:
    assert "has 18 characters, and this has 17" in str(tracking_warning("UPS", UPS[:-1]))
    assert "and this has 19" in str(tracking_warning("UPS", f"{UPS}4"))


@pytest.mark.parametrize(
    ("carrier", "number"),
    [
        ("UPS", "92748931507708513018050063"),  # SurePost
        ("UPS", "986578788855"),
        ("UPS", "123456789"),
        ("FedEx", "112345678"),
        ("FedEx SmartPost", "9261292700768711948021"),
        ("Royal Mail", "RB123456785US"),  # posts deliver each other's
        ("DHL", "RB123456785DE"),
        ("DHL", "JJD000390007882823451"),
        ("USPS", "70123456789012345678"),  # a form whose rule is not known
        ("Other", "1Z999AA10123456785"),
        ("Yanwen", UPS),  # nothing is known of its numbers
        ("No such code", UPS),
        ("UPS", ""),
        ("UPS", "1Z\x00"),
    ],
)
def test_there_are_no_false_alarms(carrier: str, number: str) -> None:
    assert tracking_warning(carrier, number) is None


@pytest.mark.timeout(10)
def test_a_long_name_takes_no_long_time() -> None:
    assert carrier_by_name("UPS " + "a " * 5_000) is TABLE.by_code["UPS"]
    assert find_carrier("a " * 5_000, "1" * 100_000, mapping={}, marketplace_id=US).code == "Other"
    assert tracking_warning("UPS", "1Z" + "0" * 100_000) is None


def test_a_number_alone_may_be_asked_about() -> None:
    assert carrier_by_number("986578788855") == "FedEx"  # its check digit is not the Japanese one
    assert carrier_by_number("986578788855", certain=True) is None
    assert carrier_by_number(UPS, certain=True) == "UPS"
