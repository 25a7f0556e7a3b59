"""After a restore: an order that was redacted before its day, at the buyer's wish, is redacted again."""

from __future__ import annotations

from orderbridge.recovery.redactions import Redactions, repair
from schemas.orders import OrderRedacted
from tests.parts.in_process import System


def test_a_mark_of_the_ring_outlives_the_database(anywhere: System) -> None:
    system = anywhere
    marked, other = system.imported(count=2)
    system.key_ring().mark_redacted(marked)
    with system.database.unit_of_work() as work:
        assert repair(work, system.key_ring()) == Redactions(overdue=0, marked=1, without_key=0)
    system.run_until_idle()
    assert [event.order_id for event in system.events(OrderRedacted)] == [marked]
    assert system.store.orders[marked].personal_data.state == "redacted"
    assert system.opened(other).last_name
    with system.database.unit_of_work() as work:
        assert repair(work, system.key_ring()) == Redactions(overdue=0, marked=0, without_key=0)
    system.advance(31 * 86400)
    assert sorted(event.order_id for event in system.events(OrderRedacted)) == sorted([marked, other])
