"""`docker compose up`, as the demo: how its containers run, and the way of an order through its published ports."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest
import requests

from tests.parts.compose_house import ComposeHouse, docker
from tests.parts.compose_trade import Trade, check, going_on, wait_for_partitions
from tests.parts.process import wait_until

pytestmark = pytest.mark.timeout(900)
SERVICES = ("ticker", "importer", "shipper", "redactor", "reporter", "console", "api", "sandbox", "storefront", "mail")


@pytest.mark.parametrize("profiles", [[], ["--profile", "notifications"], ["--env-file", "demo.env"]])
def test_compose_has_nothing_to_say_about_the_file(built: ComposeHouse, profiles: list[str]) -> None:
    command = ["docker", "compose", *profiles, "config", "--quiet"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)


def test_a_kafka_of_your_own_takes_the_place_of_ours(built: ComposeHouse) -> None:
    theirs: dict[str, Any] = {"ORDERBRIDGE_KAFKA_BOOTSTRAP_SERVERS": "kafka.shop.example:9093"}
    files = ("--file", "docker-compose.yml", "--file", "deploy/your-kafka.yml")
    services = json.loads(docker("compose", *files, "config", "--format", "json", **theirs))["services"]
    assert "kafka" not in services
    assert [name for name, one in services.items() if "kafka" in (one.get("depends_on") or {})] == []
    for name in ("topics", "ticker", "importer", "shipper", "redactor", "reporter"):
        environment = services[name]["environment"]
        assert environment.items() >= theirs.items(), name
        assert environment["ORDERBRIDGE_DATABASE_URL"].endswith("@postgres/orderbridge"), name
        assert "/run/kafka" in [volume["target"] for volume in services[name]["volumes"]], name


@pytest.mark.parametrize("service", SERVICES)
def test_a_process_has_no_rights_and_can_write_nowhere_else(house: ComposeHouse, service: str) -> None:
    status = house.run(service, "cat", "/proc/1/status")
    assert re.search(r"^Uid:\t10001\t", status, re.M)
    assert re.search(r"^CapEff:\t0{16}$", status, re.M)
    assert re.search(r"^NoNewPrivs:\t1$", status, re.M)
    refused = house.run(service, "sh", "-c", "touch /opt/orderbridge/x 2>&1; touch /var/lib/orderbridge/x 2>&1; true")
    assert refused.count("Read-only file system") == 2


def test_every_volume_has_a_name(house: ComposeHouse) -> None:
    """Compose forgets nameless ones when it makes a container anew: `down --volumes` would leave them behind."""
    for service in ("kafka", "postgres", *SERVICES):
        volumes = [mount["Name"] for mount in house.inspect(service)["Mounts"] if mount["Type"] == "volume"]
        assert all(name.startswith(f"{house.project}_") for name in volumes), service


def test_its_console_is_waited_for_with_a_link(house: ComposeHouse) -> None:
    log = house.compose("logs", "--no-log-prefix", "console")
    assert f"{house.url('console')}/join/" in log
    assert f"connect your account: {house.url('console')}/connect" in log


def test_the_doctor_finds_nothing(house: ComposeHouse) -> None:
    findings = json.loads(house.run("importer", "orderbridge", "doctor", "--json"))
    assert [one for one in findings if one["severity"] == "error"] == []
    assert {one["about"] for one in findings} >= {"database", "key ring", "secrets", "topics", "mail"}


def test_no_service_sees_a_key_that_it_has_no_need_of(house: ComposeHouse) -> None:
    assert "has no need to" not in house.compose("logs")
    for service in ("ticker", "shipper", "redactor", "reporter", "console", "storefront"):
        assert "vault_key" not in house.run(service, "sh", "-c", "ls /run/secrets 2>/dev/null; true"), service


@pytest.mark.usefixtures("kcat")
def test_the_way_of_an_order_by_kcat(house: ComposeHouse) -> None:
    """From outside, in no language of ours: the order is read, and what is typed is confirmed at Amazon."""
    (order_id,) = house.post("sandbox", "/_sandbox/orders", {"count": 1, "fulfilled_by": "merchant"})["order_ids"]
    wait_until(lambda: house.run("importer", "orderbridge", "import").count("imported") > 0, seconds=60, what="a run")
    read = ["kcat", "-C", "-b", house.kafka, "-t", "order.imported", "-o", "beginning", "-e", "-q"]

    def read_orders() -> dict[str, Any]:
        lines = subprocess.run(read, capture_output=True, text=True, check=True, timeout=30).stdout.splitlines()
        return {order["order_id"]: order for order in map(json.loads, lines)}

    wait_until(lambda: order_id in read_orders(), seconds=60, what="the order on its topic", interval=0.5)
    shipped = {"order_id": order_id, "carrier": "ups", "tracking_number": "1Z999AA10123456784"}
    write = ["kcat", "-P", "-b", house.kafka, "-t", "order.shipped", "-K", "|"]
    subprocess.run(write, input=f"{order_id}|{json.dumps(shipped)}", text=True, check=True, timeout=30)

    def packages() -> list[Any]:
        return list(house.get("sandbox", "/_sandbox/books")["orders"][order_id]["packages"].values())

    wait_until(lambda: bool(packages()), seconds=60, what="the package at Amazon", interval=0.5)
    (package,) = packages()
    assert (package["content"]["trackingNumber"], package["calls"]) == ("1Z999AA10123456784", 1)


def test_the_store_opens_who_the_buyer_is(house: ComposeHouse) -> None:
    """By its token, at the api, which sees the key ring read-only; the audit log has it."""
    (order_id,) = house.post("sandbox", "/_sandbox/orders", {"count": 1, "fulfilled_by": "merchant"})["order_ids"]

    def has_come() -> bool:
        house.run("importer", "orderbridge", "import")
        return order_id in [order["order_id"] for order in house.get("storefront", "/api/orders")]

    wait_until(has_come, seconds=60, what="the order in the store", interval=1.0)
    assert requests.get(f"{house.url('storefront')}/orders/{order_id}", timeout=30).ok
    openings = json.loads(house.run("importer", "orderbridge", "privacy", "audit", "--order", order_id, "--json"))
    assert [(one["by"], one["purpose"], one["state"]) for one in openings] == [("storefront", "display", "open")]


def test_a_mail_is_caught(house: ComposeHouse) -> None:
    assert house.run("reporter", "orderbridge", "mail", "test", "--account", "main").count("250 OK") == 1
    assert "Test mail of Orderbridge (main)" in house.compose("logs", "--no-log-prefix", "mail")


def test_the_demo_refuses_a_house_that_is_not_its_own(house: ComposeHouse) -> None:
    """`--profile demo` in a live project: no account is connected, and the store, which waits for it, never starts."""
    live = ["--env", "ORDERBRIDGE_AMAZON_API_URL=", "seller"]
    with pytest.raises(AssertionError, match=r"a project of its own: docker compose --env-file demo\.env up"):
        house.compose("run", "--rm", "--no-deps", "--no-TTY", *live)


def test_what_ends_is_started_again(house: ComposeHouse) -> None:
    before = house.inspect("redactor")["State"]["StartedAt"]
    house.run("redactor", "python", "-c", "import os, signal; os.kill(1, signal.SIGTERM)")
    wait_until(lambda: house.inspect("redactor")["State"]["StartedAt"] != before, seconds=60, what="a new start")
    house.wait_until_healthy("redactor")
    assert house.inspect("redactor")["RestartCount"] == 1


def test_a_broken_service_is_seen_as_such(house: ComposeHouse) -> None:
    """Health is progress: while its database is away a service is not well, and says what it waits for."""
    docker("stop", house.containers("postgres")[0])
    try:

        def waits() -> bool:
            log = house.inspect("ticker")["State"]["Health"]["Log"]
            return bool(log) and "the database" in log[-1]["Output"] and log[-1]["ExitCode"] == 1

        wait_until(waits, seconds=60, what="the ticker says that it waits", interval=0.5)
    finally:
        docker("start", house.containers("postgres")[0])
    for service in ("postgres", *SERVICES):
        house.wait_until_healthy(service)


def test_a_kill_and_a_copy_more_while_orders_come(house: ComposeHouse) -> None:
    """What a busy day may bring; test_upheaval.py has the rest."""
    with Trade(house) as trade:
        going_on(trade)
        house.kill("shipper")
        house.up("--no-recreate", "--scale", "shipper=2")
        wait_for_partitions(house, "shipper", 2)
        going_on(trade)
        trade.end()
    check(trade, crashes=1)
