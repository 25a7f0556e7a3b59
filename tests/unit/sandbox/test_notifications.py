"""Notifications v1: who may subscribe to what, and what is sent, to a real SQS protocol on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.accounts import DEFAULT_ACCOUNT, Account
from sandbox.clock import ManualClock
from sandbox.database import Database
from sandbox.errors import AmazonError, LoginError
from sandbox.orders import Order
from sandbox.placing import OrderWish
from sandbox.queues import Queues
from sandbox.seller_central import SellerCentral

APP = DEFAULT_ACCOUNT.client_id
ARN = "arn:aws:sqs:us-east-1:123456789012:orders"
GRANTLESS = {
    "grant_type": "client_credentials",
    "client_id": APP,
    "client_secret": DEFAULT_ACCOUNT.client_secret,
    "scope": "sellingpartnerapi::notifications",
}


def subscribe(central: SellerCentral, *types: str) -> dict[str, Any]:
    body = {"name": "ours", "resourceSpecification": {"sqs": {"arn": ARN}}}
    destination = central.notifications.create_destination(body, APP)["payload"]["destinationId"]
    wish: dict[str, Any] = {"payloadVersion": "1.0", "destinationId": destination}
    if types:
        chosen = {"eventFilterType": "ORDER_CHANGE", "orderChangeTypes": list(types)}
        wish["processingDirective"] = {"eventFilter": chosen}
    made: dict[str, Any] = central.notifications.create_subscription("ORDER_CHANGE", wish, DEFAULT_ACCOUNT)["payload"]
    return made


def told(central: SellerCentral) -> list[tuple[str, str, str]]:
    changes = [
        json.loads(message.body)["Payload"]["OrderChangeNotification"]
        for message in central.notifications.queues.messages
    ]
    return [
        (change["AmazonOrderId"], change["OrderChangeType"], change["Summary"]["OrderStatus"]) for change in changes
    ]


def test_a_grantless_token_is_for_an_application(central: SellerCentral) -> None:
    token = str(central.login.exchange(GRANTLESS)["access_token"])
    assert central.login.authenticate_application(token) == APP
    with pytest.raises(AmazonError):
        central.login.authenticate(token, "getOrder")
    other = central.login.exchange(GRANTLESS | {"scope": "sellingpartnerapi::migration"})
    for wrong in (None, "Atza|x", str(other["access_token"])):
        with pytest.raises(AmazonError):
            central.login.authenticate_application(wrong)
    with pytest.raises(LoginError) as caught:
        central.login.exchange(GRANTLESS | {"scope": "everything"})
    assert caught.value.error == "invalid_scope"


def test_destinations_and_subscriptions_come_and_go(central: SellerCentral) -> None:
    made = subscribe(central)
    notifications = central.notifications
    assert notifications.get_subscription("ORDER_CHANGE", DEFAULT_ACCOUNT)["payload"] == made
    by_id = notifications.get_subscription_by_id("ORDER_CHANGE", made["subscriptionId"], APP)
    assert by_id["payload"] == made
    (destination,) = notifications.get_destinations(APP)["payload"]
    assert notifications.get_destination(destination["destinationId"], APP)["payload"] == destination
    assert notifications.get_destinations("another app") == {"payload": []}
    notifications.delete_subscription("ORDER_CHANGE", made["subscriptionId"], APP)
    notifications.delete_destination(destination["destinationId"], APP)
    with pytest.raises(AmazonError) as caught:
        notifications.get_subscription("ORDER_CHANGE", DEFAULT_ACCOUNT)
    assert caught.value.status == 404
    with pytest.raises(AmazonError) as caught:
        notifications.get_destination(destination["destinationId"], APP)
    assert caught.value.status == 404


@pytest.mark.parametrize(
    "arn", ["orders", "arn:aws:sns:us-east-1:123456789012:orders", "arn:aws:sqs:us-east-1:123456789012:orders.fifo"]
)
def test_only_a_standard_queue_is_a_destination(central: SellerCentral, arn: str) -> None:
    with pytest.raises(AmazonError) as caught:
        central.notifications.create_destination({"name": "n", "resourceSpecification": {"sqs": {"arn": arn}}}, APP)
    assert caught.value.status == 400


def test_a_second_subscription_is_a_conflict(central: SellerCentral) -> None:
    made = subscribe(central)
    wish = {"payloadVersion": "1.0", "destinationId": made["destinationId"]}
    with pytest.raises(AmazonError) as caught:
        central.notifications.create_subscription("ORDER_CHANGE", wish, DEFAULT_ACCOUNT)
    assert caught.value.status == 409
    with pytest.raises(AmazonError) as caught:
        central.notifications.create_subscription("PRICING_HEALTH", wish, DEFAULT_ACCOUNT)
    assert caught.value.status == 400


def test_every_change_is_told(
    central: SellerCentral, account: Account, clock: ManualClock, place: Any, confirmation: Any
) -> None:
    place()
    subscribe(central)
    order_id = place(status="PENDING")
    central.place_orders(OrderWish.model_validate({"created_at": "2026-11-01T00:00:00Z", "history": True}))
    clock.advance(60)
    central.change_order(order_id, Order.release)
    central.change_order(order_id, lambda order, now: order.request_cancel("mistake", now))
    central.confirm_shipment(order_id, confirmation(order_id), account)
    central.confirm_shipment(order_id, confirmation(order_id), account)
    assert told(central) == [
        (order_id, "OrderStatusChange", "Pending"),
        (order_id, "OrderStatusChange", "Unshipped"),
        (order_id, "BuyerRequestedChange", "Unshipped"),
        (order_id, "OrderStatusChange", "Shipped"),
    ]
    assert {message.outcome for message in central.notifications.queues.messages} == {"no endpoint"}
    assert central.notifications.repeat()
    assert central.notifications.queues.messages[-1].body == central.notifications.queues.messages[-2].body


def test_a_filter_lets_only_some_through(central: SellerCentral, place: Any) -> None:
    subscribe(central, "BuyerRequestedChange")
    order_id = place()
    central.change_order(order_id, lambda order, now: order.request_cancel("mistake", now))
    assert [kind for _, kind, _ in told(central)] == ["BuyerRequestedChange"]


@pytest.fixture(scope="module")
def sqs() -> Iterator[str]:
    """moto's SQS on loopback."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_messages_arrive_at_the_queue(sqs: str, database: Database, clock: ManualClock) -> None:
    import boto3

    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    client = boto3.client("sqs", region_name="us-east-1", endpoint_url=sqs, **keys)
    queue = client.create_queue(QueueName="orders")["QueueUrl"]
    central = SellerCentral(database, clock, sqs_endpoint=sqs)
    subscribe(central)
    (order_id,) = central.place_orders(OrderWish())
    assert central.notifications.queues.flush(60)
    (message,) = client.receive_message(QueueUrl=queue)["Messages"]
    body = json.loads(message["Body"])
    assert body["NotificationType"] == "ORDER_CHANGE"
    assert body["Payload"]["OrderChangeNotification"]["AmazonOrderId"] == order_id
    assert body["Payload"]["OrderChangeNotification"]["SellerId"] == DEFAULT_ACCOUNT.seller_id
    central.notifications.queues.close()
    client.close()


def test_a_queue_that_is_not_there_stops_nobody(
    database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    central = SellerCentral(database, clock, sqs_endpoint="http://127.0.0.1:9")
    subscribe(central)
    central.place_orders(OrderWish())
    queues: Queues = central.notifications.queues
    assert queues.flush(60)
    assert [message.outcome for message in queues.messages] == ["failed"]
    assert "no notification sent" in caplog.text
    queues.close()
