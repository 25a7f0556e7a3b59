"""The stock: each line takes its units once, by its order's own rule; what is sent again moves nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.parts.contract import EXAMPLES
from tests.parts.storefront import ITEM, ORDER, Scribe

STORE = EXAMPLES["order.imported"]["store"]
LINE = EXAMPLES["order.imported"]["lines"][0]
AMOUNTS = {"lines": [LINE]}


def order(inventory: str, **changes: Any) -> dict[str, Any]:
    """An order of two blue mugs under this rule."""
    return {"order_id": ORDER, "store": {**STORE, "inventory": inventory}, **changes}


def shipped(units: int, **changes: Any) -> list[dict[str, Any]]:
    """Its line, of which Amazon has seen so many units leave."""
    return [{**LINE, "quantity_shipped": units, **changes}]


def as_unshipped(event_type: str = "order.imported") -> dict[str, Any]:
    """`order.updated` of an order that still awaits shipment."""
    return {**EXAMPLES["order.imported"], "event": event_type}


def test_on_import_it_is_deducted_once_and_put_back_when_cancelled(scribe: Scribe) -> None:
    for _ in range(2):
        scribe.read("order.imported", **order("deduct_on_import"))
    assert scribe.stock() == {"MUG-BLUE": 98}
    scribe.ship("s1")
    scribe.confirm("s1")
    assert scribe.stock() == {"MUG-BLUE": 98}
    scribe.read("order.imported", **order("deduct_on_import", order_id="2"))
    cancelled = order("deduct_on_import", order_id="2", amazon_status="cancelled", sequence=2**50)
    for _ in range(2):
        scribe.read("order.imported", **cancelled)
    assert scribe.stock() == {"MUG-BLUE": 98}
    assert [(row["order_id"], row["moved"], row["why"]) for row in scribe.books.movements()] == [
        ("2", 2, "put back"),
        ("2", -2, "taken"),
        (ORDER, -2, "taken"),
    ]


def test_when_shipped_it_is_deducted_by_what_amazon_took(scribe: Scribe) -> None:
    scribe.read("order.imported", **order("deduct_when_shipped"))
    scribe.ship("s1", package_id="P1", lines=[{"order_item_id": ITEM, "quantity": 1}])
    assert scribe.stock() == {"MUG-BLUE": 100}, "said, and perhaps refused"
    scribe.confirm("s1", quantity=1)
    assert scribe.stock() == {"MUG-BLUE": 99}
    scribe.ship("s2", package_id="P1", tracking_number="1Z2")
    assert scribe.stock() == {"MUG-BLUE": 99}, "a correction that is on its way puts nothing back"
    scribe.confirm("s2", quantity=2)
    assert scribe.stock() == {"MUG-BLUE": 98}
    scribe.read("order.imported", **order("deduct_when_shipped", sequence=2**50, lines=shipped(2)))
    assert scribe.stock() == {"MUG-BLUE": 98}, "Amazon's own count is of the same units"


def test_an_answer_may_be_read_before_its_order(scribe: Scribe) -> None:
    scribe.confirm("typed by hand", quantity=2)
    assert scribe.order() is None
    scribe.read("order.imported", **order("deduct_when_shipped"))
    assert scribe.stock() == {"MUG-BLUE": 98}


def test_some_units_cancelled_are_put_back(scribe: Scribe) -> None:
    scribe.read("order.imported", **order("deduct_on_import"))
    scribe.read("order.imported", **order("deduct_on_import", sequence=2**50, lines=shipped(0, quantity_cancelled=1)))
    assert scribe.stock() == {"MUG-BLUE": 99}


@pytest.mark.parametrize("rule", ["none", "a rule of next year"])
def test_without_a_rule_nothing_moves(scribe: Scribe, rule: str) -> None:
    scribe.read("order.imported", **order(rule))
    scribe.read("order.imported", **order(rule, sequence=2**50, lines=shipped(2)))
    assert scribe.stock() == {}


def test_a_line_that_gets_amazons_id_in_the_place_of_its_sku_is_the_same_units(scribe: Scribe) -> None:
    scribe.read("order.imported", **order("deduct_on_import", lines=[{**LINE, "order_item_id": "sku:MUG-BLUE"}]))
    scribe.read("order.imported", **order("deduct_on_import", sequence=2**50))
    assert scribe.stock() == {"MUG-BLUE": 98}
    assert len(scribe.books.movements()) == 1


def test_a_shelf_is_counted(scribe: Scribe) -> None:
    scribe.read("order.imported", **order("deduct_on_import"))
    scribe.books.count("MUG-BLUE", 7)
    scribe.books.count("NEW", 3)
    scribe.read("order.imported", **order("deduct_on_import", order_id="2"))
    assert scribe.stock() == {"MUG-BLUE": 5, "NEW": 3}


# --- replays


def test_a_replay_of_what_the_store_has_moves_nothing_and_its_own_event_still_does(scribe: Scribe) -> None:
    scribe.read("order.imported", **order("deduct_on_import"))
    cancelled = order("deduct_on_import", amazon_status="cancelled", sequence=2**50)
    scribe.read("order.imported", **cancelled, replay=True)
    assert (scribe.books.order(ORDER).event.amazon_status, scribe.stock()) == ("cancelled", {"MUG-BLUE": 98})
    scribe.read("order.updated", **{**EXAMPLES["order.imported"], **cancelled})  # of the same sequence, read late
    assert scribe.stock() == {"MUG-BLUE": 100}


def life(scribe: Scribe, *, until: int, since: int = 0) -> None:
    """What comes live of five orders, from one of its moments to another."""
    events: list[dict[str, Any]] = [
        *(order("deduct_on_import", order_id=f"on-import-{number}") for number in range(2)),
        *(order("deduct_when_shipped", order_id=f"when-shipped-{number}") for number in range(3)),
        order("deduct_when_shipped", order_id="when-shipped-0", lines=shipped(2), amazon_status="shipped"),
        order("deduct_when_shipped", order_id="when-shipped-1", lines=shipped(1), amazon_status="partially_shipped"),
        # Below here after the loss.
        order("deduct_on_import", order_id="on-import-1", amazon_status="cancelled"),
        order("deduct_on_import", order_id="on-import-0", lines=shipped(2), amazon_status="shipped"),
        order("deduct_when_shipped", order_id="when-shipped-1", lines=shipped(2), amazon_status="shipped"),
        order("deduct_when_shipped", order_id="when-shipped-2", lines=shipped(2), amazon_status="shipped"),
    ]
    for sequence, event in enumerate(events[since:until], since + 1):
        scribe.read("order.imported", **event, sequence=sequence)


@pytest.mark.parametrize("kept", [0, 3], ids=["emptied", "half-full"])
def test_a_store_that_gets_its_orders_again_ends_with_the_stock_of_one_that_saw_all(
    scribe: Scribe, tmp_path: Path, kept: int
) -> None:
    loss = 7
    life(scribe, until=loss)
    restored = Scribe(tmp_path / "restored.sqlite")
    life(restored, until=kept)  # its last backup
    restored.books.count("MUG-BLUE", scribe.stock()["MUG-BLUE"])  # the shelf is as it was; somebody counts it
    for one in reversed(scribe.books.orders()):
        event = one.event.model_dump(mode="json") | {"replay": True}
        for _ in range(2):
            restored.read("order.imported", **event)
    assert restored.stock() == scribe.stock() == {"MUG-BLUE": 93}
    assert [one.event.order_id for one in restored.books.orders()] == [one.order_id for one in scribe.books.orders()]
    for store in (scribe, restored):
        life(store, since=loss, until=99)
    assert restored.stock() == scribe.stock() == {"MUG-BLUE": 92}
    assert [one.alerted_at for one in restored.books.orders()] == [None] * 5
