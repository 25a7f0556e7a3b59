"""The listener on a real SQS protocol on loopback (moto): from Amazon's message to the store, and its outages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from sqlalchemy import delete, select

from orderbridge.accounts.subscriptions import subscribe, unsubscribe
from orderbridge.database.models import OutboxRow, Subscription
from orderbridge.ports import free_port
from sandbox.queues import Queues
from services.listener.app import Listener
from services.listener.queues import Queue, QueueTrouble
from tests.parts.in_process import ACCOUNT, System
from tests.parts.process import wait_until

REGION = "us-east-1"
ARN = f"arn:aws:sqs:{REGION}:123456789012:orders"


@pytest.fixture(scope="module")
def sqs() -> Iterator[str]:
    """moto's SQS on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """By AWS's own chain."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


@pytest.fixture
def queue(sqs: str) -> Iterator[Any]:
    """An empty queue, through AWS's own client."""
    client = boto3.client("sqs", endpoint_url=sqs, region_name=REGION)
    url = client.create_queue(QueueName="orders")["QueueUrl"]
    yield client, url
    client.delete_queue(QueueUrl=url)
    client.close()


@pytest.fixture
def listener(system: System, sqs: str) -> Iterator[Listener]:
    """The listener of the system's database."""
    with closing(Listener(system.database, lambda url: Queue(url, sqs, poll_seconds=1))) as listener:
        yield listener


def asked_for(system: System) -> list[str]:
    with system.database.unit_of_work() as work:
        return list(work.session.scalars(select(OutboxRow.name).where(OutboxRow.topic == "import.due")))


def test_from_amazons_message_to_the_store(system: System, listener: Listener, sqs: str, queue: Any) -> None:
    settings = system.settings.model_copy(update={"sqs_url": sqs})
    subscribed = subscribe(settings, system.database, ACCOUNT, ARN)
    assert subscribed.queue_url == f"{sqs}/123456789012/orders"
    system.amazon.notifications.queues = Queues(sqs)
    listener.look()
    order_ids = system.place_orders(count=25)
    system.amazon.notifications.repeat()
    client, url = queue
    client.send_message(QueueUrl=url, MessageBody="<html>")
    names = sorted(f"order-change:{order_id}" for order_id in order_ids)
    wait_until(lambda: sorted(asked_for(system)) == names, seconds=60, what="all were asked for")
    system.advance(3)
    assert set(system.store.orders) == set(order_ids)
    assert (system.calls("getOrder"), system.calls("searchOrders")) == ({"200": 25}, {})
    wait_until(lambda: _left(client, url) == 0, seconds=60, what="all were deleted")
    assert listener.report() == {"state": "ok", "waiting_for": None, "queues": {subscribed.queue_url: "ok"}}
    system.amazon.notifications.queues.close()
    assert unsubscribe(settings, system.database, ACCOUNT)
    listener.look()
    assert listener.report()["queues"] == {}


def test_a_queue_that_is_away_is_waited_for(system: System) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with system.database.unit_of_work() as work:
        work.session.add(
            Subscription(
                account_id=ACCOUNT,
                queue_url=f"{nobody}/1/orders",
                destination_id="d",
                subscription_id="s",
                created_at=work.now,
            )
        )
    with closing(Listener(system.database, lambda url: Queue(url, nobody, poll_seconds=1))) as listener:
        listener.look()
        wait_until(lambda: listener.report()["state"] == "waiting", seconds=60, what="it waits")
        assert "EndpointConnectionError" in listener.report()["waiting_for"]
        with system.database.unit_of_work() as work:
            work.session.execute(delete(Subscription))
        listener.look()
        assert listener.report()["state"] == "ok"


def test_what_the_queue_refuses_is_named(sqs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(QueueTrouble, match="NonExistentQueue"):
        Queue(f"{sqs}/123456789012/nobody", sqs, poll_seconds=1).receive()
    with pytest.raises(QueueTrouble, match="ValueError"):
        Queue("orders", "nowhere", poll_seconds=1).receive()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(QueueTrouble, match="NoCredentialsError"):
        Queue(f"{sqs}/123456789012/orders", sqs, poll_seconds=1).receive()


def _left(client: Any, url: str) -> int:
    wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]
    return sum(int(attributes[name]) for name in wanted)
