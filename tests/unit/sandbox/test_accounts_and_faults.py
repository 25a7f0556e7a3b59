"""Consent, secrets, private apps and roles over HTTP, and the faults in answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from sandbox.clock import ManualClock
from sandbox.seller_central import SellerCentral

ORDERS = "/orders/2026-01-01/orders"
QUERY = {"lastUpdatedAfter": "2026-11-01T00:00:00Z", "includedData": "FULFILLMENT"}
US, GERMANY, BRITAIN = "ATVPDKIKX0DER", "A1PA6795UKMFR9", "A1F83G8C2ARO7P"
Call = Callable[..., requests.Response]


def login(url: str, **changes: str) -> requests.Response:
    form = {
        "grant_type": "refresh_token",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "refresh_token": "sandbox-refresh-token-main",
    }
    return requests.post(f"{url}/auth/o2/token", data=form | changes, timeout=5)


@pytest.fixture
def call(url: str) -> Iterator[Call]:
    """Calls the sandbox with a good access token."""
    with requests.Session() as session:
        session.headers["x-amz-access-token"] = login(url).json()["access_token"]

        def call(method: str, path: str, **arguments: Any) -> requests.Response:
            return session.request(method, url + path, timeout=arguments.pop("timeout", 5), **arguments)

        yield call


def fault(call: Call, **wish: Any) -> None:
    assert call("POST", "/_sandbox/faults", json=wish).status_code == 200


def test_consent_is_revoked_and_granted_again(call: Call, url: str) -> None:
    assert call("POST", "/_sandbox/accounts/main/revoke-consent").json()["consent"] is False
    answer = login(url)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert call("GET", ORDERS, params=QUERY).status_code == 403
    call("POST", "/_sandbox/accounts/main/grant-consent")
    assert login(url).status_code == 200
    assert call("GET", ORDERS, params=QUERY).status_code == 200
    call("POST", "/_sandbox/accounts/main/grant-consent", json={"refresh_token": "another"})
    assert login(url).json()["error"] == "invalid_grant"
    assert login(url, refresh_token="another").status_code == 200
    assert call("POST", "/_sandbox/accounts/nobody/revoke-consent").status_code == 404


def test_a_client_secret_expires_and_is_renewed(call: Call, url: str) -> None:
    call("POST", "/_sandbox/accounts/main/expire-secret")
    answer = login(url)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    call("POST", "/_sandbox/accounts/main/renew-secret", json={"client_secret": "new"})
    assert login(url).json()["error"] == "invalid_client"
    assert login(url, client_secret="new").status_code == 200


def test_a_private_app_serves_its_own_account_alone(call: Call, url: str) -> None:
    wish = {"account": "own", "refresh_token": "own-token", "client_id": "own-client", "client_secret": "own-secret"}
    assert call("POST", "/_sandbox/accounts", json=wish).json()["client_id"] == "own-client"
    own = {"client_id": "own-client", "client_secret": "own-secret"}
    assert login(url, refresh_token="own-token", **own).status_code == 200
    assert login(url, refresh_token="own-token").json()["error"] == "invalid_grant"
    assert login(url, **own).json()["error"] == "invalid_grant"
    assert login(url, refresh_token="own-token", **own | {"client_secret": "x"}).json()["error"] == "invalid_client"


def test_roles_are_changed(call: Call, place: Any) -> None:
    order_id = place()
    path, query = f"{ORDERS}/{order_id}", {"includedData": "RECIPIENT,BUYER"}
    assert "recipient" in call("GET", path, params=query).json()["order"]
    call("POST", "/_sandbox/accounts/main/roles", json={"roles": ["Inventory and Order Tracking"]})
    assert {"recipient", "buyer"}.isdisjoint(call("GET", path, params=query).json()["order"])
    call("POST", "/_sandbox/accounts/main/roles", json={"roles": []})
    assert call("GET", path, params=query).status_code == 403
    assert call("POST", "/_sandbox/accounts/main/roles", json={"roles": ["King"]}).status_code == 422


def test_one_marketplace_is_forbidden(call: Call) -> None:
    fault(call, operation="searchOrders", kind="403", marketplace_id=GERMANY, count=None)

    def status(**more: str) -> int:
        return call("GET", ORDERS, params=QUERY | more).status_code

    assert [status(marketplaceIds=GERMANY), status(marketplaceIds=f"{US},{GERMANY}"), status()] == [403] * 3
    assert [status(marketplaceIds=US), status(marketplaceIds=f"{US},{BRITAIN}")] == [200, 200]
    participations = call("GET", "/sellers/v1/marketplaceParticipations").json()["payload"]
    assert GERMANY in {entry["marketplace"]["id"] for entry in participations}


def test_one_data_set_is_refused(call: Call, place: Any) -> None:
    place()
    fault(call, operation="*", kind="400", included_data="FULFILLMENT", count=None)
    answer = call("GET", ORDERS, params=QUERY)
    assert answer.status_code == 400
    assert "FULFILLMENT" in answer.json()["errors"][0]["message"]
    assert call("GET", ORDERS, params=QUERY | {"includedData": "BUYER"}).status_code == 200


def test_a_fault_may_be_for_one_account(call: Call, url: str) -> None:
    fault(call, operation="login", kind="503", account="other", count=None)
    assert login(url).status_code == 200
    call("POST", "/_sandbox/accounts", json={"account": "other", "refresh_token": "other-token"})
    assert login(url, refresh_token="other-token").status_code == 503


def search(call: Call, clock: ManualClock, place: Any, kind: str) -> requests.Response:
    place()
    clock.advance(120)
    fault(call, operation="searchOrders", kind=kind, seconds=0.05)
    return call("GET", ORDERS, params=QUERY)


def test_maintenance(call: Call, clock: ManualClock, place: Any) -> None:
    answer = search(call, clock, place, "maintenance")
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (503, "text/plain")


def test_html_with_200(call: Call, clock: ManualClock, place: Any) -> None:
    answer = search(call, clock, place, "html_200")
    assert (answer.status_code, answer.text[:6]) == (200, "<html>")


def test_json_is_cut(call: Call, clock: ManualClock, place: Any) -> None:
    answer = search(call, clock, place, "truncated_json")
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)


def test_fields_are_missing_or_wrong(call: Call, clock: ManualClock, place: Any) -> None:
    assert "lastUpdatedTime" not in search(call, clock, place, "missing_field").json()["orders"][0]
    assert search(call, clock, place, "wrong_type").json()["orders"][0]["orderItems"] == "none"


def test_an_answer_is_huge(call: Call, clock: ManualClock, place: Any) -> None:
    answer = search(call, clock, place, "huge")
    assert len(answer.content) == 11 * 1024 * 1024
    assert len(answer.json()["orders"]) == 1


def test_an_answer_hangs_in_the_middle(call: Call, clock: ManualClock, place: Any) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        search(call, clock, place, "hang")
    assert call("GET", "/_sandbox/calls").json()["operations"]["searchOrders"]["by_status"] == {"hung": 1}


@pytest.mark.parametrize("kind", ["same_page", "token_refused", "token_expired"])
def test_only_what_has_a_paging_token_meets_its_faults(call: Call, clock: ManualClock, place: Any, kind: str) -> None:
    for _ in range(3):
        place()
    clock.advance(120)
    fault(call, operation="searchOrders", kind=kind)
    query = QUERY | {"maxResultsPerPage": "1"}
    first = call("GET", ORDERS, params=query).json()
    token = first["pagination"]["nextToken"]
    again = call("GET", ORDERS, params=query | {"paginationToken": token})
    if kind == "same_page":
        assert again.json()["pagination"]["nextToken"] == token
    else:
        assert again.status_code == 400
        assert "paginationToken" in again.json()["errors"][0]["message"]
    assert call("GET", ORDERS, params=query | {"paginationToken": token}).json()["pagination"]["nextToken"] != token


def test_a_report_ends_fatal_and_the_next_one_does_not(call: Call, clock: ManualClock, place: Any) -> None:
    place()
    clock.advance(60)
    fault(call, operation="createReport", kind="report_fatal")
    wish = {
        "reportType": "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL",
        "marketplaceIds": [US],
        "dataStartTime": "2026-11-20T00:00:00Z",
    }
    made = [call("POST", "/reports/2021-06-30/reports", json=wish) for _ in range(2)]
    assert [answer.status_code for answer in made] == [202, 202]
    clock.advance(30)
    paths = [f"/reports/2021-06-30/reports/{answer.json()['reportId']}" for answer in made]
    fatal, done = (call("GET", path).json() for path in paths)
    assert (fatal["processingStatus"], done["processingStatus"]) == ("FATAL", "DONE")

    document = call("GET", f"/reports/2021-06-30/documents/{done['reportDocumentId']}").json()
    assert requests.get(document["url"], timeout=5).text.startswith("amazon-order-id\tmerchant-order-id\t")
    call("POST", "/_sandbox/reports", json={"compression": "GZIP"})
    document = call("GET", f"/reports/2021-06-30/documents/{done['reportDocumentId']}").json()
    assert requests.get(document["url"], timeout=5).content[:2] == b"\x1f\x8b"
    fault(call, operation="downloadDocument", kind="truncated")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(document["url"], timeout=5)
    clock.advance(300)
    assert requests.get(document["url"], timeout=5).status_code == 403


def test_a_read_that_lags_has_no_package_younger_than_so_many_seconds(
    call: Call, clock: ManualClock, place: Any, central: SellerCentral, confirmation: Any
) -> None:
    order_id = place(lines=[{"sku": "MUG-BLUE", "quantity": 2}])
    (item,) = central.books()["orders"][order_id]["lines"]
    for reference_id in ("1", "2"):
        clock.advance(60)
        items = [{"orderItemId": item["order_item_id"], "quantity": 1}]
        body = confirmation(order_id, packageReferenceId=reference_id, orderItems=items)
        assert call("POST", f"/orders/v0/orders/{order_id}/shipmentConfirmation", json=body).status_code == 204
    clock.advance(30)

    def shown() -> tuple[list[str], str]:
        query = {"includedData": "PACKAGES,FULFILLMENT"}
        order = call("GET", f"{ORDERS}/{order_id}", params=query).json()["order"]
        packages = [one["packageReferenceId"] for one in order.get("packages", [])]
        return packages, order["fulfillment"]["fulfillmentStatus"]

    for seconds, expected in (
        (20, (["1", "2"], "SHIPPED")),
        (60, (["1"], "PARTIALLY_SHIPPED")),
        (100, ([], "UNSHIPPED")),
    ):
        fault(call, operation="getOrder", kind="stale", seconds=seconds)
        assert shown() == expected
    assert shown() == (["1", "2"], "SHIPPED")
    assert call("POST", "/_sandbox/faults", json={"operation": "*", "kind": "stale"}).status_code == 200
    assert call("GET", ORDERS, params=QUERY).status_code == 200  # no other operation meets it


def test_an_unknown_fault_is_refused(call: Call) -> None:
    for wish in ({"operation": "getOder", "kind": "500"}, {"operation": "*", "kind": "501"}):
        assert call("POST", "/_sandbox/faults", json=wish).status_code == 422


def test_hidden_and_shown_again(call: Call, clock: ManualClock, place: Any) -> None:
    order_id = place()
    clock.advance(120)
    assert call("POST", f"/_sandbox/orders/{order_id}/hide").json()["order_id"] == order_id
    assert call("GET", ORDERS, params=QUERY).json()["orders"] == []
    assert call("GET", f"{ORDERS}/{order_id}").status_code == 200
    call("POST", f"/_sandbox/orders/{order_id}/show")
    assert len(call("GET", ORDERS, params=QUERY).json()["orders"]) == 1


def test_a_share_of_the_calls_fails(call: Call, place: Any) -> None:
    order_id = place()
    fault(call, operation="getOrder", kind="503", share=0.5, count=None)
    outcomes = {call("GET", f"{ORDERS}/{order_id}").status_code for _ in range(25)}
    assert outcomes == {200, 503}
    assert call("POST", "/_sandbox/faults", json={"operation": "*", "kind": "503", "share": 0}).status_code == 422
