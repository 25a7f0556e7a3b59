"""The console's pages of orders: found, listed, one order's life, and what an operator does about it."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
import requests
from sqlalchemy import select, update

from orderbridge.database.models import Opening, OrderRow, OutboxRow, PackageRow
from schemas.imports import ImportDue
from tests.parts.console import ConsoleServer, Visitor
from tests.parts.in_process import System
from tests.parts.open_call import OpenCalls

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


def posted(system: System) -> list[ImportDue]:
    """What the importer was asked for and has not been told yet."""
    with system.database.unit_of_work() as work:
        rows = work.session.scalars(
            select(OutboxRow).where(OutboxRow.topic == "import.due", OutboxRow.published_at.is_(None))
        )
        return [ImportDue.model_validate_json(row.body) for row in rows]


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


def test_a_refused_package_is_sent_again(anywhere: System, operator: Visitor) -> None:
    (order_id,) = anywhere.imported(lines=[{"sku": "MUG-BLUE", "quantity": 1}])
    anywhere.fault("confirmShipment", "400")
    anywhere.store_says(order_id=order_id, package_id="P1")
    anywhere.run_until_idle()
    at = f"/orders/{order_id}"
    answer = operator.send(f"{at}/send-again", {"package": "P1"}, page=at)
    assert answer.headers["location"] == f"{at}?told=again"
    assert "is to be sent to Amazon again" in operator.get(answer.headers["location"]).text
    anywhere.run_until_idle()
    with anywhere.database.unit_of_work() as work:
        assert work.session.scalars(select(PackageRow.state)).one() == "confirmed"
    assert "Amazon took the shipment" in operator.get(at).text
    again = operator.send(f"{at}/send-again", {"package": "P1", "back": "/shipments?state=held"}, page=at)
    assert again.headers["location"] == "/shipments?state=held&told=nothing"
    for elsewhere in ("https://evil.example", "//evil.example", "/\\evil.example", "/shipmentsevil"):
        assert (
            operator.send(f"{at}/send-again", {"package": "P", "back": elsewhere}, page=at)
            .headers["location"]
            .startswith(at)
        )


def test_an_order_is_fetched_from_amazon(anywhere: System, operator: Visitor) -> None:
    (order_id,) = anywhere.place_orders()
    anywhere.advance(180)
    answer = operator.send("/orders/fetch", {"number": f"AMZ-{order_id}", "account": "main"}, page="/orders")
    assert answer.status_code == 303
    assert f"Amazon is asked for {order_id}" in operator.get(answer.headers["location"]).text
    anywhere.run_until_idle()
    assert operator.get(answer.headers["location"]).headers["location"] == f"/orders/{order_id}?told=fetch"
    answer = operator.send(f"/orders/{order_id}/fetch", {}, page=f"/orders/{order_id}")
    assert answer.headers["location"] == f"/orders/{order_id}?told=fetch"
    assert [due.order_id for due in posted(anywhere)] == [order_id]


def test_what_cannot_be_fetched_says_why(anywhere: System, operator: Visitor) -> None:
    for number, account, told in (
        ("7", "main", "it cannot be one of Amazon's numbers"),
        ("114-0000000-0000001", "other", "There is no account other."),
    ):
        answer = operator.send("/orders/fetch", {"number": number, "account": account}, page="/orders")
        assert (answer.status_code, told in unescape(answer.text)) == (422, True)
    assert not posted(anywhere)
    operator.send("/orders/fetch", {"number": "114-0000000-0000001", "account": "main"}, page="/orders")
    anywhere.run_until_idle()
    page = operator.get("/orders?number=114-0000000-0000001").text
    assert "main: " in page
    anywhere.set_account(enabled=False)
    answer = operator.send("/orders/fetch", {"number": "114-0000000-0000001", "account": "main"}, page="/orders")
    assert "The import of main is off. Switch it on in the account&#39;s settings." in answer.text


def test_personal_data_is_shown_for_a_purpose_by_the_api(anywhere: System) -> None:
    (order_id,) = anywhere.imported()
    buyer = anywhere.opened(order_id)
    at = f"/orders/{order_id}"
    with OpenCalls(anywhere) as api:
        secret = api.token("console of this house")
        with ConsoleServer(anywhere.database, api_url=api.url, api_token=secret) as console:
            console.signed_in("owner")
            operator = console.signed_in("olga", "operator")
            page = operator.get(at).text
            assert buyer.last_name not in page
            assert "Show it" in page
            answer = operator.send(f"{at}/personal-data", {"purpose": "customer_service"}, page=at)
            assert buyer.last_name in unescape(answer.text)
            assert answer.headers["cache-control"] == "no-store"
            assert buyer.last_name not in operator.get(at).text
            assert "By console of this house, for customer service. Opened." in operator.get(at).text
            nothing = operator.send(f"{at}/personal-data", {"purpose": "curiosity"}, page=at)
            assert (nothing.status_code, "Say for what it is needed" in nothing.text) == (422, True)
            viewer = console.signed_in("vera", "viewer")
            assert "To open it takes an operator." in viewer.get(at).text
            assert viewer.send(f"{at}/personal-data", {"purpose": "display"}, page="/me").status_code == 403
    with anywhere.database.unit_of_work() as work:
        (line,) = work.session.scalars(select(Opening))
        assert (line.order_id, line.purpose, line.state) == (order_id, "customer_service", "open")


def test_without_the_api_the_page_says_what_to_set(anywhere: System, operator: Visitor) -> None:
    (order_id,) = anywhere.imported()
    at = f"/orders/{order_id}"
    page = operator.get(at).text
    assert "ORDERBRIDGE_API_TOKEN" in page
    assert "Show it" not in page
    assert operator.send(f"{at}/personal-data", {"purpose": "display"}, page=at).status_code == 422


def test_an_api_that_is_away_says_so(anywhere: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.console.order_page._LONGEST_WAIT", 0.0)
    (order_id,) = anywhere.imported()
    at = f"/orders/{order_id}"
    with ConsoleServer(anywhere.database, api_url="http://127.0.0.1:9", api_token="obt_x") as console:
        answer = console.signed_in("owner").send(f"{at}/personal-data", {"purpose": "display"}, page=at)
    assert answer.status_code == 502
    assert "the API is away" in answer.text


def test_who_may_press_which_button(anywhere: System, console: ConsoleServer) -> None:
    (order_id,) = anywhere.imported()
    at = f"/orders/{order_id}"
    buttons = (f"{at}/fetch", f"{at}/send-again", f"{at}/personal-data", "/orders/fetch", "/runs/import")
    console.signed_in("owner")
    viewer, stranger = console.signed_in("vera", "viewer"), console.visitor()
    for page in ("/orders", at, "/runs", "/shipments"):
        assert viewer.get(page).status_code == 200
        assert "Fetch from Amazon" not in viewer.get(page).text
        assert stranger.get(page).headers["location"].startswith("/login?next=")
    for button in buttons:
        assert viewer.send(button, {}, page="/me").status_code == 403
        assert stranger.send(button, {}, page="/login").status_code == 401
        assert viewer.post(button, {}).status_code == 403
    assert not posted(anywhere)
