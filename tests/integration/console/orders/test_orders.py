"""The console's pages of orders: found, listed, one order's life, and what an operator does about it."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
import requests
from sqlalchemy import select, update

from orderbridge.database.models import OrderRow
from tests.parts.console import Visitor
from tests.parts.in_process import System

_ROW = re.compile(r'data-label="Order" class="id"><a href="/orders/([^"?]+)"')
_NEXT = re.compile(r'href="([^"]+)">Next page')


def listed(visitor: Visitor, query: str = "") -> list[str]:
    """The orders of a page, in their order."""
    answer = visitor.get(f"/orders{query}")
    assert answer.status_code == 200, answer.text
    return _ROW.findall(answer.text)


def all_pages(visitor: Visitor, path: str, row: re.Pattern[str]) -> list[str]:
    """What is on a list's pages, from the first to the last."""
    found: list[str] = []
    for _ in range(50):
        page = visitor.get(path).text
        found += row.findall(page)
        link = _NEXT.search(page)
        if link is None:
            return found
        path = unescape(link[1])
    raise AssertionError("it never ends")


def test_an_order_is_found_by_each_of_its_numbers(anywhere: System, operator: Visitor) -> None:
    one, two = anywhere.imported(count=2)
    anywhere.store_says(order_id=one, store_order_number="SHOP-77")
    anywhere.run_until_idle()
    for number in (one, f"AMZ-{one}", f"  {one} ", "SHOP-77", f"OTHER-{one}"):
        answer = operator.get("/orders", params={"number": number})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/orders/{one}"), number
    anywhere.store_says(order_id=two, store_order_number="SHOP-77")
    anywhere.run_until_idle()
    assert sorted(listed(operator, "?number=SHOP-77")) == sorted((one, two))


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("114-0000000-0000000", "There is no order 114-0000000-0000000 here. An operator can fetch it"),
        ("SHOP-1", "it cannot be one of Amazon's numbers"),
        ("' OR 1=1 --", "it cannot be one of Amazon's numbers"),
        ("%", "it cannot be one of Amazon's numbers"),
        ("<script>alert(1)</script>", "it cannot be one of Amazon's numbers"),
    ],
)
def test_what_is_not_there(anywhere: System, operator: Visitor, number: str, told: str) -> None:
    anywhere.imported()
    answer = operator.get("/orders", params={"number": number})
    assert answer.status_code == 200
    assert told in unescape(answer.text)
    assert "<script" not in answer.text


def test_each_filter(anywhere: System, operator: Visitor) -> None:
    (old,) = anywhere.imported()
    anywhere.store_says(order_id=old)
    anywhere.advance(2 * 86400)
    new, cancelled = anywhere.imported(count=2)
    anywhere.amazon.change_order(cancelled, lambda order, now: order.cancel("BUYER", "mistake", now))
    anywhere.advance(180)
    anywhere.import_now()
    operator.sign_in("olga")  # two days are longer than a session
    day, later = f"{anywhere.now - timedelta(days=2):%Y-%m-%d}", f"{anywhere.now:%Y-%m-%d}"
    assert set(listed(operator)) == {old, new, cancelled}
    assert listed(operator)[-1] == old
    assert listed(operator, "?status=queue:Cancel") == [cancelled]
    assert listed(operator, "?status=amazon:cancelled") == [cancelled]
    assert listed(operator, "?status=queue:New&account=main") == [new]
    assert listed(operator, f"?until={day}") == [old]
    assert set(listed(operator, f"?since={later}")) == {new, cancelled}
    assert listed(operator, f"?since={day}&until={day}&status=amazon:unshipped") == []
    assert listed(operator, "?status=queue:No+such") == []
    assert "No orders." in operator.get("/orders?status=queue:No+such").text


def test_paging_ends_and_loses_nothing_though_all_were_placed_at_once(anywhere: System, operator: Visitor) -> None:
    anywhere.imported(count=120)
    with anywhere.database.unit_of_work() as work:
        work.session.execute(update(OrderRow).values(placed_at=anywhere.now))
        known = list(work.session.scalars(select(OrderRow.order_id)))
    for query in ("", "?account=main", "?status=queue:New", "?status=amazon:unshipped"):
        found = all_pages(operator, f"/orders{query}", _ROW)
        assert sorted(found) == sorted(known), query


@pytest.mark.parametrize("sql", ["' OR '1'='1", '"; DROP TABLE orders; --', "%", "_", "x' UNION SELECT 1 --"])
@pytest.mark.parametrize("place", ["status=queue:{}", "status=amazon:{}", "account={}", "since={}", "after={}", "{}=1"])
def test_sql_in_every_filter(anywhere: System, operator: Visitor, place: str, sql: str) -> None:
    (order_id,) = anywhere.imported()
    key, _, value = place.partition("=")
    answer = operator.get("/orders", params={key.format(sql): value.format(sql)})
    assert answer.status_code in (200, 400)
    if answer.status_code == 200 and key == "status":
        assert order_id not in answer.text
    assert listed(operator) == [order_id]


@pytest.mark.parametrize(
    "path",
    [
        "/orders/114-0000000-0000000",
        "/orders/..%2f..%2fetc%2fpasswd",
        "/orders/%2e%2e/%2e%2e",
        "/orders/",
        "/orders/" + "9" * 5000,
        "/orders/%22%3E%3Cscript%3Ealert(1)",
        "/runs/..%2f..%2fetc",
        "/runs/no-such-run",
        "/runs/" + "9" * 500,
    ],
)
def test_what_is_unknown_is_a_page_that_says_what_to_do(operator: Visitor, path: str) -> None:
    answer = operator.session.send(_as_it_stands(operator, path), allow_redirects=False, timeout=30)
    assert answer.status_code == 404
    assert "<h1>There is no such" in answer.text
    assert "<script" not in answer.text
    assert "passwd" not in answer.text


@pytest.mark.parametrize("path", ["/orders/a%00b", "/orders?number=%00", "/runs?account=%00", "/shipments?state=%00"])
def test_a_nul_is_refused(operator: Visitor, path: str) -> None:
    answer = operator.session.send(_as_it_stands(operator, path), allow_redirects=False, timeout=30)
    assert answer.status_code == 400


def _as_it_stands(visitor: Visitor, path: str) -> requests.PreparedRequest:
    """A request whose path requests has not tidied up."""
    import requests

    request = visitor.session.prepare_request(requests.Request("GET", visitor.url))
    request.url = visitor.url + path
    return request


@pytest.mark.parametrize(
    "after", ["x", "W10", "bnVsbA", "WyJhIiwgImIiXQ", "é", "9" * 4000, "WyIyMDI2LTExLTI0IiwgImEiXQ"]
)
def test_a_page_that_was_never_linked(anywhere: System, operator: Visitor, after: str) -> None:
    for path in ("/orders", "/runs", "/shipments"):
        answer = operator.get(path, params={"after": after})
        assert answer.status_code == 400
        assert "Begin at the first page" in answer.text


def test_the_life_of_an_order(anywhere: System, operator: Visitor) -> None:
    (order_id,) = anywhere.imported(lines=[{"sku": "MUG-BLUE", "quantity": 1}])
    anywhere.fault("confirmShipment", "400")
    anywhere.store_says(order_id=order_id, package_id="P1", tracking_number="1Z999", store_order_number="SHOP-7")
    anywhere.run_until_idle()
    page = unescape(operator.get(f"/orders/{order_id}").text)
    for told in ("Ordered at Amazon", "Imported", "The store said: shipped", "UPS 1Z999", "Shipment refused", "SHOP-7"):
        assert told in page, told
    for told in ("Amazon was called: confirmShipment", "Personal data dies", "(planned)", "Send again"):
        assert told in page, told
    assert f'href="https://sellercentral.amazon.com/orders-v3/order/{order_id}"' in page
    life = page[page.index('id="life"') :]
    assert life.index("Ordered at Amazon") < life.index("Imported") < life.index("Shipment refused")
    anywhere.advance(31 * 86400)
    operator.sign_in("olga")
    page = unescape(operator.get(f"/orders/{order_id}").text)
    assert "Personal data replaced" in page
    assert "It reads Amazon Replaced since" in page
    assert "Show it" not in page
