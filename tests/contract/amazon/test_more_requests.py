"""Whatever we can ask of reports, notifications and sellers, Amazon's own models allow."""

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

from orderbridge.amazon import (
    Connection,
    GrantlessLogin,
    create_destination,
    create_report,
    create_subscription,
    delete_destination,
    delete_subscription,
    get_destinations,
    get_marketplace_participations,
    get_report,
    get_report_document,
    get_subscription,
    operations,
)
from tests.unit.amazon.loopback import LOGIN_PATH, START, Call, Loopback, said, then

pytestmark = pytest.mark.models

Swagger = Callable[[str], dict[str, Any]]

FORMATS = FormatChecker(["date-time"])
# The loopback Amazon and Amazon's models are the same for every example.
made_up = settings(
    max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)
ids = texts.filter(lambda text: text not in (".", ".."))
moments = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds and adds the time zone
    timezones=st.just(UTC),
)
queues = st.builds(
    "arn:aws:sqs:{}:{:012}:{}".format,
    st.sampled_from(("us-east-1", "eu-west-1", "us-west-2")),
    st.integers(0, 10**12 - 1),
    st.from_regex(r"[A-Za-z0-9_-]{1,80}", fullmatch=True),
)
change_types = st.lists(
    st.sampled_from(("OrderStatusChange", "BuyerRequestedChange", "DeliveryTipChange")), min_size=1, unique=True
).map(tuple)


def grantless(amazon: Loopback) -> Connection:
    login = GrantlessLogin(amazon.url + LOGIN_PATH, "client", "s3cr3t", timeout=(2, 0.5))
    return Connection(amazon.url, login, before_call=lambda: None, now=lambda: START, timeout=(2, 0.5))


def check(swagger: Swagger, home: str, operation: operations.Operation, call: Call) -> None:
    """The call is the operation's: its method, its path, its parameters and no others, and its body, if it has one."""
    model = swagger(home)
    definition = model["paths"][operation.path][operation.method.lower()]
    allowed = {parameter["name"]: parameter for parameter in definition.get("parameters", [])}
    assert call.method == operation.method
    assert re.fullmatch(re.sub(r"\{\w+\}", "[^/?]+", operation.path), call.path)
    for name, text in (call.query if "?" in call.target else {}).items():
        assert allowed[name]["in"] == "query"
        assert allowed[name]["type"] == "string"
        assert text
    needed = [parameter for parameter in allowed.values() if parameter["in"] == "body"]
    assert bool(call.body) is bool(needed)
    for parameter in needed:
        schema = parameter["schema"] | {"definitions": model["definitions"]}
        Draft4Validator(schema, format_checker=FORMATS).validate(json.loads(call.body))


@made_up
@given(
    report_type=texts,
    marketplace_ids=st.lists(texts, min_size=1, max_size=25).map(tuple),
    span=st.tuples(moments, moments).filter(lambda pair: pair[0] < pair[1]),
    report_id=ids,
)
def test_any_question_for_a_report_is_allowed(
    swagger: Swagger,
    amazon: Loopback,
    report_type: str,
    marketplace_ids: tuple[str, ...],
    span: tuple[datetime, datetime],
    report_id: str,
) -> None:
    report = {"reportId": "1", "reportType": "A", "createdTime": "2026-11-23T09:00:00Z", "processingStatus": "DONE"}
    amazon.api = then(said(report | {"reportDocumentId": "1", "url": "https://example.com/"}))
    connection = amazon.connection()
    create_report(connection, report_type, marketplace_ids, *span)
    get_report(connection, report_id)
    get_report_document(connection, report_id)

    asked = amazon.api_calls[-3:]
    for operation, call in zip(
        (operations.CREATE_REPORT, operations.GET_REPORT, operations.GET_REPORT_DOCUMENT), asked, strict=True
    ):
        check(swagger, "reports_2021-06-30", operation, call)
    body = json.loads(asked[0].body)
    assert all(
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body[name]) for name in ("dataStartTime", "dataEndTime")
    )


@made_up
@given(name=texts, queue=queues, destination_id=ids)
def test_any_word_on_destinations_is_allowed(
    swagger: Swagger, amazon: Loopback, name: str, queue: str, destination_id: str
) -> None:
    destination = {"destinationId": "1", "name": "ours", "resource": {}}
    amazon.api = lambda call: said({"payload": destination if call.method == "POST" else [destination]})
    connection = grantless(amazon)
    create_destination(connection, name, queue)
    get_destinations(connection)
    delete_destination(connection, destination_id)

    for operation, call in zip(
        (operations.CREATE_DESTINATION, operations.GET_DESTINATIONS, operations.DELETE_DESTINATION),
        amazon.api_calls[-3:],
        strict=True,
    ):
        check(swagger, "notifications", operation, call)


@made_up
@given(destination_id=texts, order_change_types=change_types, subscription_id=ids)
def test_any_word_on_subscriptions_is_allowed(
    swagger: Swagger,
    amazon: Loopback,
    destination_id: str,
    order_change_types: tuple[str, ...],
    subscription_id: str,
) -> None:
    amazon.api = then(said({"payload": {"subscriptionId": "1", "payloadVersion": "1.0", "destinationId": "1"}}))
    create_subscription(amazon.connection(), destination_id, order_change_types=order_change_types)
    get_subscription(amazon.connection())
    delete_subscription(grantless(amazon), subscription_id)

    for operation, call in zip(
        (operations.CREATE_SUBSCRIPTION, operations.GET_SUBSCRIPTION, operations.DELETE_SUBSCRIPTION),
        amazon.api_calls[-3:],
        strict=True,
    ):
        check(swagger, "notifications", operation, call)


def test_the_question_for_participations_is_allowed(swagger: Swagger, amazon: Loopback) -> None:
    amazon.api = then(said({"payload": []}))
    get_marketplace_participations(amazon.connection())

    check(swagger, "sellers", operations.GET_MARKETPLACE_PARTICIPATIONS, amazon.api_calls[-1])


def test_the_check_itself_sees_what_amazon_refuses(swagger: Swagger) -> None:
    subscribe = operations.CREATE_SUBSCRIPTION
    path = "/notifications/v1/subscriptions/ORDER_CHANGE"
    right = {
        "payloadVersion": "1.0",
        "destinationId": "1",
        "processingDirective": {"eventFilter": {"eventFilterType": "ORDER_CHANGE"}},
    }
    check(swagger, "notifications", subscribe, Call("POST", path, {}, json.dumps(right).encode(), 0))
    for wrong in (
        Call("GET", path, {}, json.dumps(right).encode(), 0),
        Call("POST", path + "/1", {}, json.dumps(right).encode(), 0),
        Call("POST", path + "?a=b", {}, json.dumps(right).encode(), 0),
        Call("POST", path, {}, b"", 0),
        Call("POST", path, {}, json.dumps(right | {"destinationId": 1}).encode(), 0),
        Call("POST", path, {}, json.dumps(right | {"processingDirective": {"eventFilter": {}}}).encode(), 0),
    ):
        with pytest.raises((ValidationError, AssertionError, KeyError)):
            check(swagger, "notifications", subscribe, wrong)
