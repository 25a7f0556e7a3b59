"""A store whose shipments all name orders that are not Amazon's is told once that something may be wrong."""

from __future__ import annotations

from schemas.accounts import AccountAttention
from schemas.failures import DeadLetter
from schemas.shipments import ShipmentConfirmed, ShipmentRejected
from services.shipper.unrecognised import FIRST
from tests.parts.in_process import System


def say_foreign(system: System, first: int, last: int) -> None:
    for number in range(first, last + 1):
        system.store_says(order_id=f"WEB-{number}")
    system.run_until_idle()


def attentions(system: System) -> list[AccountAttention]:
    return [event for event in system.events(AccountAttention) if event.trouble == "shipments_unrecognised"]


def told(system: System) -> list[str]:
    return ["ended" if event.ended_at is not None else "begun" for event in attentions(system)]


def test_twenty_that_are_all_skipped_are_told_once_and_the_first_of_amazons_ends_it(system: System) -> None:
    (order_id,) = system.imported()
    say_foreign(system, 1, FIRST - 1)
    assert told(system) == []
    say_foreign(system, FIRST, FIRST + 5)
    assert told(system) == ["begun"]
    (attention,) = attentions(system)
    assert f"WEB-{FIRST}" in attention.message
    assert "order_number" in attention.what_to_do
    system.store_says(order_id=order_id)
    system.run_until_idle()
    assert told(system) == ["begun", "ended"]
    say_foreign(system, 40, 70)
    assert len(told(system)) == 2
    assert len(system.events(ShipmentConfirmed)) == 1
    assert not system.events(ShipmentRejected)
    assert not system.events(DeadLetter)


def test_a_store_that_amazon_has_sent_no_order_is_not_told(system: System) -> None:
    say_foreign(system, 1, FIRST + 5)
    assert told(system) == []
