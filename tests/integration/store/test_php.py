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
from tests.parts.requirement import Missing, skip_or_fail

STAND_IN = Path(__file__).parents[2] / "parts" / "rdkafka.php"


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
    (shop.folder / "in").write_text("".join(f"shop.{topic}\t{value}\n" for topic, value in told))
    read = shop.run("read", RDKAFKA_IN=str(shop.folder / "in"))
    assert read.returncode == 0, read.stderr
    subscribed, *lines = read.stdout.splitlines()
    assert subscribed.split()[1:] == [
        f"shop.{name}"
        for name in ("order.imported", "order.updated", "order.redacted", "shipment.confirmed", "shipment.rejected")
    ]
    assert read.stderr == "passed over shop.order.imported/0/0: not JSON\n"
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
