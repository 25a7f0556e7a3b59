"""The table of marketplaces, and the seller's participations."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import pytest

from orderbridge.amazon import BadAnswer, get_marketplace_participations, marketplace
from orderbridge.amazon.marketplaces import MARKETPLACES, marketplace_of_country, marketplace_of_domain
from tests.unit.amazon.loopback import Loopback, said, then


def test_each_entry_is_whole() -> None:
    assert len(MARKETPLACES) == 23
    assert len({known.country for known in MARKETPLACES.values()}) == 23
    assert len({known.domain for known in MARKETPLACES.values()}) == 23
    for known in MARKETPLACES.values():
        assert ZoneInfo(known.time_zone)
        assert re.fullmatch(r"[A-Z]{2}", known.country)
        assert re.fullmatch(r"[A-Z]{3}", known.currency)
        assert re.fullmatch(r"sellercentral(-europe)?\.amazon\.[a-z.]+", known.seller_central)
        assert re.fullmatch(r"amazon\.[a-z]{2,3}(\.[a-z]{2})?", known.domain)
        assert known.seller_central in ("sellercentral-europe.amazon.com", f"sellercentral.{known.domain}")
        assert known.api_url == f"https://sellingpartnerapi-{known.region}.amazon.com"


def test_a_marketplace_is_found_by_id_and_country() -> None:
    japan = marketplace("A1VC38T7YXB528")

    assert japan is not None
    assert (japan.country, japan.region, japan.currency, japan.time_zone) == ("JP", "fe", "JPY", "Asia/Tokyo")
    assert marketplace_of_country("jp") == japan
    assert marketplace_of_country("UK") == marketplace_of_country("GB") == marketplace("A1F83G8C2ARO7P")
    assert marketplace("ELSEWHERE") is None
    assert marketplace_of_country("AQ") is None


@pytest.mark.parametrize(
    ("domain", "country"),
    [
        ("Amazon.com", "US"),
        ("www.amazon.de", "DE"),
        ("Amazon.co.jp", "JP"),
        ("Amazon.jp", "JP"),
        (" AMAZON.COM.MX ", "MX"),
        ("Amazon", None),
        ("Non-Amazon", None),
        ("", None),
    ],
)
def test_a_marketplace_is_found_by_its_shops_domain(domain: str, country: str | None) -> None:
    found = marketplace_of_domain(domain)
    assert (found and found.country) == country


def test_a_participation_may_be_in_a_marketplace_we_do_not_know(amazon: Loopback) -> None:
    entry = {
        "marketplace": {
            "id": "A0MOON",
            "name": "Amazon.moon",
            "countryCode": "MN",
            "defaultCurrencyCode": "MNC",
            "defaultLanguageCode": "en_MN",
            "domainName": "www.amazon.moon",
        },
        "storeName": "BestSellerStore",
        "participation": {"isParticipating": True, "hasSuspendedListings": False},
    }
    amazon.api = then(said({"payload": [entry]}), said({"payload": [{"storeName": "x"}]}))
    connection = amazon.connection()
    (found,) = get_marketplace_participations(connection).participations

    assert amazon.api_calls[0].target == "/sellers/v1/marketplaceParticipations"
    assert (found.marketplace.id, found.store_name) == ("A0MOON", "BestSellerStore")
    assert found.participation.is_participating
    with pytest.raises(BadAnswer, match=r"payload\.0\.marketplace"):
        get_marketplace_participations(connection)
