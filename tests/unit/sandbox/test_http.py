"""Over HTTP: headers, limits, faults and the back door."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from sandbox.clock import ManualClock
from sandbox.server import listen
from tests.parts.patience import PATIENCE

LOGIN = {
    "grant_type": "refresh_token",
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "refresh_token": "sandbox-refresh-token-main",
}
ORDERS = "/orders/2026-01-01/orders"
Call = Callable[..., requests.Response]


@pytest.fixture
def call(url: str) -> Iterator[Call]:
    """Calls the sandbox with a good access token."""
    with requests.Session() as session:
        token = session.post(f"{url}/auth/o2/token", data=LOGIN, timeout=5).json()["access_token"]
        session.headers.update({"x-amz-access-token": token, "User-Agent": "Test/1.0 (Language=Python)"})

        def call(method: str, path: str, **arguments: Any) -> requests.Response:
            return session.request(method, url + path, timeout=arguments.pop("timeout", 5), **arguments)

        yield call


def confirm(call: Call, order_id: str, confirmation: Any, **changes: Any) -> requests.Response:
    body = confirmation(order_id, **changes)
    return call("POST", f"/orders/v0/orders/{order_id}/shipmentConfirmation", json=body)


def test_the_way_of_an_order(call: Call, clock: ManualClock, confirmation: Any) -> None:
    wish = {"count": 2, "marketplace_id": "A1PA6795UKMFR9"}
    first, second = call("POST", "/_sandbox/orders", json=wish).json()["order_ids"]
    clock.advance(120)
    query = {"lastUpdatedAfter": "2026-11-01T00:00:00Z", "includedData": "FULFILLMENT,RECIPIENT"}
    answer = call("GET", ORDERS, params=query)
    assert answer.status_code == 200
    assert answer.headers["x-amzn-RateLimit-Limit"] == "0.0056"
    assert answer.headers["x-amzn-RequestId"]
    assert answer.headers["Date"]
    assert [order["orderId"] for order in answer.json()["orders"]] == sorted([first, second])

    answer = confirm(call, first, confirmation)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["x-amzn-RateLimit-Limit"] == "2"
    answer = confirm(call, first, confirmation, packageReferenceId=7)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "InvalidInput"
    order = call("GET", f"{ORDERS}/{first}", params={"includedData": "FULFILLMENT"}).json()["order"]
    assert order["fulfillment"]["fulfillmentStatus"] == "SHIPPED"
    answer = call("GET", f"{ORDERS}/114-0000000-0000000")
    assert answer.status_code == 404
    assert answer.headers["x-amzn-RateLimit-Limit"] == "0.5"

    participations = call("GET", "/sellers/v1/marketplaceParticipations").json()["payload"]
    assert [entry["marketplace"]["countryCode"] for entry in participations] == ["US", "CA", "MX", "GB", "DE"]

    book = call("GET", "/_sandbox/books").json()["orders"][first]
    assert book["status"] == "SHIPPED"
    assert book["packages"]["1"]["content"]["trackingNumber"] == "1Z999AA10123456784"
    assert book["packages"]["1"]["calls"] == 1
    assert [entry["body"]["packageDetail"]["packageReferenceId"] for entry in book["refused"]] == [7]
    assert call("GET", "/_sandbox/calls").json()["operations"] == {
        "confirmShipment": {"calls": 2, "throttled": 0, "by_status": {"204": 1, "400": 1}},
        "getMarketplaceParticipations": {"calls": 1, "throttled": 0, "by_status": {"200": 1}},
        "getOrder": {"calls": 2, "throttled": 0, "by_status": {"200": 1, "404": 1}},
        "login": {"calls": 1, "throttled": 0, "by_status": {"200": 1}},
        "searchOrders": {"calls": 1, "throttled": 0, "by_status": {"200": 1}},
    }


def test_the_burst_is_over_and_refills(call: Call, clock: ManualClock) -> None:
    query = {"createdAfter": "2026-11-01T00:00:00Z"}
    statuses = [call("GET", ORDERS, params=query).status_code for _ in range(20)]
    assert statuses == [200] * 20
    answer = call("GET", ORDERS, params=query)
    assert answer.status_code == 429
    assert answer.json() == {
        "errors": [
            {
                "code": "QuotaExceeded",
                "message": "You exceeded your quota for the requested resource.",
                "details": "",
            }
        ]
    }
    assert "x-amzn-RateLimit-Limit" not in answer.headers
    assert answer.headers["x-amzn-RequestId"]
    clock.advance(179)
    assert call("GET", ORDERS, params=query).status_code == 200
    assert call("GET", "/_sandbox/calls").json()["operations"]["searchOrders"]["throttled"] == 1


def test_who_calls_must_say_who_he_is(call: Call, url: str) -> None:
    answer = call("GET", ORDERS, headers={"x-amz-access-token": None})
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["details"] == "Access token is missing in the request header."
    assert "x-amzn-RateLimit-Limit" not in answer.headers
    for user_agent in ("", "a" * 501):
        answer = call("GET", ORDERS, headers={"User-Agent": user_agent})
        assert answer.status_code == 400
        assert "User-Agent" in answer.json()["errors"][0]["message"]
    answer = requests.post(f"{url}/auth/o2/token", data=LOGIN | {"client_secret": "x"}, timeout=5)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_arrays_are_comma_separated(call: Call) -> None:
    query = [("createdAfter", "2026-11-01T00:00:00Z"), ("includedData", "BUYER"), ("includedData", "TAX")]
    assert call("GET", ORDERS, params=query).status_code == 400


def test_what_is_not_there_is_answered_like_amazon(call: Call) -> None:
    answer = call("GET", "/orders/v1/orders")
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["code"] == "NotFound"
    assert call("DELETE", ORDERS).status_code == 405


@pytest.mark.parametrize(("kind", "status"), [("429", 429), ("500", 500), ("503", 503), ("html", 502)])
def test_a_fault_is_answered(call: Call, place: Any, confirmation: Any, kind: str, status: int) -> None:
    order_id = place()
    call("POST", "/_sandbox/faults", json={"operation": "confirmShipment", "kind": kind, "count": 2})
    for expected in (status, status, 204):
        answer = confirm(call, order_id, confirmation)
        assert answer.status_code == expected
        assert ("x-amzn-RateLimit-Limit" in answer.headers) == (expected == 204)
    assert answer.headers["x-amzn-RequestId"]
    assert call("GET", "/_sandbox/books").json()["orders"][order_id]["packages"]["1"]["calls"] == 1


@pytest.mark.parametrize(
    ("kind", "calls"), [("drop_before_effect", 0), ("drop_after_effect", 1), ("truncated", 1), ("timeout", 0)]
)
def test_a_lost_answer_may_have_had_its_effect(
    call: Call, place: Any, confirmation: Any, kind: str, calls: int
) -> None:
    order_id = place()
    fault = {"operation": "confirmShipment", "kind": kind, "seconds": 0.05, "order_id": order_id}
    call("POST", "/_sandbox/faults", json=fault)
    with pytest.raises(requests.ConnectionError):
        confirm(call, order_id, confirmation)
    packages = call("GET", "/_sandbox/books").json()["orders"][order_id]["packages"]
    assert sum(package["calls"] for package in packages.values()) == calls
    assert confirm(call, order_id, confirmation).status_code == 204
    outcomes = call("GET", "/_sandbox/calls").json()["operations"]["confirmShipment"]["by_status"]
    assert outcomes == {"204": 1, {"timeout": "timeout", "truncated": "truncated"}.get(kind, "dropped"): 1}


def test_a_timeout_hangs_and_others_are_served_meanwhile(call: Call, url: str, place: Any) -> None:
    order_id = place()
    call("POST", "/_sandbox/faults", json={"operation": "getOrder", "kind": "timeout", "seconds": 60})
    with pytest.raises(requests.ReadTimeout):
        call("GET", f"{ORDERS}/{order_id}", timeout=0.2)
    assert requests.get(f"{url}/_sandbox/health", timeout=5).json()["status"] == "ok"
    assert call("GET", f"{ORDERS}/{order_id}").status_code == 200


def test_a_truncated_answer_breaks_off(call: Call, place: Any) -> None:
    order_id = place()
    call("POST", "/_sandbox/faults", json={"operation": "getOrder", "kind": "truncated"})
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        call("GET", f"{ORDERS}/{order_id}")


def test_faults_can_be_for_one_order_for_login_and_taken_back(call: Call, url: str, place: Any) -> None:
    first, second = place(), place()
    call("POST", "/_sandbox/faults", json={"operation": "*", "kind": "500", "order_id": second})
    assert call("GET", f"{ORDERS}/{first}").status_code == 200
    assert call("GET", f"{ORDERS}/{second}").status_code == 500
    call("POST", "/_sandbox/faults", json={"operation": "login", "kind": "503"})
    assert requests.post(f"{url}/auth/o2/token", data=LOGIN, timeout=5).status_code == 503
    call("POST", "/_sandbox/faults", json={"operation": "*", "kind": "500", "count": 9})
    assert call("DELETE", "/_sandbox/faults").status_code == 204
    assert call("GET", f"{ORDERS}/{first}").status_code == 200


@pytest.mark.parametrize("raw", [b"{", b"", b"\xff", b'{"a": NaN}', b'"\\ud800"', b"[" * 100_000])
def test_a_body_that_is_no_json_is_refused_and_shown_in_the_books(call: Call, place: Any, raw: bytes) -> None:
    order_id = place()
    answer = call("POST", f"/orders/v0/orders/{order_id}/shipmentConfirmation", data=raw)
    assert answer.status_code == 400
    assert len(call("GET", "/_sandbox/books").json()["orders"][order_id]["refused"]) == 1


def test_the_back_door(call: Call, url: str) -> None:
    wish = {"count": 1, "status": "PENDING"}
    (order_id,) = call("POST", "/_sandbox/orders", json=wish).json()["order_ids"]
    path = f"/_sandbox/orders/{order_id}"
    assert call("POST", f"{path}/release").json() == {"order_id": order_id, "status": "UNSHIPPED"}
    assert call("POST", f"{path}/release").status_code == 409
    assert call("POST", f"{path}/request-cancel").json()["status"] == "UNSHIPPED"
    assert call("POST", f"{path}/cancel", json={"by": "MERCHANT", "reason": "wish"}).json()["status"] == "CANCELLED"
    assert call("POST", "/_sandbox/orders/1/cancel").status_code == 404
    assert call("POST", f"{path}/ship").status_code == 409
    for wrong in ({"count": 0}, {"conut": 1}, {"created_at": "2026-11-01"}, {"status": "LOST"}, {"odd": "moon"}):
        assert call("POST", "/_sandbox/orders", json=wrong).status_code == 422

    answer = call("POST", "/_sandbox/accounts", json={"account": "plain", "roles": ["Inventory and Order Tracking"]})
    token = answer.json()["refresh_token"]
    login = requests.post(f"{url}/auth/o2/token", data=LOGIN | {"refresh_token": token}, timeout=5)
    assert login.status_code == 200
    assert call("POST", "/_sandbox/accounts", json={"account": "odd", "roles": ["King"]}).status_code == 422
    page = call("GET", "/")
    assert page.headers["content-type"].startswith("text/html")
    assert "/_sandbox/books" in page.text


def test_thousands_of_orders_are_placed_at_once(call: Call) -> None:
    began = time.monotonic()
    assert len(call("POST", "/_sandbox/orders", json={"count": 2000}, timeout=30).json()["order_ids"]) == 2000
    assert time.monotonic() - began < 10 * PATIENCE  # 0.7 s on two cores


def test_an_answer_does_not_wait_for_an_acknowledgement() -> None:
    """Head and body are two writes: without TCP_NODELAY the second waits 40 ms for the other side's TCP."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()[:2]):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
