"""The run of an import: its cursor, its pages, and what interrupts it."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from orderbridge.accounts.disconnecting import disconnect_account
from orderbridge.amazon import orders as amazon_orders
from orderbridge.database import leases
from orderbridge.database.models import AccountState, OrderRow, Run
from orderbridge.database.unit_of_work import Work
from schemas.imports import ImportDue, ImportFinished
from schemas.orders import OrderImported
from services.importer import claim, search_run
from services.importer.orders import store_order
from services.importer.window import OVERLAP
from tests.integration.services.conftest import Start
from tests.parts.hand_clock import START
from tests.parts.in_process import Killed, System


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two orders a page."""
    whole = amazon_orders.search_orders
    monkeypatch.setattr(search_run, "search_orders", lambda *a, **k: whole(*a, **{**k, "max_results": 2}))


def state(system: System) -> AccountState:
    with system.database.unit_of_work() as work:
        return work.session.get_one(AccountState, "main")


def open_runs(system: System) -> int:
    with system.database.unit_of_work() as work:
        return work.session.scalar(select(func.count()).select_from(Run).where(Run.finished_at.is_(None))) or 0


def orders(system: System) -> int:
    with system.database.unit_of_work() as work:
        return work.session.execute(select(func.count()).select_from(OrderRow)).scalar_one()


def imported_once_each(system: System, order_ids: list[str]) -> None:
    assert sorted(event.order_id for event in system.events(OrderImported)) == sorted(order_ids)
    assert set(system.store.orders) == set(order_ids)


def test_the_cursor_is_amazons_and_reaches_back(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    whole = amazon_orders.search_orders

    def search(*arguments: Any, **options: Any) -> amazon_orders.OrdersPage:
        asked.append(options)
        return whole(*arguments, **options)

    monkeypatch.setattr(search_run, "search_orders", search)
    system.imported()
    first = state(system).cursor
    assert first == system.now - timedelta(minutes=2)
    assert asked[0]["last_updated_after"] == START.replace(hour=8)  # midnight in Los Angeles
    system.advance(3600)
    system.import_now()
    assert asked[1]["last_updated_after"] == first - OVERLAP
    assert state(system).cursor == first + timedelta(hours=1)
    run = system.events(ImportFinished)[-1]
    assert (run.updated_after, run.updated_before) == (first - OVERLAP, first + timedelta(hours=1))


def test_the_cursor_never_goes_backwards(system: System) -> None:
    system.imported()
    ahead = system.now + timedelta(hours=1)
    with system.database.unit_of_work() as work:
        work.session.get_one(AccountState, "main").cursor = ahead
    system.import_now()
    assert len(system.events(ImportFinished)) == 2
    assert state(system).cursor == ahead


@pytest.mark.usefixtures("small_pages")
def test_several_pages(system: System) -> None:
    order_ids = system.imported(count=7)
    imported_once_each(system, order_ids)
    (run,) = system.events(ImportFinished)
    assert (run.amazon_calls, run.counts.seen, run.counts.imported, run.problems) == (4, 7, 7, ())
    assert open_runs(system) == 0
    assert state(system).cursor is not None


@pytest.mark.usefixtures("small_pages")
def test_a_page_is_one_transaction(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in the middle of the second page takes that whole page back, and nothing else."""
    seen = 0

    def fail_on_the_fourth(*arguments: Any, **options: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == 4:
            raise RuntimeError("planted")
        return store_order(*arguments, **options)

    monkeypatch.setattr(search_run, "store_order", fail_on_the_fourth)
    system.tolerates_bugs = True
    order_ids = system.imported(count=5)
    assert system.outcomes_of("import.due") == ["handled", "failed"]
    assert (orders(system), len(system.events(OrderImported)), state(system).cursor) == (2, 2, None)
    system.advance(120)  # the lease of the failed handler runs out, the retry goes on
    imported_once_each(system, order_ids)
    assert len(system.events(ImportFinished)) == 1
    assert state(system).cursor is not None


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("when", ["before the call", "after the call", "in the page"])
def test_killed_in_the_second_page(system: System, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    place = {"before the call": "search_orders", "after the call": "_store_page", "in the page": "store_order"}[when]
    whole, calls = getattr(search_run, place), 0
    last = 4 if when == "in the page" else 2

    def die(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == last:
            raise Killed
        return whole(*arguments, **options)

    monkeypatch.setattr(search_run, place, die)
    order_ids = system.place_orders(count=5)
    system.advance(180)
    with pytest.raises(Killed):
        system.import_now()
    assert orders(system) == 2
    system.restart()
    system.run_until_idle()
    assert system.outcomes_of("import.due")[-1] == "given-back"  # the dead one's lease
    system.advance(100)
    imported_once_each(system, order_ids)
    (run,) = system.events(ImportFinished)
    assert run.counts.imported == 5


@pytest.mark.usefixtures("small_pages")
def test_an_expired_paging_token_starts_the_run_over(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    order_ids = system.place_orders(count=5)
    system.advance(180)
    with system.database.unit_of_work() as work:
        work.post(ImportDue(account_id="main", reason="now"))
    stop_after_the_first_page(system, monkeypatch)
    before = system.now
    system.clock.advance(25 * 3600)  # nobody is at work for longer than the token lives
    system.run_until_idle()
    imported_once_each(system, order_ids)
    (run,) = system.events(ImportFinished)
    assert "expired" in run.problems[0]
    assert run.updated_before is not None
    assert run.updated_before > before
    assert system.calls("searchOrders")["400"] == 1


def stop_after_the_first_page(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        whole, calls = vars(search_run)["search_orders"], 0  # the one with small pages

        def die(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise Killed
            return whole(*arguments, **options)

        patched.setattr(search_run, "search_orders", die)
        with pytest.raises(Killed):
            system.run_until_idle()
    system.restart()


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("trouble", ["repeated", "refused"])
def test_a_paging_token_that_leads_nowhere(system: System, monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    """Amazon returns the same token again (sellers report it), or refuses it: the run starts over, without loss."""
    whole, calls = vars(search_run)["search_orders"], 0  # the one with small pages

    def search(connection: Any, **options: Any) -> amazon_orders.OrdersPage:
        nonlocal calls
        calls += 1
        if calls == 2 and trouble == "refused":
            options["pagination_token"] = "nonsense"
        page: amazon_orders.OrdersPage = whole(connection, **options)
        if calls == 2:
            return amazon_orders.OrdersPage(
                page.entries, options["pagination_token"], page.last_updated_before, None, page.answer
            )
        return page

    monkeypatch.setattr(search_run, "search_orders", search)
    order_ids = system.imported(count=5)
    imported_once_each(system, order_ids)
    (run,) = system.events(ImportFinished)
    assert len(run.problems) == 1
    assert "starts over" in run.problems[0]
    assert calls == 5  # two pages, then three from the start


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("trouble", ["repeated", "refused"])
def test_paging_that_never_works_ends_the_run(system: System, monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    """The second page fails in every run: it starts over once, then it ends, and the next slot tries again."""
    whole, broken = vars(search_run)["search_orders"], True

    def search(connection: Any, **options: Any) -> amazon_orders.OrdersPage:
        if broken and options["pagination_token"] is not None:
            if trouble == "refused":
                options["pagination_token"] = "nonsense"
            page: amazon_orders.OrdersPage = whole(connection, **options)
            return dataclasses.replace(page, next_token=options["pagination_token"])
        first: amazon_orders.OrdersPage = whole(connection, **options)
        return first

    monkeypatch.setattr(search_run, "search_orders", search)
    order_ids = system.imported(count=5)
    (run,) = system.events(ImportFinished)
    assert len(run.problems) == 2
    assert sum(system.calls("searchOrders").values()) == 4
    broken = False
    system.import_now()
    imported_once_each(system, order_ids)
    assert system.events(ImportFinished)[-1].problems == ()


def test_what_cannot_be_read_takes_no_other_with_it(system: System) -> None:
    good, bad = system.place_orders(count=2)
    system.amazon.change_order(bad, lambda order, _: order.facts.pop("salesChannel"))
    # The sandbox always names the channel: an order without one is not what Amazon's model says.
    system.amazon.change_order(bad, lambda order, _: order.facts.update(salesChannel=None))
    system.advance(180)
    system.import_now()
    imported_once_each(system, [good])
    (run,) = system.events(ImportFinished)
    assert (run.counts.unreadable, run.counts.seen) == (1, 2)
    assert bad in run.problems[0]


def test_two_imports_of_one_account_at_once(anywhere: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one is in its call the other comes: it gives its event back, and the account is read by one."""
    system = anywhere
    whole, inside = amazon_orders.search_orders, list[str]()

    def search(*arguments: Any, **options: Any) -> Any:
        if not inside:
            inside.append("called")
            second = system.produce("import.due", b'{"account_id": "main", "reason": "slot"}')
            inside.append(system.pipelines["import.due"].process(second))
        return whole(*arguments, **options)

    monkeypatch.setattr(search_run, "search_orders", search)
    order_ids = system.imported(count=2)
    assert inside == ["called", "given-back"]
    imported_once_each(system, order_ids)
    system.advance(30)
    with system.database.unit_of_work() as work:
        assert leases.take(work, "import:main", "me", timedelta(seconds=1))  # nobody holds it any more


def test_an_import_that_outlives_its_lease_stores_nothing(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, slow = amazon_orders.search_orders, [True]

    def search(*arguments: Any, **options: Any) -> Any:
        page = whole(*arguments, **options)
        if slow and slow.pop():
            system.clock.advance(claim.LEASE.total_seconds() + 1)
            with system.database.unit_of_work() as work:
                assert leases.take(work, "import:search:main", "another", timedelta(seconds=1))
        return page

    monkeypatch.setattr(search_run, "search_orders", search)
    order_ids = system.imported(count=2)
    assert system.outcomes_of("import.due") == ["given-back"]
    assert not system.told_of_orders()
    system.advance(10)
    imported_once_each(system, order_ids)


@pytest.mark.parametrize("why", ["unknown", "disconnected", "disabled"])
def test_an_account_that_is_not_to_be_imported_is_skipped_and_counted(start: Start, why: str) -> None:
    system = start(enabled=why != "disabled")
    if why == "disconnected":
        disconnect_account(system.settings, system.database, "main")
    account_id = "somebody" if why == "unknown" else "main"
    body = ImportDue(account_id=account_id, reason="slot").model_dump_json().encode()
    system.produce("import.due", body)
    system.run_until_idle()
    assert system.outcomes_of("import.due") == ["skipped"]
    assert system.calls("searchOrders") == {}
    # the next one goes through
    system.set_account()
    system.imported()
    assert len(system.told_of_orders()) == 1


def test_a_late_rest_of_a_finished_run_does_nothing(system: System) -> None:
    system.imported()
    system.produce("import.due", b'{"account_id": "main", "reason": "rest"}')
    system.run_until_idle()
    assert system.outcomes_of("import.due") == ["handled", "handled"]
    assert system.calls("searchOrders") == {"200": 1}
    assert len(system.events(ImportFinished)) == 1


def test_the_state_of_a_run_is_the_work_of_one_transaction(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run's end, its log and its cursor stand or fall together."""
    post = Work.post

    def fail_on_the_log(work: Work, event: Any, *arguments: Any, **options: Any) -> str:
        if isinstance(event, ImportFinished):
            raise RuntimeError("planted")
        return post(work, event, *arguments, **options)

    system.tolerates_bugs = True
    with monkeypatch.context() as patched:
        patched.setattr(Work, "post", fail_on_the_log)
        system.imported(count=2)
    assert (orders(system), state(system).cursor) == (0, None)
    assert open_runs(system) == 1
    system.advance(120)
    assert (orders(system), len(system.events(ImportFinished))) == (2, 1)
