"""What the Kafka clients log: a start needs nobody, an outage is told, and neither fills the log."""

from __future__ import annotations

import logging
import subprocess
import sys
from importlib.metadata import files

import pytest

from orderbridge.kafka_tries import PASSING, KafkaTries
from orderbridge.telemetry import describe

OUTAGE = "Unable connect to node with id %s: %s"
_SERVICE = """
from orderbridge.settings import load_settings
from orderbridge.telemetry import configure_logging
configure_logging(load_settings(), "importer")
"""
_STORE = """
import logging
from orderbridge.store import KafkaTries
logging.basicConfig(handlers=[KafkaTries.on_standard_error()])
"""
_LINES = """
import logging
logging.getLogger("kafka.net.selector").warning("Task %r ran for %.3fs", "one", 0.2)
for _ in range(5):
    logging.getLogger("aiokafka.consumer.group_coordinator").error("Group Coordinator Request failed: %s", "15")
    logging.getLogger("aiokafka").error("Unable connect to node with id %s: %s", 1, "refused")
"""


def told(lines: list[tuple[float, str]], name: str = "aiokafka") -> list[float]:
    """The moments at which a line got through."""
    tries = KafkaTries()
    records = [
        logging.makeLogRecord({"name": name, "msg": text, "created": 1e9 + at, "pathname": text, "lineno": 1})
        for at, text in lines
    ]
    return [record.created - 1e9 for record in records if tries.filter(record)]


@pytest.mark.parametrize("text", PASSING)
def test_a_start_is_not_told_and_what_does_not_pass_is(text: str) -> None:
    assert told([(at, text) for at in range(59)]) == []
    assert told([(at, text) for at in range(0, 150, 3)]) == [60, 120]
    assert told([(at, text) for at in (0, 1, 100, 101, 159)]) == []  # two starts


def test_an_outage_is_told_at_once_and_then_once_a_minute() -> None:
    assert told([(at / 2, OUTAGE) for at in range(250)]) == [0, 60, 120]
    assert told([(0, OUTAGE), (1, "Unable to update metadata from %s")]) == [0, 1]


def test_other_libraries_lines_are_told_as_they_come() -> None:
    assert told([(0, OUTAGE), (1, OUTAGE)], name="faust.worker") == [0, 1]


@pytest.mark.parametrize("configured", [_SERVICE, _STORE], ids=["a service", "a store"])
def test_a_process_logs_so(configured: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", configured + _LINES], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr.count("\n") == done.stderr.count("Unable connect to node with id 1: refused") == 1


@pytest.mark.parametrize("text", PASSING)
def test_the_clients_still_say_so(text: str) -> None:
    sources = [path for name in ("aiokafka", "kafka-python") for path in files(name) or () if path.suffix == ".py"]
    assert any(text in path.read_text() for path in sources)


def test_the_systems_code_of_an_error_is_told_and_its_text_is_not() -> None:
    assert describe(OSError(28, "Wilhelmina")) == "builtins.OSError ENOSPC at ?"
    assert describe(OSError("Wilhelmina")) == "builtins.OSError at ?"
