"""`orderbridge emit` and `events tail`, with kafka-python's clients played by the test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from orderbridge.store import Store
from schemas.shipments import OrderShipped
from tests.parts.command_line import Command

SHIPPED = ("emit", "order.shipped", "--order", "114-3941689-8772232", "--carrier", "UPS", "--tracking", "1Z1")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[OrderShipped]:
    """What the store said."""
    said: list[OrderShipped] = []

    def shipped(_store: Store, event: OrderShipped) -> str:
        said.append(event)
        return "an-id"

    monkeypatch.setattr(Store, "shipped", shipped)
    return said


class Consumer:
    """kafka-python's consumer, with three messages to read before Ctrl-C."""

    asked: tuple[str, ...] = ()

    def __init__(self, **_options: Any) -> None:
        pass

    def subscribe(self, topics: list[str]) -> None:
        Consumer.asked = tuple(topics)

    def topics(self) -> set[str]:
        return set(self.asked)

    def __iter__(self) -> Iterator[Any]:
        place = {"topic": "shop.order.imported", "partition": 1, "timestamp": 1_795_510_800_000}
        headers = [("ce_id", b"1"), ("odd", b"\xff")]
        value = '{"order_id": "114", "x": "ü"}'.encode()
        yield SimpleNamespace(**place, offset=7, key=b"114", value=value, headers=headers)
        yield SimpleNamespace(**place, offset=8, key=None, value=None, headers=[])
        yield SimpleNamespace(**place | {"timestamp": 2**60}, offset=9, key=b"\x00", value=b"a\nb", headers=[])
        raise KeyboardInterrupt

    def close(self) -> None:
        pass


def test_shipped(command: Command, said: list[OrderShipped]) -> None:
    done = json.loads(command(*SHIPPED, "--line", "MUG=BLUE=2", "--json").stdout)
    assert done == {"event_id": "an-id", "order_id": "114-3941689-8772232"}
    assert [(line.sku, line.quantity) for line in said[0].lines] == [("MUG=BLUE", 2)]
    assert command(*SHIPPED).stdout == "Said, as event an-id.\n"


@pytest.mark.parametrize("line", ["MUG", "MUG=", "MUG=one", "=1", "MUG=0", "MUG=²"])
def test_a_bad_line_is_wrong_usage(command: Command, said: list[OrderShipped], line: str) -> None:
    result = command(*SHIPPED, "--line", line)
    assert (result.exit_code, result.stdout, said) == (2, "", [])


def test_a_bad_ship_date_is_wrong_usage(command: Command, said: list[OrderShipped]) -> None:
    result = command(*SHIPPED, "--ship-date", "soon")
    assert (result.exit_code, said) == (2, [])
    assert "ship_date" in result.stderr


def test_tail_prints_lines_that_are_parseable(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderbridge.bus.reading.KafkaConsumer", Consumer)
    monkeypatch.setenv("ORDERBRIDGE_TOPIC_PREFIX", "shop.")
    result = command("events", "tail", "order.imported", "--json")
    assert (result.exit_code, Consumer.asked) == (0, ("shop.order.imported",))
    first, second, third = map(json.loads, result.stdout.splitlines())
    assert first == {
        "at": "2026-11-24T09:00:00Z",
        "topic": "shop.order.imported",
        "place": "shop.order.imported/1/7",
        "key": "114",
        "headers": {"ce_id": "1", "odd": "\\xff"},
        "value": '{"order_id": "114", "x": "ü"}',
    }
    assert (second["key"], second["value"], second["headers"]) == (None, None, {})
    assert (third["key"], third["value"]) == ("\\x00", "a\nb")


def test_tail_for_people(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderbridge.bus.reading.KafkaConsumer", Consumer)
    first = command("events", "tail").stdout.splitlines()[0]
    assert first == '09:00:00.000000 shop.order.imported {"order_id": "114", "x": "ü"}'


def test_an_event_type_that_does_not_exist_is_wrong_usage(command: Command) -> None:
    result = command("events", "tail", "order.import")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "order.imported" in result.stderr
