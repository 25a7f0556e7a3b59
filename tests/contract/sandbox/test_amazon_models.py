"""Every kind of answer of the sandbox satisfies Amazon's official models."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator, ValidationError

from sandbox.accounts import ADDRESS_ROLE, DEFAULT_ACCOUNT, ROLES, Account
from sandbox.clock import ManualClock, to_amazon
from sandbox.database import Database
from sandbox.errors import AmazonError
from sandbox.marketplaces import MARKETPLACES
from sandbox.orders import Order
from sandbox.placing import OrderWish
from sandbox.seller_central import SellerCentral
from sandbox.server import create_app, create_server, listen
from sandbox.views import DATASETS

pytestmark = pytest.mark.models

Check = Callable[[str, str, Any], None]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
KINDS = ["UNSHIPPED", "PENDING", "PARTIALLY_SHIPPED", "SHIPPED", "CANCELLED", "WISH_TO_CANCEL"]


def closed(schema: Any) -> Any:
    """The schema, refusing properties that it doesn't name: a misspelt optional field would pass otherwise."""
    if isinstance(schema, dict):
        result = {name: closed(value) for name, value in schema.items()}
        if schema.get("type") == "object" and "properties" in schema:
            result["additionalProperties"] = False
        return result
    return [closed(value) for value in schema] if isinstance(schema, list) else schema


@pytest.fixture(scope="module")
def check(amazon_models: Path) -> Check:
    """Checks an answer against a definition of a model (Swagger 2.0: JSON Schema draft 4 with `definitions`)."""
    models = {name: json.loads((amazon_models / f"{name}.json").read_text()) for name in MODELS}
    validators: dict[tuple[str, str], Draft4Validator] = {}

    def check(model: str, definition: str, answer: Any) -> None:
        if (model, definition) not in validators:
            schema = {"$ref": f"#/definitions/{definition}", "definitions": closed(models[model]["definitions"])}
            validators[model, definition] = Draft4Validator(schema, format_checker=Draft4Validator.FORMAT_CHECKER)
        # Through JSON, so that what is checked is what a client sees.
        validators[model, definition].validate(json.loads(json.dumps(answer)))

    return check


MODELS = ("orders_2026-01-01", "ordersV0", "sellers")
ORDERS, ORDERS_V0, SELLERS = MODELS


class World:
    """A sandbox in which something happens to orders."""

    def __init__(self, seed: int = 1) -> None:
        self.database = Database()
        self.clock = ManualClock(NOON)
        self.central = SellerCentral(self.database, self.clock, seed=seed)
        self.account = Account(account="all", marketplaces=list(MARKETPLACES))
        self.central.save_account(self.account)

    def place(self, kind: str, **wish: Any) -> str:
        """An order to which that has happened which `kind` says."""
        wish["status"] = "PENDING" if kind == "PENDING" else "UNSHIPPED"
        order_id = self.central.place_orders(OrderWish(account="all", **wish))[0]
        self.clock.advance(60)
        if kind in ("SHIPPED", "PARTIALLY_SHIPPED"):
            self._ship(order_id, whole=kind == "SHIPPED")
        elif kind == "CANCELLED":
            self.central.change_order(order_id, lambda order, now: order.cancel("BUYER", "mistake", now))
        elif kind == "WISH_TO_CANCEL":
            self.central.change_order(order_id, lambda order, now: order.request_cancel("mistake", now))
        return order_id

    def _ship(self, order_id: str, *, whole: bool) -> None:
        book = self.central.books()["orders"][order_id]
        if book["fulfilled_by"] == "AMAZON":
            self.central.change_order(order_id, Order.ship_by_amazon)
            return
        line = book["lines"][0]
        lines = book["lines"] if whole else [line | {"quantity": 1}]
        detail = {
            "packageReferenceId": "1",
            "carrierCode": "Other",
            "carrierName": "Bike Courier",
            "shippingMethod": "Bike",
            "trackingNumber": "T1",
            "shipDate": to_amazon(self.clock.now()),
            "orderItems": [
                {"orderItemId": each["order_item_id"], "quantity": each["quantity"], "transparencyCodes": ["T"]}
                for each in lines
            ],
        }
        body = {"marketplaceId": book["marketplace_id"], "packageDetail": detail}
        self.central.confirm_shipment(order_id, body, self.account)


def test_the_check_finds_what_is_missing_misspelt_or_malformed(check: Check) -> None:
    world = World()
    order_id = world.place("UNSHIPPED")
    good = world.central.get_order(order_id, {"includedData": "FULFILLMENT"}, world.account)["order"]
    check(ORDERS, "Order", good)
    for bad in (
        {name: value for name, value in good.items() if name != "salesChannel"},
        good | {"fullfillment": {}},
        good | {"createdTime": "yesterday"},
        good | {"fulfillment": {"fulfillmentStatus": "Unshipped"}},
    ):
        with pytest.raises(ValidationError):
            check(ORDERS, "Order", bad)
    world.database.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fulfilled_by", ["MERCHANT", "AMAZON"])
@pytest.mark.parametrize("country", [marketplace.country for marketplace in MARKETPLACES.values()])
def test_orders_of_every_kind(check: Check, country: str, fulfilled_by: str, kind: str) -> None:
    world = World()
    marketplace_id = next(name for name, marketplace in MARKETPLACES.items() if marketplace.country == country)
    for programs in ([], ["PRIME"], ["AMAZON_BUSINESS"], ["FBM_SHIP_PLUS"]):
        if "FBM_SHIP_PLUS" in programs and kind in ("SHIPPED", "PARTIALLY_SHIPPED"):
            continue  # not the seller's to confirm
        lines = [{"sku": "MUG-RED", "quantity": 2, "gift_message": "Hi"}, {"sku": "TEAPOT-1L"}]
        order_id = world.place(
            kind, marketplace_id=marketplace_id, fulfilled_by=fulfilled_by, programs=programs, lines=lines
        )
        order = world.central.get_order(order_id, {"includedData": ",".join(DATASETS)}, world.account)
        check(ORDERS, "GetOrderResponse", order)
        if kind in ("PENDING", "CANCELLED", "SHIPPED"):
            assert order["order"]["fulfillment"]["fulfillmentStatus"] == kind
    world.database.close()


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=6),
    included=st.sets(st.sampled_from(DATASETS)),
    roles=st.sets(st.sampled_from(sorted(ROLES)), min_size=1),
    page_size=st.integers(1, 100),
    group=st.sampled_from(["created", "lastUpdated"]),
    days=st.integers(0, 400),
)
def test_pages_of_any_search(
    check: Check,
    seed: int,
    kinds: list[str],
    included: set[str],
    roles: set[str],
    page_size: int,
    group: str,
    days: int,
) -> None:
    world = World(seed)
    account = world.account.model_copy(update={"roles": sorted(roles)})
    for kind in kinds:
        world.place(kind, created_at=NOON - timedelta(days=days))
    world.clock.advance(120)
    query = {f"{group}After": "2025-01-01T00:00:00Z", "maxResultsPerPage": str(page_size)}
    if included:
        query["includedData"] = ",".join(sorted(included))
    token: dict[str, str] = {}
    seen = 0
    while True:
        answer = world.central.search_orders(query | token, account)
        check(ORDERS, "SearchOrdersResponse", answer)
        for order in answer["orders"]:
            shown = ADDRESS_ROLE in roles and "RECIPIENT" in included
            assert "recipient" not in order or shown
        seen += len(answer["orders"])
        if "pagination" not in answer:
            break
        token = {"paginationToken": answer["pagination"]["nextToken"]}
    assert seen == len(kinds)
    world.database.close()


def test_marketplace_participations(check: Check) -> None:
    world = World()
    answer = world.central.marketplace_participations(world.account)
    assert len(answer["payload"]) == len(MARKETPLACES)
    check(SELLERS, "GetMarketplaceParticipationsResponse", answer)
    world.database.close()


def test_refusals(check: Check) -> None:
    error = AmazonError(400, "InvalidInput", "words", "more")
    check(ORDERS, "ErrorList", error.body())
    check(ORDERS_V0, "ConfirmShipmentErrorResponse", error.body())
    check(SELLERS, "GetMarketplaceParticipationsResponse", error.body())


@pytest.fixture
def url() -> Iterator[str]:
    """Where a sandbox is served over HTTP."""
    world = World()
    listener = listen("127.0.0.1", 0)
    server = create_server(create_app(world.central))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=5)
    assert not thread.is_alive()
    world.database.close()


OPERATIONS = {
    ("GET", "/orders/2026-01-01/orders"): (ORDERS, "ErrorList"),
    ("GET", "/orders/2026-01-01/orders/114-0000000-0000000"): (ORDERS, "ErrorList"),
    ("POST", "/orders/v0/orders/114-0000000-0000000/shipmentConfirmation"): (
        ORDERS_V0,
        "ConfirmShipmentErrorResponse",
    ),
    ("GET", "/sellers/v1/marketplaceParticipations"): (SELLERS, "GetMarketplaceParticipationsResponse"),
}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: " ".join(operation))
def test_every_refusal_over_http_is_declared(
    check: Check, amazon_models: Path, url: str, operation: tuple[str, str]
) -> None:
    """Bodies, statuses and the rate limit's header of what goes wrong are those of the model."""
    method, path = operation
    model, definition = OPERATIONS[operation]
    template = path.replace("114-0000000-0000000", "{orderId}")
    document = json.loads((amazon_models / f"{model}.json").read_text())
    declared = document["paths"][template][method.lower()]["responses"]

    form = {"grant_type": "refresh_token", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    form["refresh_token"] = DEFAULT_ACCOUNT.refresh_token
    token = requests.post(f"{url}/auth/o2/token", data=form, timeout=5).json()["access_token"]
    good = {"x-amz-access-token": token}
    answers = [requests.request(method, url + path, headers=good, timeout=5)]
    for headers in ({}, {"x-amz-access-token": "Atza|nonsense"}, good | {"User-Agent": ""}):
        answers.append(requests.request(method, url + path, headers=headers, timeout=5))
    for kind in ("429", "500", "503"):
        fault = {"operation": "*", "kind": kind}
        assert requests.post(f"{url}/_sandbox/faults", json=fault, timeout=5).status_code == 200
        answers.append(requests.request(method, url + path, headers=good, timeout=5))
        assert answers[-1].status_code == int(kind)
    for answer in answers:
        status = str(answer.status_code)
        assert status in declared
        assert answer.headers["x-amzn-RequestId"]
        assert ("x-amzn-RateLimit-Limit" in answer.headers) == (status in ("200", "204", "400", "404"))
        if status != "200":
            check(model, definition, answer.json())
    assert len({answer.status_code for answer in answers}) >= 5
