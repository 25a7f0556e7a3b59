"""Reports 2021-06-30: how they come along, what stands in them, their documents."""

from __future__ import annotations

import csv
import gzip
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.accounts import Account
from sandbox.clock import ManualClock
from sandbox.database import Database
from sandbox.errors import AmazonError
from sandbox.placing import OrderWish
from sandbox.reports import ReportSettings
from sandbox.seller_central import SellerCentral

BY_DATE = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"
BY_UPDATE = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL"
US, GERMANY = "ATVPDKIKX0DER", "A1PA6795UKMFR9"
Row = dict[str, str]


def body(report_type: str = BY_DATE, **changes: Any) -> dict[str, Any]:
    span = {"dataStartTime": "2026-11-01T00:00:00Z", "dataEndTime": "2026-11-23T12:00:00Z"}
    return {"reportType": report_type, "marketplaceIds": [US], **span, **changes}


def download(central: SellerCentral, account: Account, document_id: str) -> bytes:
    answer = central.reports.document(document_id, account, "http://127.0.0.1:1/")
    parts, _ = central.reports.download(answer["url"].rpartition("/")[2])
    return b"".join(parts)


def rows(central: SellerCentral, account: Account, clock: ManualClock, wish: dict[str, Any]) -> list[Row]:
    report_id = central.reports.create(wish, account)["reportId"]
    clock.advance(30)
    text = download(central, account, central.reports.get(report_id, account)["reportDocumentId"]).decode()
    return list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def test_a_report_comes_along(central: SellerCentral, account: Account, clock: ManualClock, place: Any) -> None:
    place(created_at="2026-11-20T09:00:00Z")
    report_id = central.reports.create(body(), account)["reportId"]
    seen = []
    for seconds in (0, 9, 1, 19, 1):
        clock.advance(seconds)
        seen.append(central.reports.get(report_id, account)["processingStatus"])
    assert seen == ["IN_QUEUE", "IN_QUEUE", "IN_PROGRESS", "IN_PROGRESS", "DONE"]
    report = central.reports.get(report_id, account)
    assert report["processingEndTime"] == "2026-11-23T12:00:30Z"
    assert report["dataStartTime"] == "2026-11-01T00:00:00Z"
    with pytest.raises(AmazonError):
        central.reports.get(report_id, Account(account="other"))
    with pytest.raises(AmazonError):
        central.reports.document(report["reportDocumentId"], Account(account="other"), "http://127.0.0.1")


def test_its_lines(central: SellerCentral, account: Account, clock: ManualClock, place: Any) -> None:
    bought = "2026-11-20T09:00:00Z"
    lines = [{"sku": "MUG-RED", "title": "Mug\twith\r\na tab", "quantity": 2, "unit_price": "5"}]
    pending, shipped, cancelled, hidden, amazon = (
        place(created_at=bought, programs=[], lines=lines, **wish)
        for wish in (
            {"status": "pending"},
            {"status": "shipped"},
            {"status": "cancelled"},
            {"hidden": True},
            {"fulfilled_by": "AMAZON", "odd": "fba"},
        )
    )
    place(marketplace_id=GERMANY, created_at=bought)
    found = {row["amazon-order-id"]: row for row in rows(central, account, clock, body())}
    assert set(found) == {pending, shipped, cancelled, hidden, amazon}
    words = {order_id: (row["order-status"], row["item-status"]) for order_id, row in found.items()}
    assert words == {
        pending: ("Pending", "Unshipped"),
        shipped: ("Shipped", "Shipped"),
        cancelled: ("Cancelled", "Cancelled"),
        hidden: ("Unshipped", "Unshipped"),
        amazon: ("Shipping", "Unshipped"),
    }
    row = found[shipped]
    assert row["product-name"] == "Mug with a tab"
    assert (row["sku"], row["quantity"], row["currency"], row["item-price"]) == ("MUG-RED", "2", "USD", "10.00")
    assert row["purchase-date"] == "2026-11-20T09:00:00+00:00"
    assert (row["fulfillment-channel"], row["sales-channel"]) == ("Merchant", "Amazon.com")
    assert row["ship-postal-code"]
    assert not any("name" in column or "street" in column for column in row if column != "product-name")
    assert {found[pending][column] for column in ("currency", "item-price", "ship-city")} == {""}
    assert found[amazon]["fulfillment-channel"] == "Amazon"


def test_its_span_is_about_purchases_or_updates(
    central: SellerCentral, account: Account, clock: ManualClock, place: Any
) -> None:
    early = place(created_at="2026-10-01T09:00:00Z")
    late = place(created_at="2026-11-20T09:00:00Z")
    assert {row["amazon-order-id"] for row in rows(central, account, clock, body())} == {late}
    assert {row["amazon-order-id"] for row in rows(central, account, clock, body(BY_UPDATE))} == {early, late}
    both = [US, GERMANY]
    assert {row["amazon-order-id"] for row in rows(central, account, clock, body(marketplaceIds=both))} == {late}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"reportType": "GET_SOMETHING"}, 400),
        ({"marketplaceIds": []}, 400),
        ({"marketplaceIds": ["A1VC38T7YXB528"]}, 403),
        ({"dataStartTime": "yesterday"}, 400),
        ({"dataStartTime": "2026-10-20T00:00:00Z"}, 400),
        ({"dataStartTime": "2026-11-24T00:00:00Z"}, 400),
    ],
)
def test_what_cannot_be_reported_is_refused(
    central: SellerCentral, account: Account, changes: dict[str, Any], status: int
) -> None:
    with pytest.raises(AmazonError) as caught:
        central.reports.create(body(**changes), account)
    assert caught.value.status == status


def test_no_data_fatal_and_cancelled(central: SellerCentral, account: Account, clock: ManualClock, place: Any) -> None:
    empty = central.reports.create(body(), account)["reportId"]
    cancelled = central.reports.create(body(), account)["reportId"]
    fatal = central.reports.create(body(), account, fatal=True)["reportId"]
    central.reports.cancel(cancelled, account)
    clock.advance(30)
    reports = {name: central.reports.get(name, account) for name in (empty, cancelled, fatal)}
    assert [report["processingStatus"] for report in reports.values()] == ["CANCELLED", "CANCELLED", "FATAL"]
    assert not any("reportDocumentId" in report for report in reports.values())
    with pytest.raises(AmazonError):
        central.reports.cancel(empty, account)


def test_reports_are_listed_newest_first_page_by_page(
    central: SellerCentral, account: Account, clock: ManualClock
) -> None:
    made = []
    for _ in range(3):
        clock.advance(60)
        made.append(central.reports.create(body(BY_UPDATE), account)["reportId"])
    central.reports.create(body(BY_DATE), account)
    first = central.reports.search({"reportTypes": BY_UPDATE, "pageSize": "2"}, account)
    second = central.reports.search({"nextToken": first["nextToken"]}, account)
    assert [report["reportId"] for report in first["reports"] + second["reports"]] == made[::-1]
    assert "nextToken" not in second
    done = {"reportTypes": BY_UPDATE, "processingStatuses": "IN_QUEUE"}
    assert len(central.reports.search(done, account)["reports"]) == 1


def test_a_lagging_report_misses_what_is_new(
    central: SellerCentral, account: Account, clock: ManualClock, place: Any
) -> None:
    old = place()
    clock.advance(3600)
    place()
    central.reports.settings = ReportSettings(lag_seconds=1800)
    wish = body(dataEndTime="2026-11-23T13:00:00Z")
    assert {row["amazon-order-id"] for row in rows(central, account, clock, wish)} == {old}


def test_a_document_stays_as_it_was_its_url_does_not(
    central: SellerCentral, account: Account, clock: ManualClock, place: Any
) -> None:
    order_id = place(created_at="2026-11-20T09:00:00Z", lines=[{"sku": "MUG-RED"}])
    report_id = central.reports.create(body(), account)["reportId"]
    clock.advance(30)
    document_id = central.reports.get(report_id, account)["reportDocumentId"]
    plain = download(central, account, document_id)
    central.change_order(order_id, lambda order, now: order.cancel("BUYER", "mistake", now))
    assert download(central, account, document_id) == plain
    central.reports.settings = ReportSettings(compression="GZIP")
    answer = central.reports.document(document_id, account, "http://127.0.0.1:1/")
    assert answer["compressionAlgorithm"] == "GZIP"
    token = answer["url"].rpartition("/")[2]
    assert gzip.decompress(b"".join(central.reports.download(token)[0])) == plain
    clock.advance(300)
    with pytest.raises(AmazonError) as caught:
        central.reports.download(token)
    assert caught.value.status == 403


def test_a_long_document_is_read_in_parts(central: SellerCentral, account: Account, clock: ManualClock) -> None:
    bought = datetime(2026, 11, 2, tzinfo=UTC)
    spread = timedelta(days=20).total_seconds()
    central.place_orders(OrderWish(count=6000, created_at=bought, spread_over_seconds=spread, history=True, lines=1))
    report_id = central.reports.create(body(), account)["reportId"]
    clock.advance(30)
    document_id = central.reports.get(report_id, account)["reportDocumentId"]
    token = central.reports.document(document_id, account, "http://127.0.0.1")["url"].rpartition("/")[2]
    sizes = [len(part) for part in central.reports.download(token)[0]]
    assert max(sizes) <= 256 * 1024
    assert len(sizes) > 3
    assert download(central, account, document_id).count(b"\r\n") == 6001


def test_reports_outlive_a_restart(account: Account, clock: ManualClock, tmp_path: Any) -> None:
    database = Database(tmp_path)
    central = SellerCentral(database, clock)
    central.place_orders(OrderWish(created_at=clock.now() - timedelta(days=3)))
    report_id = central.reports.create(body(), account)["reportId"]
    database.close()
    clock.advance(30)
    database = Database(tmp_path)
    again = SellerCentral(database, clock)
    assert again.reports.get(report_id, account)["processingStatus"] == "DONE"
    database.close()
