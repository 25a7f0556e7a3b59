"""Whatever we can ask, Amazon's own models allow: made up at random, sent, and checked as it arrived."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator, FormatChecker, ValidationError

from orderbridge.amazon import BadAnswer, Package, PackageLine, confirm_shipment, get_order, operations, search_orders
from orderbridge.amazon.orders import INCLUDED_DATA
from tests.unit.amazon.loopback import Call, Loopback, Said, said, then

pytestmark = pytest.mark.models

Swagger = Callable[[str], dict[str, Any]]

AMAZONS_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
FORMATS = FormatChecker(["date-time"])

# The loopback Amazon and Amazon's models are the same for every example.
made_up = settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
moments = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds and adds the time zone
    timezones=st.timezones(),
).filter(lambda moment: 1970 < moment.year < 9999)
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)
marketplaces = st.lists(st.sampled_from(("ATVPDKIKX0DER", "A1F83G8C2ARO7P")), max_size=3).map(tuple)
data_sets = st.lists(st.sampled_from((*INCLUDED_DATA, "EXPENSE", "FULFILLMENT_ORDERS")), unique=True).map(tuple)
order_ids = st.from_regex(r"[0-9]{3}-[0-9]{7}-[0-9]{7}", fullmatch=True, alphabet=st.characters(codec="ascii"))


def parameters(swagger: Swagger, home: str, operation: operations.Operation) -> dict[str, dict[str, Any]]:
    definition = swagger(home)["paths"][operation.path][operation.method.lower()]
    return {parameter["name"]: parameter for parameter in definition["parameters"]}


def check_query(call: Call, allowed: dict[str, dict[str, Any]]) -> None:
    """Each parameter is Amazon's and of the type it says; an array comes in Swagger's default form, csv."""
    for name, text in call.query.items():
        parameter = allowed[name]
        assert parameter["in"] == "query"
        value: Any = {"array": text.split(","), "integer": text}.get(parameter["type"], text)
        if parameter["type"] == "integer":
            value = int(text)
        schema = {key: parameter[key] for key in ("type", "format", "items", "maxItems") if key in parameter}
        Draft4Validator(schema, format_checker=FORMATS).validate(value)
        if parameter.get("format") == "date-time":
            assert AMAZONS_TIME.fullmatch(text)


def query_of(amazon: Loopback) -> Call:
    return amazon.api_calls[-1]


@made_up
@given(
    by=st.sampled_from(("last_updated", "created")),
    after=moments,
    before=st.none() | moments,
    marketplace_ids=marketplaces,
    fulfilled_by=st.sampled_from(((), ("MERCHANT",), ("AMAZON",), ("MERCHANT", "AMAZON"))),
    statuses=st.sampled_from(((), ("UNSHIPPED",), ("PENDING", "PARTIALLY_SHIPPED", "SHIPPED", "CANCELLED"))),
    included_data=data_sets,
    max_results=st.integers(1, 100),
    pagination_token=st.none() | texts,
)
def test_any_search_is_allowed(
    swagger: Swagger,
    amazon: Loopback,
    by: str,
    after: datetime,
    before: datetime | None,
    max_results: int,
    pagination_token: str | None,
    **lists: Any,
) -> None:
    amazon.api = then(said({"orders": []}))
    times: dict[str, Any] = {f"{by}_after": after, f"{by}_before": before}
    search_orders(amazon.connection(), **times, **lists, max_results=max_results, pagination_token=pagination_token)

    call = query_of(amazon)
    check_query(call, parameters(swagger, "orders_2026-01-01", operations.SEARCH_ORDERS))
    assert len({"createdAfter", "lastUpdatedAfter"} & set(call.query)) == 1
    assert call.query.get("paginationToken") == pagination_token
    assert 1 <= int(call.query["maxResultsPerPage"]) <= 100


@made_up
@given(order_id=order_ids, included_data=data_sets)
def test_any_question_for_an_order_is_allowed(
    swagger: Swagger, amazon: Loopback, order_id: str, included_data: tuple[str, ...]
) -> None:
    amazon.api = then(said({"order": None}))
    with pytest.raises(BadAnswer, match="order: Field required"):
        get_order(amazon.connection(), order_id, included_data=included_data)

    call = query_of(amazon)
    assert call.path == f"/orders/2026-01-01/orders/{order_id}"
    if "?" in call.target:
        check_query(call, parameters(swagger, "orders_2026-01-01", operations.GET_ORDER))
    assert ("?" in call.target) is bool(included_data)


lines = st.builds(
    PackageLine,
    order_item_id=texts,
    quantity=st.integers(1, 1_000),
    transparency_codes=st.lists(texts, max_size=3).map(tuple),
)
packages = st.builds(
    Package,
    package_reference_id=st.integers(1, 2**63),
    carrier_code=st.just("Other") | texts,
    carrier_name=texts,
    shipping_method=st.none() | texts,
    tracking_number=texts,
    ship_date=moments,
    lines=st.lists(lines, min_size=1, max_size=4).map(tuple),
    ship_from_supply_source_id=st.none() | texts,
)


@made_up
@given(order_id=order_ids, package=packages)
def test_any_confirmation_is_allowed(swagger: Swagger, amazon: Loopback, order_id: str, package: Package) -> None:
    amazon.api = then(Said(204, b""))
    confirm_shipment(amazon.connection(), order_id, "ATVPDKIKX0DER", package)

    call = query_of(amazon)
    body = json.loads(call.body)
    payload = parameters(swagger, "ordersV0", operations.CONFIRM_SHIPMENT)["payload"]["schema"]
    schema = payload | {"definitions": swagger("ordersV0")["definitions"]}
    Draft4Validator(schema, format_checker=FORMATS).validate(body)
    detail = body["packageDetail"]
    assert detail["packageReferenceId"] == str(package.package_reference_id)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", detail["shipDate"])
    assert [line["quantity"] for line in detail["orderItems"]] == [line.quantity for line in package.lines]
    assert "?" not in call.target


def test_amazons_example_of_a_confirmation_is_what_we_send(swagger: Swagger, amazon: Loopback) -> None:
    amazon.api = then(Said(204, b""))
    definition = swagger("ordersV0")["paths"][operations.CONFIRM_SHIPMENT.path]["post"]
    example = definition["responses"]["204"]["x-amzn-api-sandbox"]["static"][0]["request"]["parameters"]
    package = Package(
        package_reference_id=1,
        carrier_code="FedEx",
        carrier_name="FedEx",
        shipping_method="FedEx Ground",
        tracking_number="112345678",
        ship_date=datetime(2022, 2, 11, 1, 0, tzinfo=UTC),
        lines=(PackageLine("79039765272157", 1, ("09876543211234567890",)),),
        ship_from_supply_source_id="057d3fcc-b750-419f-bbcd-4d340c60c430",
    )
    confirm_shipment(amazon.connection(), example["orderId"]["value"], "ATVPDKIKX0DER", package)

    assert json.loads(amazon.api_calls[-1].body) == example["body"]["value"]


def test_the_check_itself_sees_what_amazon_refuses(swagger: Swagger) -> None:
    allowed = parameters(swagger, "orders_2026-01-01", operations.SEARCH_ORDERS)
    for wrong in (
        "createdAfter=2026-11-23",
        "createdAfter=2026-11-23T09:00:00%2B00:00",
        "fulfilledBy=merchant",
        "marketplaceIds=" + ",".join("A" * 51),
        "unheardOf=1",
    ):
        call = Call("GET", f"/orders/2026-01-01/orders?{wrong}", {}, b"", 0)
        with pytest.raises((ValidationError, AssertionError, KeyError)):
            check_query(call, allowed)
