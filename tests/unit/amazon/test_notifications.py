"""Notifications v1: what Amazon is told of our queue and of a seller's subscription."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from orderbridge.amazon import (
    Answer,
    BadAnswer,
    Connection,
    GrantlessLogin,
    NotFound,
    Refused,
    create_destination,
    create_subscription,
    delete_destination,
    delete_subscription,
    get_destinations,
    get_order,
    get_subscription,
)
from tests.unit.amazon.loopback import LOGIN_PATH, START, Loopback, Said, refused, said, then

QUEUE = "arn:aws:sqs:us-east-2:444455556666:order-changes"
DESTINATION = {"destinationId": "d-1", "name": "ours", "resource": {"sqs": {"arn": QUEUE}}}
SUBSCRIPTION = {"subscriptionId": "s-1", "payloadVersion": "1.0", "destinationId": "d-1"}


def grantless(amazon: Loopback) -> Connection:
    login = GrantlessLogin(amazon.url + LOGIN_PATH, "client", "s3cr3t", timeout=(2, 0.5))
    return Connection(amazon.url, login, before_call=lambda: None, now=lambda: START, timeout=(2, 0.5))


def test_a_destination_is_the_applications_own(amazon: Loopback) -> None:
    amazon.api = then(said({"payload": DESTINATION}), said({"payload": [DESTINATION]}), said({}))
    connection = grantless(amazon)
    made = create_destination(connection, "ours", QUEUE)
    listed = get_destinations(connection)
    gone = delete_destination(connection, "d/1")

    (login,) = amazon.calls_to(LOGIN_PATH)
    assert (login.form["grant_type"], login.form["scope"]) == ("client_credentials", "sellingpartnerapi::notifications")
    assert "refresh_token" not in login.form
    assert [(call.method, call.target) for call in amazon.api_calls] == [
        ("POST", "/notifications/v1/destinations"),
        ("GET", "/notifications/v1/destinations"),
        ("DELETE", "/notifications/v1/destinations/d%2F1"),
    ]
    assert json.loads(amazon.api_calls[0].body) == {
        "name": "ours",
        "resourceSpecification": {"sqs": {"arn": QUEUE}},
    }
    assert (made.destination.destination_id, made.answer.status) == ("d-1", 200)
    assert listed.destinations == (made.destination,)
    assert made.destination.resource.sqs is not None
    assert made.destination.resource.sqs.arn == QUEUE
    assert gone.status == 200


def test_a_subscription_is_a_sellers_and_its_end_is_the_applications(amazon: Loopback) -> None:
    filtered = SUBSCRIPTION | {
        "processingDirective": {
            "eventFilter": {"eventFilterType": "ORDER_CHANGE", "orderChangeTypes": ["OrderStatusChange"]}
        }
    }
    amazon.api = then(said({"payload": SUBSCRIPTION}), said({"payload": filtered}), said({}))
    made = create_subscription(amazon.connection(), "d-1")
    found = get_subscription(amazon.connection())
    delete_subscription(grantless(amazon), "s-1")

    assert [(call.method, call.target) for call in amazon.api_calls] == [
        ("POST", "/notifications/v1/subscriptions/ORDER_CHANGE"),
        ("GET", "/notifications/v1/subscriptions/ORDER_CHANGE?payloadVersion=1.0"),
        ("DELETE", "/notifications/v1/subscriptions/ORDER_CHANGE/s-1"),
    ]
    assert json.loads(amazon.api_calls[0].body) == {
        "payloadVersion": "1.0",
        "destinationId": "d-1",
        "processingDirective": {
            "eventFilter": {
                "eventFilterType": "ORDER_CHANGE",
                "orderChangeTypes": ["OrderStatusChange", "BuyerRequestedChange"],
            }
        },
    }
    assert (made.subscription.subscription_id, made.subscription.processing_directive) == ("s-1", None)
    directive = found.subscription.processing_directive
    assert directive is not None
    assert directive.event_filter is not None
    assert directive.event_filter.order_change_types == ("OrderStatusChange",)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refused(409, "Conflict", "exists already"), Refused),
        (refused(404, "NotFound", "no subscription"), NotFound),
        (said({"payload": {"subscriptionId": "s-1"}}), BadAnswer),
        (said({}), BadAnswer),
        (Said(200, b"<html>"), BadAnswer),
    ],
)
def test_each_failure_has_its_class(amazon: Loopback, answer: Said, kind: type[Refused | BadAnswer]) -> None:
    amazon.api = then(answer)

    with pytest.raises(kind):
        create_subscription(amazon.connection(), "d-1")
    with pytest.raises(kind):
        get_subscription(amazon.connection())


@pytest.mark.parametrize(
    "arn", ["", "order-changes", QUEUE + ".fifo", "arn:aws:sns:us-east-2:444455556666:x", "arn:aws:sqs:us-east-2:1:x"]
)
def test_what_is_no_standard_queue_is_not_sent(amazon: Loopback, arn: str) -> None:
    with pytest.raises(ValueError, match="standard SQS queue"):
        create_destination(grantless(amazon), "ours", arn)
    with pytest.raises(ValueError, match="needs a name"):
        create_destination(grantless(amazon), "", QUEUE)
    with pytest.raises(ValueError, match="order_change_types"):
        create_subscription(amazon.connection(), "d-1", order_change_types=())
    assert amazon.calls == []


@pytest.mark.parametrize(
    ("call", "needs"),
    [
        (lambda amazon: get_destinations(amazon.connection()).answer, "GrantlessLogin"),
        (lambda amazon: delete_subscription(amazon.connection(), "s-1"), "GrantlessLogin"),
        (lambda amazon: get_subscription(grantless(amazon)).answer, "Login"),
        (lambda amazon: get_order(grantless(amazon), "1").answer, "Login"),
    ],
)
def test_each_operation_has_its_kind_of_login(amazon: Loopback, call: Callable[[Loopback], Answer], needs: str) -> None:
    with pytest.raises(ValueError, match=f"needs a {needs}"):
        call(amazon)
    assert amazon.calls == []
