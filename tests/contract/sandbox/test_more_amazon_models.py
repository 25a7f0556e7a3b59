"""Reports, Notifications, the reads of Orders v0 and odd orders satisfy Amazon's models, over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft4Validator, Draft7Validator

from sandbox.accounts import Account
from sandbox.clock import ManualClock
from sandbox.database import Database
from sandbox.marketplaces import MARKETPLACES
from sandbox.odd import ODD
from sandbox.placing import OrderWish
from sandbox.seller_central import SellerCentral
from sandbox.server import create_app, create_server, listen
from sandbox.views import DATASETS

pytestmark = pytest.mark.models

US = "ATVPDKIKX0DER"
APP = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
Ask = Callable[..., Any]


class Asking:
    """Asks a sandbox, and checks each answer against what the model declares for its operation and status."""

    def __init__(self, url: str, models: Path, clock: ManualClock, central: SellerCentral) -> None:
        self.url, self.clock, self.central = url, clock, central
        self._models = models
        login = {"grant_type": "refresh_token", "refresh_token": "all", **APP}
        self.token = self._login(login)
        scope = {"grant_type": "client_credentials", "scope": "sellingpartnerapi::notifications", **APP}
        self.grantless = self._login(scope)

    def _login(self, form: dict[str, str]) -> str:
        return str(requests.post(f"{self.url}/auth/o2/token", data=form, timeout=5).json()["access_token"])

    def __call__(
        self, model: str, method: str, template: str, status: int = 200, token: str | None = None, **arguments: Any
    ) -> Any:
        names = arguments.pop("names", {})
        headers = {"x-amz-access-token": token or self.token}
        path = template.format(**names)
        answer = requests.request(method, self.url + path, headers=headers, timeout=5, **arguments)
        assert answer.status_code == status, answer.text
        assert ("x-amzn-RateLimit-Limit" in answer.headers) == (status in (200, 202, 400, 404))
        document = json.loads((self._models / f"{model}.json").read_text())
        declared = document["paths"][template][method.lower()]["responses"][str(status)]
        if "schema" not in declared:
            return None
        schema = {**declared["schema"], "definitions": _closed(document["definitions"])}
        Draft4Validator(schema, format_checker=Draft4Validator.FORMAT_CHECKER).validate(answer.json())
        return answer.json()


def _closed(schema: Any) -> Any:
    """The schema, refusing properties that it doesn't name: a misspelt optional field would pass otherwise."""
    if isinstance(schema, dict):
        result = {name: _closed(value) for name, value in schema.items()}
        if schema.get("type") == "object" and "properties" in schema:
            result["additionalProperties"] = False
        return result
    return [_closed(value) for value in schema] if isinstance(schema, list) else schema


@pytest.fixture
def ask(amazon_models: Path) -> Iterator[Asking]:
    """A sandbox over HTTP, with an account that sells everywhere."""
    database, clock = Database(), ManualClock(datetime(2026, 11, 23, 12, tzinfo=UTC))
    central = SellerCentral(database, clock)
    central.save_account(Account(account="all", refresh_token="all", marketplaces=list(MARKETPLACES)))
    listener = listen("127.0.0.1", 0)
    server = create_server(create_app(central))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield Asking(f"http://127.0.0.1:{listener.getsockname()[1]}", amazon_models, clock, central)
    server.should_exit = True
    thread.join(timeout=5)
    assert not thread.is_alive()
    database.close()


def place(ask: Asking, **wish: Any) -> str:
    return ask.central.place_orders(OrderWish(account="all", **wish))[0]


def test_reports(ask: Asking) -> None:
    model, reports = "reports_2021-06-30", "/reports/2021-06-30/reports"
    place(ask, created_at="2026-11-20T00:00:00Z")
    body = {
        "reportType": "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL",
        "marketplaceIds": [US],
        "dataStartTime": "2026-11-19T00:00:00Z",
    }
    one = {"reportId": ask(model, "POST", reports, 202, json=body)["reportId"]}
    two = {"reportId": ask(model, "POST", reports, 202, json=body)["reportId"]}
    ask(model, "POST", reports, 400, json={})
    ask(model, "POST", reports, 403, token="Atza|x", json=body)
    ask(model, "GET", reports + "/{reportId}", names=one)
    ask(model, "DELETE", reports + "/{reportId}", names=two)
    ask(model, "DELETE", reports + "/{reportId}", 400, names=two)
    ask.clock.advance(30)
    report = ask(model, "GET", reports + "/{reportId}", names=one)
    ask(model, "GET", reports + "/{reportId}", 404, names={"reportId": "1"})
    ask(model, "GET", reports, params={"reportTypes": body["reportType"], "pageSize": "1"})
    ask(model, "GET", reports, 400)
    document = "/reports/2021-06-30/documents/{reportDocumentId}"
    ask(model, "GET", document, names={"reportDocumentId": report["reportDocumentId"]})
    ask(model, "GET", document, 404, names={"reportDocumentId": "x"})


def test_notifications(ask: Asking, amazon_models: Path) -> None:
    model, grantless = "notifications", ask.grantless
    destinations, subscriptions = "/notifications/v1/destinations", "/notifications/v1/subscriptions/{notificationType}"
    arn = "arn:aws:sqs:us-east-1:123456789012:q"
    body = {"name": "ours", "resourceSpecification": {"sqs": {"arn": arn}}}
    kind = {"notificationType": "ORDER_CHANGE"}
    made = ask(model, "POST", destinations, token=grantless, json=body)["payload"]
    names = {"destinationId": made["destinationId"]}
    ask(model, "POST", destinations, 400, token=grantless, json={})
    ask(model, "POST", destinations, 409, token=grantless, json=body)
    ask(model, "POST", destinations, 403, json=body)
    ask(model, "GET", destinations, token=grantless)
    ask(model, "GET", destinations + "/{destinationId}", token=grantless, names=names)
    wish = {"payloadVersion": "1.0", "destinationId": made["destinationId"]}
    made = ask(model, "POST", subscriptions, names=kind, json=wish)["payload"]
    ask(model, "POST", subscriptions, 409, names=kind, json=wish)
    ask(model, "GET", subscriptions, names=kind)
    for odd in (*(name for name in ODD if name != "yen"), None):
        place(ask, odd=odd)
    schema = json.loads((amazon_models / "OrderChangeNotification.json").read_text())
    messages = list(ask.central.notifications.queues.messages)
    assert len(messages) == len(ODD)
    for message in messages:
        Draft7Validator(schema).validate(json.loads(message.body))
    by_id = kind | {"subscriptionId": made["subscriptionId"]}
    ask(model, "GET", subscriptions + "/{subscriptionId}", token=grantless, names=by_id)
    ask(model, "DELETE", subscriptions + "/{subscriptionId}", token=grantless, names=by_id)
    ask(model, "GET", subscriptions, 404, names=kind)
    ask.clock.advance(60)
    ask(model, "DELETE", destinations + "/{destinationId}", token=grantless, names=names)
    ask(model, "DELETE", destinations + "/{destinationId}", 404, token=grantless, names=names)


def test_orders_v0(ask: Asking) -> None:
    model, orders = "ordersV0", "/orders/v0/orders"
    for odd in (None, "business", "gift", "customised", "discount", "cod_fee", "pending", "replacement", "fba"):
        order_id = place(ask, odd=odd, marketplace_id=US)
    ask.clock.advance(120)
    resources = [
        {"method": "GET", "path": orders + tail, "dataElements": ["buyerInfo", "shippingAddress"]}
        for tail in ("", "/{orderId}", "/{orderId}/orderItems")
    ]
    resources += [
        {"method": "GET", "path": f"{orders}/{{orderId}}/{tail}"}
        for tail in ("address", "buyerInfo", "orderItems/buyerInfo")
    ]
    tokens, path = "tokens_2021-03-01", "/tokens/2021-03-01/restrictedDataToken"
    restricted = ask(tokens, "POST", path, json={"restrictedResources": resources})["restrictedDataToken"]
    ask(tokens, "POST", path, 400, json={})
    query = {"MarketplaceIds": US, "CreatedAfter": "2026-11-01T00:00:00Z"}
    for token in (None, restricted):
        found = ask(model, "GET", orders, token=token, params=query)["payload"]["Orders"]
        assert len(found) == 9
        assert any("BuyerInfo" in order for order in found) == (token is not None)
    ask(model, "GET", orders, 400)
    for order_id in [order["AmazonOrderId"] for order in found]:
        names = {"orderId": order_id}
        for tail in ("", "/orderItems", "/orderItems/buyerInfo", "/buyerInfo", "/address"):
            ask(model, "GET", orders + "/{orderId}" + tail, token=restricted, names=names)
    ask(model, "GET", orders + "/{orderId}/address", 403, names={"orderId": order_id})
    ask(model, "GET", orders + "/{orderId}", 404, names={"orderId": "114-0000000-0000000"})


@pytest.mark.parametrize("odd", [name for name in ODD if name != "unknown_status"])
def test_odd_orders(ask: Asking, odd: str) -> None:
    names = {"orderId": place(ask, odd=odd)}
    query = {"includedData": ",".join(DATASETS)}
    ask("orders_2026-01-01", "GET", "/orders/2026-01-01/orders/{orderId}", names=names, params=query)
