"""Orders sent to the store again: an emptied and a half-full store have what the bridge's books have."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from orderbridge.database.models import OrderRow, OutboxRow, PersonalDataRow
from orderbridge.orders.replaying import ReplayRefused, ReplayWish, ask_for_replay, progress_of
from schemas.accounts import AccountSettingsChanged
from schemas.orders import OrderDocument, OrderEvent, OrderImported, OrderUpdated
from schemas.personal_data import AMAZON_REPLACED, PersonalData
from schemas.replays import ReplayAnswer
from services.importer import replay
from tests.parts.in_process import Killed, Store, System

DAY = 86_400


def cancel(system: System, order_id: str) -> None:
    system.amazon.change_order(order_id, lambda order, now: order.cancel("BUYER", "mistake", now))


def asked(system: System, **wish: object) -> ReplayAnswer:
    with system.database.unit_of_work() as work:
        return ask_for_replay(work, ReplayWish(**wish))  # type: ignore[arg-type]  # the test's own


def replayed(system: System, **wish: object) -> ReplayAnswer:
    answer = asked(system, **wish)
    system.advance(60)
    with system.database.unit_of_work() as work:
        progress = progress_of(work, answer.replay_id)
    assert progress is not None
    assert progress.done
    return progress


def books(system: System) -> dict[str, tuple[int, str, str]]:
    """Of each order its sequence, its document, and its seal or that it has none."""
    with system.database.unit_of_work() as work:
        rows = work.session.execute(
            select(OrderRow, PersonalDataRow).outerjoin(PersonalDataRow, PersonalDataRow.order_id == OrderRow.order_id)
        ).all()
        return {
            row.order_id: (
                row.sequence,
                OrderDocument.model_validate_json(row.document).model_dump_json(),
                (kept.seal or "gone") if kept is not None else "none",
            )
            for row, kept in rows
        }


def has(store: Store) -> dict[str, tuple[int, str, str]]:
    """The same, as the store has it."""
    return {
        order.order_id: (
            order.sequence,
            OrderDocument.model_validate(order.model_dump()).model_dump_json(),
            order.personal_data.seal or ("gone" if order.personal_data.state == "redacted" else "none"),
        )
        for order in store.orders.values()
    }


def a_life(system: System) -> list[str]:
    """Orders of all kinds: redacted, cancelled, shipped, of Amazon's, new."""
    system.set_account(import_fba=True)
    old = system.imported(count=3)
    system.advance(31 * DAY)
    (cancelled, shipped) = system.imported(count=2)
    system.imported(fulfilled_by="amazon")
    cancel(system, cancelled)
    system.store_says(order_id=shipped)
    system.advance(180)
    system.import_now()
    system.imported(count=2)
    return old


def test_an_emptied_store_has_everything_again(anywhere: System) -> None:
    old = a_life(anywhere)
    before = books(anywhere)
    assert has(anywhere.store) == before
    anywhere.store = Store()
    told = len(anywhere.told)
    answer = replayed(anywhere)
    assert (answer.orders, answer.sent) == (8, 8)
    assert books(anywhere) == before == has(anywhere.store)
    again = [event for event in anywhere.told[told:] if isinstance(event, OrderEvent)]
    assert all(isinstance(event, OrderImported) and event.replay for event in again)
    assert [event.sequence for event in again] == sorted(event.sequence for event in again)
    for order_id in old:
        data = anywhere.store.orders[order_id].personal_data
        assert data.state == "redacted"
        assert data.placeholder is not None
        assert data.placeholder.first_name == AMAZON_REPLACED
    assert any(isinstance(event, AccountSettingsChanged) for event in anywhere.told[told:])


def test_a_store_that_went_back_to_a_backup_needs_what_changed_since(anywhere: System) -> None:
    """Orders of before, too, where they changed since: the day they were placed is not what counts."""
    first = anywhere.imported(count=2)
    anywhere.advance(31 * DAY)
    second = anywhere.imported(count=2)
    backup = dict(anywhere.store.orders)
    anywhere.advance(DAY)
    backed_up_at = anywhere.now
    cancel(anywhere, second[0])
    third = anywhere.imported()
    anywhere.advance(180)
    anywhere.import_now()
    anywhere.store = Store()
    anywhere.store.orders = backup
    told = len(anywhere.told)
    assert replayed(anywhere, since=backed_up_at).orders == 2
    assert {event.order_id for event in anywhere.told[told:] if isinstance(event, OrderEvent)} == {second[0], *third}
    assert has(anywhere.store) == books(anywhere)
    assert set(first) <= set(anywhere.store.orders)


def test_a_store_that_lost_nothing_changes_nothing(system: System) -> None:
    a_life(system)
    before = dict(system.store.orders)
    replayed(system)
    assert all(system.store.orders[order_id] is order for order_id, order in before.items())


def test_one_order_and_a_range(system: System) -> None:
    first = system.imported(count=2)
    system.advance(DAY)
    between = system.now
    second = system.imported(count=3)
    assert replayed(system, number=f"AMZ-{first[0]}").orders == 1
    assert [event.order_id for event in system.events(OrderImported) if event.replay] == [first[0]]
    assert replayed(system, until=between).orders == 2
    assert replayed(system, since=between).orders == 3
    assert {event.order_id for event in system.events(OrderImported)[-3:]} == set(second)


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"number": "114-0000000-0000000"}, "No order goes by this number"),
        ({"accounts": frozenset({"other"})}, "There is no account other"),
        ({"number": "x", "since": timedelta()}, "not both"),
        ({"since": timedelta(days=1)}, "lies ahead"),
        ({"since": timedelta(days=-1), "until": timedelta(days=-2)}, "ends before it begins"),
    ],
)
def test_what_cannot_be_meant_is_refused(system: System, wish: dict[str, object], told: str) -> None:
    system.imported()
    given = {name: system.now + one if isinstance(one, timedelta) else one for name, one in wish.items()}
    with pytest.raises(ReplayRefused, match=told):
        asked(system, **given)


def test_one_that_finds_nothing_is_done_at_once(system: System) -> None:
    system.imported()
    answer = asked(system, until=system.now - timedelta(days=365))
    assert (answer.orders, answer.sent, answer.done) == (0, 0, True)
    for _ in range(2):
        with system.database.unit_of_work() as work:
            assert progress_of(work, answer.replay_id) == answer
        system.run_until_idle()
    assert not [event for event in system.events(OrderImported) if event.replay]


def test_it_goes_in_steps_and_live_events_go_between(anywhere: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "AT_ONCE", 2)
    order_ids = anywhere.imported(count=7)
    new = anywhere.place_orders(count=2)
    cancel(anywhere, order_ids[3])
    anywhere.advance(180)
    anywhere.store = Store()
    answer = asked(anywhere)
    anywhere.run_until_idle()
    assert len(anywhere.store.orders) == 2  # the next step waits a moment
    with anywhere.database.unit_of_work() as work:
        progress = progress_of(work, answer.replay_id)
        assert progress is not None
        assert (progress.orders, progress.sent, progress.done) == (7, 2, False)
    anywhere.import_now()
    assert set(new) <= set(anywhere.store.orders)  # they did not wait for the rest of the replay
    anywhere.advance(10)
    assert has(anywhere.store) == books(anywhere)
    again = [event for event in anywhere.events(OrderImported) if event.replay]
    assert len(again) == len({event.order_id for event in again})
    assert isinstance(anywhere.events(OrderUpdated)[-1], OrderUpdated)
    assert anywhere.store.orders[order_ids[3]].amazon_status == "cancelled"


def test_an_importer_that_is_killed_goes_on_where_it_stood(anywhere: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "AT_ONCE", 2)
    anywhere.imported(count=9)
    anywhere.store = Store()
    told = len(anywhere.told)
    asked(anywhere)
    for _ in range(3):
        anywhere.run_until_idle()
        with monkeypatch.context() as patch:
            patch.setattr("services.importer.replay._as_it_is", _die)
            with pytest.raises(Killed):
                anywhere.advance(0.3)
        anywhere.restart()
    anywhere.advance(10)
    again = [event.order_id for event in anywhere.told[told:] if isinstance(event, OrderEvent)]
    assert len(again) == len(set(again)) == 9
    assert has(anywhere.store) == books(anywhere)


def _die(*_: object) -> OrderImported:
    raise Killed


def test_a_step_that_is_read_twice_sends_nothing_twice(anywhere: System) -> None:
    anywhere.imported(count=2)
    asked(anywhere)
    anywhere.run_until_idle()
    with anywhere.database.unit_of_work() as work:  # as after a takeover of the relay
        work.session.execute(update(OutboxRow).where(OutboxRow.topic == "orders.replay").values(published_at=None))
    anywhere.run_until_idle()
    assert len([event for event in anywhere.events(OrderImported) if event.replay]) == 2


def test_personal_data_whose_day_is_over_is_not_sent_even_sealed(system: System) -> None:
    """Where the redactor has not come to it yet, or the ring knows better than a restored database."""
    over, early = system.imported(count=2)
    with system.database.unit_of_work() as work:
        work.session.execute(update(PersonalDataRow).where(PersonalDataRow.order_id == over).values(dies_at=system.now))
    system.key_ring().mark_redacted(early)
    system.store = Store()
    replayed(system)
    for order_id in (over, early):
        data = system.store.orders[order_id].personal_data
        assert (data.state, data.seal) == ("redacted", None)
        assert data.placeholder == PersonalData.replaced(system.store.orders[order_id].ship_to_country or "")
