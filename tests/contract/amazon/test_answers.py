"""What Amazon's own models say it answers, we read: every static sandbox example, every field that we name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from orderbridge.amazon import (
    Operation,
    Order,
    Refused,
    get_marketplace_participations,
    get_order,
    operations,
    search_orders,
)
from orderbridge.amazon.marketplaces import MarketplaceParticipation
from orderbridge.amazon.notifications import Destination, Subscription
from orderbridge.amazon.orders import INCLUDED_DATA
from orderbridge.amazon.reports import Report, ReportDocument
from tests.unit.amazon.loopback import START, Loopback, said, then

pytestmark = pytest.mark.models

Swagger = Callable[[str], dict[str, Any]]

REPORTS = ("createReport", "getReport", "getReportDocument")
NOTIFICATIONS = (
    "createDestination",
    "getDestinations",
    "deleteDestination",
    "createSubscription",
    "getSubscription",
    "deleteSubscriptionById",
)
HOMES = {
    "searchOrders": "orders_2026-01-01",
    "getOrder": "orders_2026-01-01",
    "confirmShipment": "ordersV0",
    "getMarketplaceParticipations": "sellers",
    **dict.fromkeys(REPORTS, "reports_2021-06-30"),
    **dict.fromkeys(NOTIFICATIONS, "notifications"),
}
# Amazon's definition is called Marketplace; so is our table's entry.
RENAMED = {"ParticipationMarketplace": "Marketplace"}


def definition_of(swagger: Swagger, operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = swagger(HOMES[operation.name])["paths"][operation.path][operation.method.lower()]
    return found


def examples(response: dict[str, Any]) -> Iterator[Any]:
    """The static sandbox's answers, and those in Swagger's own place for examples, whatever they are called there."""
    for example in response.get("x-amzn-api-sandbox", {}).get("static", []):
        yield example["response"]
    # That of the sellers' API stands there without a name, and repeats the sandbox's.
    yield from (example for example in response.get("examples", {}).values() if isinstance(example, dict))


@pytest.mark.parametrize(
    "operation", [value for value in vars(operations).values() if isinstance(value, Operation)], ids=lambda o: o.name
)
def test_an_operation_is_amazons(swagger: Swagger, operation: Operation) -> None:
    definition = definition_of(swagger, operation)
    figures = [line for line in definition["description"].splitlines() if line.startswith("|")][2]

    assert definition["operationId"] == operation.name
    assert not definition.get("deprecated")
    assert ("is grantless" in definition["description"]) is operation.grantless
    assert [float(cell) for cell in figures.strip("| ").split("|")] == [operation.rate_per_second, operation.burst]


def test_every_example_of_a_page_is_read(swagger: Swagger, amazon: Loopback) -> None:
    connection = amazon.connection()
    pages = list(examples(definition_of(swagger, operations.SEARCH_ORDERS)["responses"]["200"]))
    assert len(pages) == 4

    for content in pages:
        amazon.api = then(said(content))
        page = search_orders(connection, created_after=START)
        orders = list(page.orders())
        assert [order.order_id for order in orders] == [order["orderId"] for order in content["orders"]]
        assert page.next_token == content.get("pagination", {}).get("nextToken")
        assert (page.created_before or page.last_updated_before) is not None
        for order, original in zip(orders, content["orders"], strict=True):
            assert_nothing_is_lost(order, original)


def test_every_example_of_an_order_is_read(swagger: Swagger, amazon: Loopback) -> None:
    connection = amazon.connection()
    answers = list(examples(definition_of(swagger, operations.GET_ORDER)["responses"]["200"]))
    assert len(answers) >= 3

    for content in answers:
        amazon.api = then(said(content))
        assert_nothing_is_lost(get_order(connection, "1").order, content["order"])


def test_every_example_of_a_refusal_is_read(swagger: Swagger, amazon: Loopback) -> None:
    connection = amazon.connection()
    (answer,) = examples(definition_of(swagger, operations.SEARCH_ORDERS)["responses"]["400"])
    amazon.api = then(said(answer, 400))

    with pytest.raises(Refused) as caught:
        search_orders(connection, created_after=START)
    assert caught.value.code == answer["errors"][0]["code"] == "InvalidInput"
    assert caught.value.message.startswith(answer["errors"][0]["message"])


def test_the_example_of_participations_is_read(swagger: Swagger, amazon: Loopback) -> None:
    (content,) = examples(definition_of(swagger, operations.GET_MARKETPLACE_PARTICIPATIONS)["responses"]["200"])
    amazon.api = then(said(content))

    (found,) = get_marketplace_participations(amazon.connection()).participations
    assert found.model_dump(by_alias=True) == content["payload"][0]


def assert_nothing_is_lost(read: Any, original: Any) -> None:
    """Whatever of the original has a field in our model stands there with the same value."""
    if isinstance(read, BaseModel):
        for name, field in type(read).model_fields.items():
            if field.alias in original:
                assert_nothing_is_lost(getattr(read, name), original[field.alias])
    elif isinstance(read, tuple):
        assert len(read) == len(original)
        for one, other in zip(read, original, strict=True):
            assert_nothing_is_lost(one, other)
    elif isinstance(read, datetime):
        assert read == datetime.fromisoformat(original)
        assert read.tzinfo is UTC
    else:
        assert str(read) == str(original)


def whole(definition: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The definition with the properties of all that it is put together from."""
    properties = dict(definition.get("properties", {}))
    for part in definition.get("allOf", []):
        properties |= whole(definitions[part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else part, definitions)[
            "properties"
        ]
    return definition | {"properties": properties}


def models_within(model: type[BaseModel]) -> set[type[BaseModel]]:
    found = {model}
    for field in model.model_fields.values():
        for part in parts(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                found |= models_within(part)
    return found


def parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in get_args(annotation):
        yield from parts(inner)


@pytest.mark.parametrize(
    ("root", "home"),
    [
        (Order, "orders_2026-01-01"),
        (MarketplaceParticipation, "sellers"),
        (Report, "reports_2021-06-30"),
        (ReportDocument, "reports_2021-06-30"),
        (Destination, "notifications"),
        (Subscription, "notifications"),
    ],
)
def test_every_field_that_we_name_is_amazons(swagger: Swagger, root: type[BaseModel], home: str) -> None:
    definitions = swagger(home)["definitions"]
    models = models_within(root)
    assert models >= {root}

    for model in models:
        definition = whole(definitions[RENAMED.get(model.__name__, model.__name__)], definitions)
        named = {field.alias for field in model.model_fields.values()}
        required = {field.alias for field in model.model_fields.values() if field.is_required()}
        assert named <= set(definition["properties"]), model
        assert required <= set(definition.get("required", [])), model


def test_we_ask_for_data_sets_that_exist(swagger: Swagger) -> None:
    (parameter,) = (
        parameter
        for parameter in definition_of(swagger, operations.GET_ORDER)["parameters"]
        if parameter["name"] == "includedData"
    )

    assert set(INCLUDED_DATA) <= set(parameter["items"]["enum"])
