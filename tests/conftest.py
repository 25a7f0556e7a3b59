"""What every test has: its tier as a marker, no network, and the parts it asks for (CONTRIBUTING.md, "Tests")."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from playwright.sync_api import Browser
from pytest_socket import socket_allow_hosts

from orderbridge.database import engine
from tests.parts.browser import chromium
from tests.parts.kafka import Kafka, find_kafka
from tests.parts.patience import PATIENCE, be_patient, longest_files_first
from tests.parts.postgres import Postgres, find_postgres
from tests.parts.requirement import Missing, required_parts, skip_or_fail
from tests.parts.tcp_proxy import TcpProxy

TESTS = Path(__file__).parent
TIERS = frozenset({"unit", "contract", "integration", "end_to_end", "compose", "chaos"})
MODELS_VARIABLE = "ORDERBRIDGE_TEST_MODELS"

allowed_hosts = ["127.0.0.1", "::1", "localhost"]
found: dict[str, str] = {}


# No example is a timed test: on a busy machine any may be slow.
hypothesis.settings.register_profile(
    "orderbridge", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("orderbridge")


def pytest_configure(config: pytest.Config) -> None:
    """Registers the tiers, and refuses a misspelt ORDERBRIDGE_TEST_REQUIRE before anything runs."""
    # Where the whole machine stands still, processes go on after their transaction was ended; a test does not.
    engine.LONGEST_IDLE = round(engine.LONGEST_IDLE * PATIENCE)
    for tier in sorted(TIERS):
        config.addinivalue_line("markers", f"{tier}: a test below tests/{tier}")
    required_parts()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks each test with its tier, the name of its folder, and gives it its time and its turn."""
    seconds = float(config.getini("timeout"))
    if hasattr(config, "workerinput"):  # one of several processes
        longest_files_first(items, seconds)
    be_patient(items, seconds)
    for item in items:
        if item.path.is_relative_to(TESTS) and (tier := item.path.relative_to(TESTS).parts[0]) in TIERS:
            item.add_marker(tier)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Refuses the network, before the test's fixtures are set up; pytest-socket lifts it at the teardown."""
    socket_allow_hosts(allowed_hosts, allow_unix_socket=True)


def pytest_report_header() -> str:
    """Says which parts must not be missing."""
    return f"required parts: {', '.join(sorted(required_parts())) or 'none'}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes (pytest-xdist) hands on what it found."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["parts"] = found


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes what one of several processes found."""
    for name, description in getattr(node, "workeroutput", {}).get("parts", {}).items():
        found.setdefault(name, description)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says which parts the tests ran on."""
    terminalreporter.section("parts")
    for name, description in sorted(found.items()) or [("none", "no test asked for one")]:
        terminalreporter.write_line(f"{name}: {description}")


def _allow(host: str) -> None:
    """Lets the tests reach a container or a given server too, the running test included."""
    if host not in allowed_hosts:
        allowed_hosts.append(host)
        socket_allow_hosts(allowed_hosts, allow_unix_socket=True)


def _get_kafka(*, own: bool, proxy: TcpProxy | None = None) -> Kafka:
    began = time.monotonic()
    try:
        kafka = find_kafka(own=own, proxy=proxy)
    except Missing as missing:
        found.setdefault("Kafka of its own", f"none: {missing}")
        skip_or_fail("kafka", str(missing))
    found.setdefault("Kafka of its own" if own else "Kafka", f"{kafka}, ready in {time.monotonic() - began:.1f} s")
    for address in kafka.bootstrap_servers.split(","):
        _allow(address.strip().rpartition(":")[0].strip("[]"))
    return kafka


def _get_postgres(*, own: bool, fsync: bool, disk: Path | None = None) -> Postgres:
    name = "PostgreSQL of its own" if own else "PostgreSQL"
    began = time.monotonic()
    try:
        postgres = find_postgres(own=own, fsync=fsync, disk=disk)
    except Missing as missing:
        found.setdefault(name, f"none: {missing}")
        skip_or_fail("postgres", str(missing))
    found.setdefault(name, f"{postgres}, ready in {time.monotonic() - began:.1f} s")
    _allow(postgres.host)
    return postgres


@pytest.fixture(scope="session")
def any_kafka() -> Iterator[Kafka]:
    """One broker for all tests, be it librdkafka's mock: no second group member, no CreateTopics."""
    kafka = _get_kafka(own=False)
    yield kafka
    kafka.close()


@pytest.fixture
def kafka(any_kafka: Kafka) -> Kafka:
    """Apache Kafka, one for all tests: keep to topics and groups below `topic_prefix`. The mock does not do."""
    if any_kafka.kind == "mock":
        skip_or_fail("kafka", any_kafka.why)
    return any_kafka


@pytest.fixture
def kafka_proxy() -> Iterator[TcpProxy]:
    """Before the broker, which tells its clients this address."""
    proxy = TcpProxy()
    yield proxy
    proxy.close()


@pytest.fixture
def own_kafka(request: pytest.FixtureRequest) -> Iterator[Kafka]:
    """Apache Kafka for this test alone, which may stop and start it.

    Behind a proxy: `@pytest.mark.parametrize("own_kafka", [{"behind": "kafka_proxy"}], indirect=True)`.
    """
    behind = getattr(request, "param", {}).get("behind")
    proxy = request.getfixturevalue(behind) if behind else None
    kafka = _get_kafka(own=True, proxy=proxy)
    yield kafka
    kafka.close()


@pytest.fixture
def topic_prefix() -> str:
    """A prefix for topics and groups that no other test has, for ORDERBRIDGE_TOPIC_PREFIX."""
    return f"test-{uuid.uuid4().hex[:12]}."


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for all tests, without fsync. Most tests want `postgres_url`."""
    postgres = _get_postgres(own=False, fsync=False)
    yield postgres
    postgres.close()


@pytest.fixture
def own_postgres(request: pytest.FixtureRequest) -> Iterator[Postgres]:
    """PostgreSQL for this test alone, which may stop and start it.

    With fsync: `@pytest.mark.parametrize("own_postgres", [{"fsync": True}], indirect=True)`; with `disk` the name of
    a fixture, the folder for its data.
    """
    wish = getattr(request, "param", {})
    disk = request.getfixturevalue(wish["disk"]) if "disk" in wish else None
    postgres = _get_postgres(own=True, fsync=wish.get("fsync", False), disk=disk)
    yield postgres
    postgres.close()


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """The SQLAlchemy URL of an empty PostgreSQL database, dropped after the test."""
    url = postgres.new_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The SQLAlchemy URL of an SQLite file that does not exist yet."""
    found["SQLite"] = sqlite3.sqlite_version
    return f"sqlite:///{tmp_path / 'orderbridge.sqlite'}"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database: the test runs on SQLite and on PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="session")
def kcat() -> str:
    """The program kcat: a test types into it what a store's developer would."""
    if (program := shutil.which("kcat")) is None:
        skip_or_fail("kcat", "not installed (Debian: apt install kcat)")
    found["kcat"] = program
    return program


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium; `browser.new_page()` has cookies of its own.

    For one file of tests: as long as it is open, its event loop runs in this thread, and `asyncio.run` is refused.
    """
    with ExitStack() as stack:
        try:
            browser = stack.enter_context(chromium())
        except Missing as missing:
            skip_or_fail("browser", str(missing))
        found["a browser"] = f"Chromium {browser.version}"
        yield browser


@pytest.fixture(scope="session")
def amazon_models() -> Path:
    """The folder with Amazon's official models of SP-API (orders_2026-01-01.json, ordersV0.json, …)."""
    folder = Path(os.environ.get(MODELS_VARIABLE) or TESTS.parent.parent / "shared" / "amazon-models")
    if not (folder / "ordersV0.json").is_file():
        reason = f"no Amazon models in {folder} (clone github.com/amzn/selling-partner-api-models, name the folder in "
        skip_or_fail("models", f"{reason}{MODELS_VARIABLE})")
    found["Amazon's models"] = str(folder)
    return folder
