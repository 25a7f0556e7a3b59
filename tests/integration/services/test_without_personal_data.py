"""Orders that come without personal data, or too late for any: nothing of the buyer's stays with them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from orderbridge.database.models import OrderRow
from sandbox.accounts import BASE_ROLE
from schemas.orders import OrderImported
from tests.integration.services.conftest import Start
from tests.parts.hand_clock import START
from tests.parts.in_process import System

LONG_AGO = START - timedelta(days=100)


def old_orders(system: System, count: int = 20, **wish: Any) -> list[str]:
    return system.place_orders(
        count=count,
        created_at=LONG_AGO + timedelta(days=1),
        spread_over_seconds=50 * 86400,
        **{"status": "shipped", "history": True, **wish},
    )


def test_an_old_order_read_one_by_one_is_redacted_from_the_start(start: Start) -> None:
    system = start(import_from=LONG_AGO.isoformat())
    old_orders(system, count=2, status="unshipped")
    system.advance(180)
    system.import_now()
    system.advance(3600)
    assert [event.personal_data.state for event in system.events(OrderImported)] == ["redacted", "redacted"]


def test_an_old_order_that_amazon_gives_without_its_buyer_is_redacted_too(start: Start) -> None:
    system = start(import_from=LONG_AGO.isoformat())
    system.amazon.change_account("main", roles=[BASE_ROLE])
    old_orders(system, count=2, status="unshipped")
    system.advance(180)
    system.import_now()
    system.advance(3600)
    assert [event.personal_data.state for event in system.events(OrderImported)] == ["redacted", "redacted"]


def test_the_words_of_an_fba_buyer_are_never_kept(start: Start) -> None:
    """Nothing redacts an order that has no personal data: what its buyer wrote must not come in at all."""
    system = start(import_fba=True)
    (order_id,) = system.imported(fulfilled_by="AMAZON")
    system.amazon.change_order(order_id, lambda order, now: order.request_cancel("canary", now))
    system.advance(180)
    system.import_now()
    wish = system.store.orders[order_id].cancel_requested
    assert wish is not None
    assert wish.reason is None
    with system.database.unit_of_work() as work:
        assert "canary" not in work.session.get_one(OrderRow, order_id).document
