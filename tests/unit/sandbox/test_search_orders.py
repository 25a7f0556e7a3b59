"""searchOrders: parameters, the two-minute lag, pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.accounts import Account
from sandbox.clock import ManualClock
from sandbox.database import Database
from sandbox.errors import AmazonError
from sandbox.placing import OrderWish
from sandbox.seller_central import SellerCentral

Ids = Callable[..., list[str]]
EARLY = "2026-11-01T00:00:00Z"


@pytest.fixture
def ids(central: SellerCentral, account: Account) -> Ids:
    """The ids that a search finds on its first page."""

    def search(**query: str) -> list[str]:
        return [order["orderId"] for order in central.search_orders(query, account)["orders"]]

    return search


def refusal(central: SellerCentral, account: Account, query: dict[str, str]) -> AmazonError:
    with pytest.raises(AmazonError) as caught:
        central.search_orders(query, account)
    return caught.value


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"createdAfter": EARLY, "lastUpdatedAfter": EARLY},
        {"createdAfter": EARLY, "lastUpdatedBefore": EARLY},
        {"lastUpdatedAfter": EARLY, "createdBefore": EARLY},
        {"lastUpdatedBefore": EARLY},
        {"lastUpdatedAfter": "TEST_CASE_400"},
        {"lastUpdatedAfter": "2026-11-01T00:00:00+00:00"},
        {"lastUpdatedAfter": "2026-11-01"},
        {"lastUpdatedAfter": ""},
        {"lastUpdatedAfter": "2026-11-23T12:00:01Z"},  # the future
        {"lastUpdatedAfter": EARLY, "lastUpdatedBefore": "2026-10-31T23:59:59Z"},
        {"lastUpdatedAfter": EARLY, "lastUpdatedBefore": "2026-11-23T11:58:01Z"},  # 119 s ago
        {"createdAfter": EARLY, "createdBefore": "2026-11-23T11:58:01Z"},
        {"lastUpdatedAfter": EARLY, "maxResultsPerPage": "0"},
        {"lastUpdatedAfter": EARLY, "maxResultsPerPage": "101"},
        {"lastUpdatedAfter": EARLY, "maxResultsPerPage": "ten"},
        {"lastUpdatedAfter": EARLY, "includedData": "FULFILMENT"},
        {"lastUpdatedAfter": EARLY, "includedData": "BUYER;RECIPIENT"},
        {"lastUpdatedAfter": EARLY, "fulfillmentStatuses": "Unshipped"},
        {"lastUpdatedAfter": EARLY, "fulfilledBy": "MFN"},
        {"lastUpdatedAfter": EARLY, "marketplaceIds": "US"},
        {"lastUpdatedAfter": EARLY, "marketplaceIds": ",".join(["ATVPDKIKX0DER"] * 51)},
        {"lastUpdatedAfter": EARLY, "paginationToken": "2YgYW55IGNhcm5hbCBwbGVhc3VyZS4"},
        {"lastUpdatedAfter": EARLY, "paginationToken": "é.é"},
    ],
)
def test_a_wrong_parameter_is_refused(central: SellerCentral, account: Account, query: dict[str, str]) -> None:
    error = refusal(central, account, query)
    assert (error.status, error.code) == (400, "InvalidInput")


def test_a_marketplace_of_others_is_denied(central: SellerCentral, account: Account) -> None:
    query = {"lastUpdatedAfter": EARLY, "marketplaceIds": "A1VC38T7YXB528"}
    assert refusal(central, account, query).status == 403


@pytest.mark.parametrize("group", ["lastUpdated", "created"])
def test_an_order_shows_after_two_minutes(
    central: SellerCentral, account: Account, clock: ManualClock, place: Any, group: str
) -> None:
    order_id = place()
    for seconds, shown in ((0, []), (119, []), (1, [order_id])):
        clock.advance(seconds)
        answer = central.search_orders({f"{group}After": EARLY}, account)
        assert [order["orderId"] for order in answer["orders"]] == shown
    assert answer[f"{group}Before"] == "2026-11-23T12:00:00Z"
    assert "pagination" not in answer
    # Where the window ends exactly two minutes ago, it may be asked for.
    assert central.search_orders({f"{group}After": EARLY, f"{group}Before": "2026-11-23T12:00:00Z"}, account)["orders"]


def test_speed_shortens_the_lag(database: Database, account: Account, clock: ManualClock) -> None:
    central = SellerCentral(database, clock, speed=60)
    central.place_orders(OrderWish())
    clock.advance(2)
    assert len(central.search_orders({"lastUpdatedAfter": EARLY}, account)["orders"]) == 1


def test_an_order_of_the_past_shows_by_when_it_came(
    central: SellerCentral, account: Account, clock: ManualClock, place: Any, ids: Ids
) -> None:
    order_id = place(created_at="2026-10-25T09:14:05.5+01:00")
    assert ids(createdAfter="2026-10-01T00:00:00Z") == []  # placed less than two minutes ago
    clock.advance(120)
    assert ids(createdAfter="2026-10-01T00:00:00Z", createdBefore="2026-10-25T08:14:05Z") == [order_id]
    assert ids(createdAfter="2026-10-25T08:14:06Z") == []
    answer = central.search_orders({"lastUpdatedAfter": "2026-11-23T12:00:00Z"}, account)["orders"]
    assert [(order["createdTime"], order["lastUpdatedTime"]) for order in answer] == [
        ("2026-10-25T08:14:05Z", "2026-11-23T12:00:00Z")
    ]


def test_filters(clock: ManualClock, place: Any, ids: Ids) -> None:
    merchant, amazon, pending = place(), place(fulfilled_by="AMAZON"), place(status="PENDING")
    german = place(marketplace_id="A1PA6795UKMFR9")
    clock.advance(120)
    everything = {merchant, amazon, pending, german}
    assert set(ids(lastUpdatedAfter=EARLY)) == everything
    assert set(ids(lastUpdatedAfter=EARLY, fulfilledBy="AMAZON")) == {amazon}
    assert set(ids(lastUpdatedAfter=EARLY, fulfillmentStatuses="PENDING,SHIPPED")) == {pending}
    assert set(ids(lastUpdatedAfter=EARLY, marketplaceIds="A1PA6795UKMFR9")) == {german}
    assert set(ids(lastUpdatedAfter=EARLY, marketplaceIds="A1PA6795UKMFR9,ATVPDKIKX0DER")) == everything


def test_an_account_sees_its_own_orders(central: SellerCentral, clock: ManualClock, place: Any) -> None:
    other = Account(account="other")
    central.save_account(other)
    place()
    own = place(account="other")
    clock.advance(120)
    answer = central.search_orders({"lastUpdatedAfter": EARLY}, other)
    assert [order["orderId"] for order in answer["orders"]] == [own]


def read_all(central: SellerCentral, account: Account, query: dict[str, str]) -> list[list[str]]:
    pages = []
    answer = central.search_orders(query, account)
    while True:
        pages.append([order["orderId"] for order in answer["orders"]])
        if "pagination" not in answer:
            return pages
        answer = central.search_orders(query | {"paginationToken": answer["pagination"]["nextToken"]}, account)


@pytest.mark.parametrize("group", ["lastUpdated", "created"])
@pytest.mark.parametrize(("count", "sizes"), [(0, [0]), (9, [9]), (10, [10]), (11, [10, 1]), (25, [10, 10, 5])])
def test_pages_hold_every_order_once(
    central: SellerCentral, account: Account, clock: ManualClock, group: str, count: int, sizes: list[int]
) -> None:
    placed = central.place_orders(OrderWish(count=count)) if count else []
    clock.advance(120)
    pages = read_all(central, account, {f"{group}After": EARLY, "maxResultsPerPage": "10"})
    assert [len(page) for page in pages] == sizes
    assert sorted(order_id for page in pages for order_id in page) == sorted(placed)


def test_an_order_that_changes_during_paging_is_found_by_the_next_window(
    central: SellerCentral, account: Account, clock: ManualClock, place: Any
) -> None:
    placed = []
    for _ in range(3):
        placed.append(place())
        clock.advance(1)
    clock.advance(120)
    query = {"lastUpdatedAfter": EARLY, "maxResultsPerPage": "1"}
    first = central.search_orders(query, account)
    central.change_order(placed[1], lambda order, now: order.request_cancel("mistake", now))
    late = place()
    clock.advance(200)
    second = central.search_orders(query | {"paginationToken": first["pagination"]["nextToken"]}, account)
    assert second["lastUpdatedBefore"] == first["lastUpdatedBefore"]
    assert [order["orderId"] for order in second["orders"]] == [placed[2]]
    assert "pagination" not in second
    following = central.search_orders({"lastUpdatedAfter": second["lastUpdatedBefore"]}, account)
    assert {placed[1], late} <= {order["orderId"] for order in following["orders"]}


def test_a_paging_token_belongs_to_its_request(central: SellerCentral, account: Account, clock: ManualClock) -> None:
    central.place_orders(OrderWish(count=3))
    clock.advance(120)
    query = {"lastUpdatedAfter": EARLY, "maxResultsPerPage": "1", "includedData": "FULFILLMENT"}
    token = central.search_orders(query, account)["pagination"]["nextToken"]
    going_on = query | {"paginationToken": token}

    assert len(central.search_orders(going_on | {"maxResultsPerPage": "2"}, account)["orders"]) == 2
    for change in (
        {"lastUpdatedAfter": "2026-11-02T00:00:00Z"},
        {"includedData": "FULFILLMENT,BUYER"},
        {"fulfilledBy": "MERCHANT"},
        {"lastUpdatedBefore": EARLY},
    ):
        error = refusal(central, account, going_on | change)
        assert error.message == "All parameters must match the original request except maxResultsPerPage."
    other = Account(account="other")
    assert refusal(central, other, going_on).code == "InvalidInput"
    changed = token[:-1] + ("0" if token[-1] != "0" else "1")
    assert refusal(central, account, query | {"paginationToken": changed}).message == "paginationToken is invalid."


def test_a_paging_token_lives_a_day(central: SellerCentral, account: Account, clock: ManualClock) -> None:
    central.place_orders(OrderWish(count=2))
    clock.advance(120)
    query = {"lastUpdatedAfter": EARLY, "maxResultsPerPage": "1"}
    going_on = query | {"paginationToken": central.search_orders(query, account)["pagination"]["nextToken"]}
    clock.advance(24 * 3600 - 1)
    assert central.search_orders(going_on, account)["orders"]
    clock.advance(1)
    assert refusal(central, account, going_on).message == "paginationToken has expired."


def test_get_order_has_no_lag(central: SellerCentral, account: Account, place: Any) -> None:
    order_id = place()
    assert central.get_order(order_id, {}, account)["order"]["orderId"] == order_id
    for wrong, status in (("TEST_CASE_400", 400), ("114-0000000-0000000", 404)):
        with pytest.raises(AmazonError) as caught:
            central.get_order(wrong, {}, account)
        assert caught.value.status == status
    with pytest.raises(AmazonError, match="includedData"):
        central.get_order(order_id, {"includedData": "EVERYTHING"}, account)
