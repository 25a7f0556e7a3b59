"""`orderbridge up` with a queue: the listener starts by itself, and an order is in the store before any import."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until
from tests.parts.standing_house import StandingHouse

pytestmark = pytest.mark.timeout(400)
REGION = "us-east-1"


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """moto's SQS on loopback with a queue, and what AWS's chain needs, for the house and its commands."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": REGION,
        "SANDBOX_SQS_ENDPOINT": url,
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("sqs", endpoint_url=url, region_name=REGION)
    client.create_queue(QueueName="orders")
    client.close()
    yield url
    server.stop()


def test_an_order_arrives_before_any_import(sqs: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"ORDERBRIDGE_SQS_URL={sqs}\n")
    house = StandingHouse(tmp_path, "up", "--speed", "100")
    try:
        house.wait_until_it_stands()
        assert "listener" not in house.addresses["health"]
        _command(tmp_path, "settings", "set", "main", "import_every_minutes=60")
        arn = f"arn:aws:sqs:{REGION}:123456789012:orders"
        _command(tmp_path, "notifications", "subscribe", "main", "--queue-arn", arn)
        wait_until(lambda: "listener" in house.addresses["health"], seconds=60, what="the listener is started")
        health = house.addresses["health"]["listener"]
        wait_until(lambda: _listens(health), seconds=60, what="the listener reads the queue", interval=0.2)
        searches = _calls(house, "searchOrders")
        (order_id,) = house.post("sandbox", "/_sandbox/orders", {"count": 1})["order_ids"]
        wait_until(lambda: _calls(house, "getOrder") == 1, seconds=60, what="the order is fetched", interval=0.1)
        wait_until(
            lambda: order_id in _command(tmp_path, "orders", "show", order_id),
            seconds=60,
            what="the order is here",
            interval=0.5,
        )
        assert _calls(house, "searchOrders") == searches
    finally:
        house.close()


def _command(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "orderbridge", *arguments]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60 * PATIENCE)
    return ran.stdout


def _listens(health: str) -> bool:
    try:
        answer = requests.get(f"{health}/healthz", timeout=5).json()
    except requests.RequestException:
        return False
    return bool(answer["state"] == "ok" and answer["queues"])


def _calls(house: StandingHouse, operation: str) -> int:
    told = house.get("sandbox", "/_sandbox/calls")["operations"].get(operation, {})
    return int(told.get("by_status", {}).get("200", 0))
