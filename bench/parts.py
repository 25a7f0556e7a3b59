"""What the benchmarks share: the machine, the commit, percentiles, and how a result is printed."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orderbridge.carriers.check_digits import modulo_10_of_letters, with_check_digit
from tests.parts.kafka import Kafka, find_kafka
from tests.parts.postgres import Postgres, find_postgres


def arguments(description: str | None, **numbers: int) -> argparse.Namespace:
    """The command line: `--json`, and a number for each keyword (`orders_a_day` is `--orders-a-day`)."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    for name, value in numbers.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)
    return parser.parse_args()


@contextmanager
def kafka_and_postgres() -> Iterator[tuple[Kafka, Postgres]]:
    """A fresh Apache Kafka, and a PostgreSQL that syncs its log to the disk as a real one does."""
    kafka, postgres = find_kafka(), find_postgres(fsync=True)
    try:
        if kafka.kind == "mock":
            sys.exit("A benchmark needs a real Kafka: Java and Maven, Docker, or ORDERBRIDGE_TEST_KAFKA.")
        yield kafka, postgres
    finally:
        kafka.close()
        postgres.close()


def ups_number(number: int) -> str:
    """A tracking number that nobody warns of."""
    return "1Z" + with_check_digit(f"BENCH003{number:07d}", modulo_10_of_letters)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def report(result: dict[str, Any], *, as_json: bool) -> None:
    """Print the result with the machine and the commit it was measured on."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent, check=False
    ).stdout.strip()
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    complete = {**result, "machine": machine, "commit": commit}
    print(json.dumps(complete) if as_json else json.dumps(complete, indent=2))
