"""Progress and the health page."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from orderbridge.bus.health import serve_health
from orderbridge.bus.progress import Progress


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The monotonic clock, moved by hand."""
    moment = [1000.0]
    with monkeypatch.context() as patch:
        patch.setattr("orderbridge.bus.progress.monotonic", lambda: moment[0])
        yield moment


def test_lag_with_nothing_moving_is_stuck(now: list[float]) -> None:
    progress = Progress()
    progress.lag_of = lambda: {"order.shipped/0": (3, 5), "order.shipped/1": (9, 9)}
    assert progress.report() == {
        "state": "ok",
        "waiting_for": None,
        "partitions": 2,
        "lag": 2,
        "handled": 0,
        "oldest_in_hand_seconds": 0.0,
    }
    now[0] += 90
    assert progress.report()["state"] == "ok"
    now[0] += 1
    assert progress.report()["state"] == "stuck"
    progress.lag_of = lambda: {"order.shipped/0": (4, 5)}
    assert progress.report()["state"] == "ok"
    now[0] += 80
    progress.lag_of = dict  # taken from us, and back later
    progress.report()
    progress.lag_of = lambda: {"order.shipped/0": (4, 5)}
    now[0] += 80
    assert progress.report()["state"] == "ok"


def test_without_kafka_it_waits_after_a_while(now: list[float]) -> None:
    progress = Progress()
    away = [True]
    progress.has_broker = lambda: not away[0]
    progress.lag_of = lambda: {"order.shipped/0": (3, 5)}
    assert progress.report()["state"] == "ok"
    now[0] += 15
    assert progress.report()["state"] == "ok"
    now[0] += 90
    assert (progress.report()["state"], progress.report()["waiting_for"]) == ("waiting", "Kafka")
    away[0] = False
    assert progress.report()["state"] == "ok"  # and not stuck: it could not move
    away[0] = True
    now[0] += 16
    assert progress.report()["state"] == "ok"  # it was away for a moment only


def test_no_lag_is_never_stuck(now: list[float]) -> None:
    progress = Progress()
    progress.lag_of = lambda: {"order.shipped/0": (5, 5)}
    progress.report()
    now[0] += 10_000
    assert progress.report()["state"] == "ok"


def test_a_message_too_long_in_hand_is_stuck(now: list[float]) -> None:
    progress = Progress()
    with progress.at_work():
        now[0] += 91
        assert progress.report()["state"] == "stuck"
    assert progress.report()["state"] == "ok"


def test_waiting_is_alive_however_long_and_counts_for_nobody_afterwards(now: list[float]) -> None:
    progress = Progress()
    progress.lag_of = lambda: {"order.shipped/0": (3, 5)}
    with progress.at_work():
        with progress.at_work():
            progress.waiting_for = "the database"
            progress.report()
            now[0] += 3600
            assert progress.report()["state"] == "waiting"
        assert progress.report()["state"] == "ok"  # one is through, the other tries again in a moment


def test_a_consumer_that_is_being_rebuilt_breaks_nothing(now: list[float]) -> None:
    def rebuilt() -> dict[str, tuple[int, int]]:
        raise AttributeError("_consumer")

    progress = Progress()
    progress.lag_of = rebuilt
    assert progress.report()["state"] == "ok"


@pytest.mark.parametrize(("state", "alive", "ready"), [("ok", 200, 200), ("waiting", 200, 503), ("stuck", 503, 503)])
def test_the_health_page(state: str, alive: int, ready: int) -> None:
    report: dict[str, Any] = {"state": state}
    server = serve_health("127.0.0.1", 0, "shipper", lambda: report)
    try:
        statuses = {path: ask(server.server_port, path) for path in ("/healthz", "/readyz", "/x")}
        assert statuses == {"/healthz": alive, "/readyz": ready, "/x": 404}
        assert ask(server.server_port, "/metrics") == 200
    finally:
        server.shutdown()
        server.server_close()


def ask(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_one_message_may_be_in_hand_twice() -> None:
    """A rebalance had it read again while the first was let go of: that crashed the worker."""
    progress = Progress()
    first, second = progress.at_work(), progress.at_work()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert progress.report()["handled"] == 2
