"""The examples of docs/your-store.md, run: kcat and Python. Those of the open call run beside its own tests."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from orderbridge.bus.envelope import validate
from orderbridge.settings import Settings
from orderbridge.store import STORE_EVENTS
from schemas.accounts import StoreOptions
from schemas.shipments import OrderShipped
from tests.integration.store.bridge import ORDER, Bridge, example
from tests.parts.process import ServerProcess, wait_until

REPOSITORY = Path(__file__).parents[3]
PAGE = (REPOSITORY / "docs" / "your-store.md").read_text()
LIST, FOLLOW, SHIP, OPTIONS = (text for text in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if "kcat" in text)
READ, EMIT = (text for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if text.startswith("from"))


def adapted(example: str, settings: Settings) -> str:
    """The example for this broker, with the prefix of its topics and groups."""
    prefix = settings.topic_prefix
    text = example.replace("127.0.0.1:9092", settings.kafka_bootstrap_servers)
    if text.startswith("kcat"):
        text = text.replace("-G ", f"-G {prefix}")
        return re.sub(r" (?=(order|shipment|account|store)\.[a-z-]+\s)", f" {prefix}", text)
    embedded = ", embedded=True" if settings.kafka_embedded else ""
    return text.replace('name="my-store"', f'name="my-store", topic_prefix="{prefix}"{embedded}')


def run(script: str) -> str:
    """What a shell script prints."""
    return subprocess.run(["/bin/sh", "-ec", script], capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.usefixtures("kcat")
def test_reading_with_kcat(settings: Settings, bridge: Bridge, tmp_path: Path) -> None:
    bridge.say(example("order.imported"))
    listed = run(adapted(LIST, settings))
    assert listed.startswith(f'{ORDER} {{"order_id"')
    assert listed.count("\n") == 1
    said = [name for name in STORE_EVENTS if bridge.say(example(name))]  # on the embedded broker that makes the topics
    log = tmp_path / "log"
    following = ServerProcess(["/bin/sh", "-ec", f"exec {adapted(FOLLOW, settings)}"], log=log)
    following.start()
    try:
        shown = [f"{settings.topic_prefix}{name} {example(name).key()} {{" for name in said]
        wait_until(lambda: all(start in log.read_text() for start in shown), seconds=40, what="every event")
    finally:
        following.close()


@pytest.mark.usefixtures("kcat")
def test_writing_with_kcat(settings: Settings, bridge: Bridge) -> None:
    run(adapted(SHIP, settings))
    ((original, envelope),) = bridge.told("order.shipped")
    assert original.key == ORDER.encode()
    assert validate(OrderShipped, envelope.body).carrier == "ups"
    assert envelope.event_id == original.place()
    run(adapted(OPTIONS, settings))
    ((original, envelope),) = bridge.told("store.options")
    assert original.key == b"main"
    assert validate(StoreOptions, envelope.body).shipping_methods[0].name == "Priority"


def test_reading_in_python(settings: Settings, bridge: Bridge, tmp_path: Path) -> None:
    bridge.say(example("order.imported"))
    log = tmp_path / "log"
    reading = ServerProcess(
        ["/usr/bin/env", f"PYTHONPATH={REPOSITORY}", sys.executable, "-c", adapted(READ, settings)], log=log
    )
    reading.start()
    try:
        wait_until(lambda: f"AMZ-{ORDER} unshipped\n" in log.read_text(), seconds=40, what="the order")
        bridge.say(example("shipment.rejected"))
        wait_until(lambda: "store-event-8812 The package" in log.read_text(), seconds=40, what="the answer")
    finally:
        reading.close()


def test_shipping_in_python(settings: Settings, bridge: Bridge) -> None:
    script = [sys.executable, "-c", adapted(EMIT, settings)]
    ended = subprocess.run(script, capture_output=True, text=True, timeout=60, check=True, cwd=REPOSITORY)
    ((original, envelope),) = bridge.told("order.shipped")
    assert ended.stdout.strip() == envelope.event_id
    assert (original.key, envelope.source) == (ORDER.encode(), "my-store")
