"""What a hostile reading found around the importer, the redactor and accounts, each held by a test."""

from __future__ import annotations

from datetime import datetime

import pytest

from orderbridge.accounts import WrongEndpoint
from orderbridge.accounts.disconnecting import disconnect_account
from orderbridge.accounts.onboarding import check_endpoints
from orderbridge.amazon import Answer, Connection
from orderbridge.amazon.operations import SEARCH_ORDERS
from orderbridge.amazon_calls import AmazonCalls
from orderbridge.database.models import AccountState
from sandbox.orders import Order
from schemas.imports import ImportFinished
from schemas.orders import OrderImported, OrderRedacted
from schemas.shipments import ShipmentConfirmed, ShipmentRejected
from tests.parts.in_process import ACCOUNT, System

FIVE_DECIMALS = "19.98765"


def cursor(system: System) -> datetime | None:
    with system.database.unit_of_work() as work:
        state = work.session.get(AccountState, ACCOUNT)
        return state.cursor if state is not None else None


def imported_ids(system: System) -> list[str]:
    return sorted(event.order_id for event in system.events(OrderImported))


def five_decimals(order: Order, now: datetime) -> None:
    """An amount that Amazon's model allows, and our contract does not."""
    order.facts["orderItems"][0]["proceeds"]["breakdowns"][0]["subtotal"]["amount"] = FIVE_DECIMALS
    order.updated_at = now


def test_one_order_that_cannot_be_stored_holds_up_no_other(system: System) -> None:
    order_ids = system.place_orders(count=3)
    bad = order_ids[1]
    system.amazon.change_order(bad, five_decimals)
    system.advance(180)
    system.import_now()
    assert imported_ids(system) == sorted(set(order_ids) - {bad})
    (run,) = system.events(ImportFinished)
    assert (run.counts.seen, run.counts.imported, run.counts.unreadable) == (3, 2, 1)
    (problem,) = run.problems
    assert bad in problem
    assert "decimal" in problem
    assert FIVE_DECIMALS not in problem
    first = cursor(system)
    assert first == run.updated_before
    system.advance(3600)
    later = system.imported()
    assert set(later) < set(imported_ids(system))
    moved = cursor(system)
    assert first is not None
    assert moved is not None
    assert moved > first


def test_an_update_that_cannot_be_stored_leaves_the_order_as_it_was(system: System) -> None:
    (order_id,) = system.imported()
    before = system.store.orders[order_id]
    system.amazon.change_order(order_id, five_decimals)
    system.advance(180)
    system.import_now()
    run = system.events(ImportFinished)[-1]
    assert (run.counts.unreadable, run.counts.updated) == (1, 0)
    assert system.store.orders[order_id] == before
    system.store_says(order_id=order_id)
    system.run_until_idle()
    assert len(system.events(ShipmentConfirmed)) == 1


def test_a_shipment_for_an_order_that_cannot_be_stored_is_answered(system: System) -> None:
    (order_id,) = system.place_orders()
    system.amazon.change_order(order_id, five_decimals)
    system.store_says(event_id="e-1", order_id=order_id)
    system.advance(600)
    (rejected,) = system.events(ShipmentRejected)
    assert (rejected.reason, rejected.order_id, rejected.caused_by) == ("order_unknown", order_id, "e-1")
    assert "cannot be stored" in rejected.message
    assert FIVE_DECIMALS not in rejected.message
    assert system.calls("getOrder") == {"200": 1}
    assert not system.events(OrderImported)


@pytest.mark.parametrize("pile", ["links", "links and gift messages"])
def test_a_pile_of_customisation_leaves_the_address_sealed(system: System, pile: str) -> None:
    (order_id,) = system.place_orders(lines=[{"sku": "MUG-BLUE", "gift_message": "Enjoy"}])

    def customise(order: Order, _now: datetime) -> None:
        item = order.facts["orderItems"][0]
        item["product"]["customization"] = {"customizedUrl": "https://example.org/" + "x" * 20_000}
        if pile == "links and gift messages":
            item["fulfillment"]["packing"]["giftOption"]["giftMessage"] = "y" * 20_000

    system.amazon.change_order(order_id, customise)
    system.advance(180)
    system.import_now()
    assert imported_ids(system) == [order_id]
    assert system.events(ImportFinished)[-1].problems == ()
    data = system.opened(order_id)
    assert data.address_lines
    assert data.last_name
    assert data.postal_code
    assert data.customization_links == {}
    assert list(data.gift_messages.values()) == (["Enjoy"] if pile == "links" else [])


ELSEWHERE: list[dict[str, str | None]] = [
    {"amazon_api_url": "http://127.0.0.1:9"},
    {"amazon_api_url": None},
    {"amazon_login_url": "http://127.0.0.1:9/auth/o2/token"},
    {"amazon_login_url": None},
    {"amazon_api_url": None, "amazon_login_url": None},
]


@pytest.mark.parametrize("elsewhere", ELSEWHERE, ids=[" ".join(f"{k}={v}" for k, v in e.items()) for e in ELSEWHERE])
def test_an_account_of_another_endpoint_is_never_called(system: System, elsewhere: dict[str, str | None]) -> None:
    """The account is the sandbox's; unset means Amazon itself. Neither token nor call leaves for either."""
    (order_id,) = system.imported()
    settings_here = system.settings
    before = system.amazon.calls()
    system.settings = settings_here.model_copy(update=elsewhere)
    called: list[Connection] = []

    def call(connection: Connection) -> Answer:
        called.append(connection)
        raise AssertionError("called all the same")

    with system.database.unit_of_work() as work, pytest.raises(WrongEndpoint, match=ACCOUNT):
        AmazonCalls(system.settings, system.database).make(work, ACCOUNT, SEARCH_ORDERS, "a test", call)
    with pytest.raises(WrongEndpoint):
        check_endpoints(system.settings, system.database)
    system.restart()
    system.tolerates_bugs = True
    system.import_now()
    system.store_says(order_id=order_id)
    system.run_until_idle()
    assert system.outcomes_of("import.due")[-1] == "failed"
    assert system.outcomes_of("order.shipped") == ["failed"]
    assert all("WrongEndpoint" in failure for failure in system.failures())
    assert called == []
    assert system.amazon.calls() == before
    system.settings = settings_here  # set back, what waited goes on
    system.restart()
    system.advance(600)
    assert len(system.events(ShipmentConfirmed)) == 1


def test_a_key_whose_own_event_was_lost_dies_with_the_next(system: System) -> None:
    system.imported()
    system.advance(3600)
    system.imported()
    ring = system.key_ring()
    first, second = ring.alive()
    with system.database.unit_of_work() as work:
        work.withdraw(f"key:{first.isoformat()}")
    system.advance((second - system.now).total_seconds() - 1)
    assert ring.alive() == [first, second]
    system.advance(1)
    assert ring.alive() == []
    assert len(system.events(OrderRedacted)) == 2


def test_a_key_whose_moment_lies_ahead_does_not_die_with_another(system: System) -> None:
    system.imported()
    system.advance(3600)
    system.imported()
    first, second = system.key_ring().alive()
    system.advance((first - system.now).total_seconds())
    assert system.key_ring().alive() == [second]


@pytest.mark.parametrize("imported_before", [True, False])
def test_orders_placed_while_disconnected_are_imported_after_reconnecting(
    system: System, imported_before: bool
) -> None:
    earlier = system.imported() if imported_before else []
    system.advance(600)
    assert disconnect_account(system.settings, system.database, ACCOUNT)
    system.import_now()
    assert system.outcomes_of("import.due")[-1] == "skipped"
    between = system.place_orders(count=2)
    system.advance(86_400)
    assert imported_ids(system) == sorted(earlier)
    system.set_account()
    system.import_now()
    assert imported_ids(system) == sorted((*earlier, *between))
