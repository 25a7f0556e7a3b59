"""The example store in PHP: its syntax, its JSON against the schemas, and its ways on a stand-in for its extension."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orderbridge.bus.envelope import open_envelope
from schemas.failures import Original
from tests.integration.store.bridge import ORDER, example, updated
from tests.parts.contract import problems, schema_of
from tests.parts.example_stores import EXAMPLES, ExampleStore, php_has_rdkafka
from tests.parts.process import wait_until
from tests.parts.requirement import Missing, skip_or_fail

STAND_IN = Path(__file__).parents[2] / "parts" / "rdkafka.php"
IMPORTED = example("order.imported", sequence=10).model_dump_json(exclude_none=True)


@pytest.fixture
def shop(tmp_path: Path) -> ExampleStore:
    """The store, with a file instead of Kafka where its extension is not installed."""
    try:
        shop = ExampleStore("php", tmp_path / "shop", {"topic_prefix": "shop."})
    except Missing as missing:
        skip_or_fail("php", str(missing))
    if php_has_rdkafka():
        pytest.skip("PHP has the extension rdkafka: test_examples.py runs it on Kafka")
    shop.command = [shop.command[0], "-d", f"auto_prepend_file={STAND_IN}", *shop.command[1:]]
    return shop


def said(shop: ExampleStore) -> list[dict[str, Any]]:
    """What it has sent so far."""
    return [json.loads(line) for line in (shop.folder / "out").read_text().splitlines()]


@pytest.mark.parametrize("name", ["events.php", "store.php"])
def test_its_syntax(shop: ExampleStore, name: str) -> None:
    subprocess.run(["php", "-l", EXAMPLES / "php" / name], check=True, capture_output=True, timeout=30)


def test_a_shipment_is_said_and_none_is_lost_while_kafka_is_away(shop: ExampleStore) -> None:
    out = {"RDKAFKA_OUT": str(shop.folder / "out")}
    failed = shop.run("ship", ORDER, "P1", "UPS", "1Z999AA10123456784", RDKAFKA_AWAY="1", **out)
    assert failed.returncode != 0
    assert "Kafka has not taken order.shipped" in failed.stderr + failed.stdout
    sent = shop.run("ship", ORDER, "P2", "DPD Österreich", "05212345678901", **out)
    assert sent.returncode == 0, sent.stderr
    told = said(shop)
    assert [one["headers"]["ce_id"] for one in told] == sent.stdout.split()
    for one in told:
        assert (one["topic"], one["key"]) == ("shop.order.shipped", ORDER)
        assert problems(schema_of("order.shipped"), json.loads(one["value"])) == []
        envelope = open_envelope(original(one))
        assert (envelope.type, envelope.source) == ("order.shipped", "my-store")
        assert envelope.time is not None


def test_what_the_store_offers_is_said(shop: ExampleStore) -> None:
    assert shop.run("options", "main", RDKAFKA_OUT=str(shop.folder / "out")).returncode == 0
    (one,) = said(shop)
    assert (one["topic"], one["key"]) == ("shop.store.options", "main")
    assert problems(schema_of("store.options"), json.loads(one["value"])) == []


def test_lines_of_a_package_are_as_the_schema_has_them(shop: ExampleStore) -> None:
    script = f"""require '{EXAMPLES / "php" / "events.php"}';
        echo order_shipped('{ORDER}', 'P1', 'UPS', '1Z999AA10123456784', [['sku' => 'MUG-BLUE', 'quantity' => 1]]);"""
    built = subprocess.run(["php", "-r", script], check=True, capture_output=True, text=True, timeout=30).stdout
    assert problems(schema_of("order.shipped"), json.loads(built)) == []
    assert json.loads(built)["lines"] == [{"sku": "MUG-BLUE", "quantity": 1}]


def test_orders_and_answers_are_read(shop: ExampleStore) -> None:
    told = [
        ("order.imported", "garbage"),
        ("order.imported", example("order.imported", sequence=10).model_dump_json(exclude_none=True)),
        ("order.updated", updated(sequence=20, amazon_status="shipped").model_dump_json(exclude_none=True)),
        ("order.updated", updated(sequence=15).model_dump_json(exclude_none=True)),
        ("order.redacted", example("order.redacted", sequence=30).model_dump_json(exclude_none=True)),
        ("shipment.confirmed", example("shipment.confirmed", caused_by="1").model_dump_json(exclude_none=True)),
        ("shipment.rejected", example("shipment.rejected", caused_by="2").model_dump_json(exclude_none=True)),
    ]
    read = read_of(shop, told)
    assert read.returncode == 0, read.stderr
    subscribed, *lines = read.stdout.splitlines()
    assert subscribed.split()[1:] == [
        f"shop.{name}"
        for name in ("order.imported", "order.updated", "order.redacted", "shipment.confirmed", "shipment.rejected")
    ]
    assert read.stderr == "passed over shop.order.imported/0/0: no event\n"
    # Each is committed once it is kept.
    assert lines[0] == "committed 0"
    assert lines[2::2] == [f"committed {number}" for number in range(1, 7)]
    assert lines[1:7:2] == [
        f"order {ORDER} unshipped sealed",
        f"order {ORDER} shipped sealed",
        f"older {ORDER}",
    ]
    assert lines[7].endswith(" redacted")
    assert lines[9] == "confirmed 1"
    assert lines[11].startswith("rejected 2 The package holds 3 of MUG-BLUE")
    assert "seal" not in shop.order(ORDER)["personal_data"]
    answers = json.loads((shop.folder / "answers.json").read_text())
    assert {name: answer["state"] for name, answer in answers.items()} == {"1": "confirmed", "2": "rejected"}


@pytest.mark.parametrize("value", ['{"foo": 1}', "null", '{"order_id": ["a"], "sequence": 1}'])
@pytest.mark.parametrize("topic", ["order.updated", "shipment.confirmed"])
def test_json_that_is_no_event_is_passed_over(shop: ExampleStore, topic: str, value: str) -> None:
    read = read_of(shop, [(topic, value), ("order.imported", IMPORTED)])
    assert read.returncode == 0, read.stderr
    assert read.stderr == f"passed over shop.{topic}/0/0: no event\n"
    assert read.stdout.splitlines()[1:] == ["committed 0", f"order {ORDER} unshipped sealed", "committed 1"]


def test_a_package_that_was_confirmed_after_all_stays_so(shop: ExampleStore) -> None:
    rejected, confirmed = (
        (name, example(name, caused_by="1").model_dump_json(exclude_none=True))
        for name in ("shipment.rejected", "shipment.confirmed")
    )
    assert read_of(shop, [confirmed, rejected]).returncode == 0  # the topics have no order among each other
    assert shop.answer("1") == "confirmed"


def test_what_cannot_be_kept_is_not_committed(shop: ExampleStore) -> None:
    read = read_of(shop, [("order.imported", IMPORTED)], STORE_FOLDER=str(shop.folder / "not there"))
    assert read.returncode == 1
    assert "committed" not in read.stdout
    assert "not there" in read.stderr


def test_a_full_disk_leaves_the_books_as_they_were(shop: ExampleStore) -> None:
    shop.put({"order_id": "114-0000000-0000000", "sequence": 1})
    shop.command = ["sh", "-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh", *shop.command]  # a write ends short
    read = read_of(shop, [("order.imported", IMPORTED)])
    assert read.returncode == 1
    assert "committed" not in read.stdout
    assert shop.order("114-0000000-0000000")["sequence"] == 1


def test_a_commit_that_fails_ends_nothing(shop: ExampleStore) -> None:
    read = read_of(shop, [("order.imported", IMPORTED)] * 2, RDKAFKA_COMMIT_FAILS="1")
    assert read.returncode == 0, read.stderr
    assert read.stderr.splitlines() == ["not committed: rebalancing"] * 2
    assert read.stdout.splitlines()[1:] == [f"order {ORDER} unshipped sealed", f"older {ORDER}"]


def test_of_two_that_ship_at_once_neither_forgets_the_others_package(shop: ExampleStore) -> None:
    out, go = {"RDKAFKA_OUT": str(shop.folder / "out")}, shop.folder / "go"
    slow = shop.start("ship", ORDER, "P1", "UPS", "1Z999AA10123456784", RDKAFKA_WAITS_FOR=str(go), **out)
    wait_until(lambda: shop.has_written_down("P1"), seconds=20, what="its package")
    assert shop.run("ship", ORDER, "P2", "UPS", "1Z999AA10123456793", RDKAFKA_AWAY="1", **out).returncode != 0
    go.touch()
    assert slow.wait(60) == 0
    assert shop.run("ship", ORDER, "P3", "UPS", "1Z999AA10123456801", **out).returncode == 0
    assert [json.loads(one["value"])["package_id"] for one in said(shop)] == ["P1", "P2", "P3"]


def read_of(shop: ExampleStore, told: list[tuple[str, str]], **variables: str) -> subprocess.CompletedProcess[str]:
    """Its `read`, to the last of these messages."""
    (shop.folder / "in").write_text("".join(f"shop.{topic}\t{value}\n" for topic, value in told))
    return shop.run("read", RDKAFKA_IN=str(shop.folder / "in"), **variables)


def original(one: dict[str, Any]) -> Original:
    """What was sent, as the bridge reads it."""
    return Original.model_validate(
        {
            "topic": one["topic"],
            "partition": 0,
            "offset": 0,
            "timestamp": "2026-11-24T09:00:00Z",
            "key": one["key"].encode(),
            "value": one["value"].encode(),
            "headers": [(name, text.encode()) for name, text in one["headers"].items()],
        }
    )
