"""`store.options` is read, kept by its own time, and held against the account's mappings; on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from orderbridge.accounts import find_account
from orderbridge.accounts.change_settings import change_settings
from orderbridge.accounts.store_options import options_of
from schemas.accounts import AccountAttention, AccountSettingsChanged, StatusOption, StoreOptions
from schemas.imports import ImportDue
from schemas.orders import Choice, OrderImported
from tests.parts.in_process import System


def say(system: System, *methods: Choice, statuses: tuple[StatusOption, ...] = (), at: datetime | None = None) -> None:
    options = StoreOptions(account_id="main", shipping_methods=methods, statuses=statuses)
    system.produce("store.options", options.model_dump_json().encode(), key=b"main", timestamp=at)
    system.run_until_idle()


def change(system: System, **changes: object) -> None:
    with system.database.unit_of_work() as work:
        change_settings(work, "main", {name.replace("__", "."): value for name, value in changes.items()})
    system.run_until_idle()


def names(system: System) -> list[str]:
    with system.database.unit_of_work() as work:
        return [method.name for method in options_of(work, "main").shipping_methods]


def test_the_newest_stands(anywhere: System) -> None:
    say(anywhere, Choice(id="1", name="Ground"))
    say(anywhere, Choice(id="1", name="Older"), at=anywhere.now - timedelta(hours=1))
    assert names(anywhere) == ["Ground"]
    say(anywhere, Choice(id="1", name="Ahead"), at=anywhere.now + timedelta(days=400))
    anywhere.advance(1)
    say(anywhere, Choice(id="1", name="Newest"))
    assert names(anywhere) == ["Newest"]
    assert anywhere.outcomes_of("store.options") == ["handled"] * 4


def test_an_order_has_todays_name_of_what_is_mapped(anywhere: System) -> None:
    change(anywhere, shipping_methods__STANDARD="1:Ground")
    say(anywhere, Choice(id="1", name="Ground, insured"), statuses=(StatusOption(id="77", name="Fresh", kind="new"),))
    anywhere.imported()
    (order,) = anywhere.events(OrderImported)
    assert order.store.status == Choice(id="77", name="Fresh")
    if order.store.shipping_method.amazon == "STANDARD":
        assert order.store.shipping_method.name == "Ground, insured"
    with anywhere.database.unit_of_work() as work:
        found = find_account(work, "main")
        assert found is not None
        assert found.settings.shipping_methods["STANDARD"].name == "Ground, insured"


def test_a_mapping_that_is_gone_is_said_once_and_its_end_too(anywhere: System) -> None:
    change(anywhere, shipping_methods__STANDARD="9:Snail")
    for _ in range(2):
        say(anywhere, Choice(id="1", name="Ground"))
    (told,) = anywhere.events(AccountAttention)
    assert (told.trouble, told.ended_at) == ("mapping_gone", None)
    assert "shipping_methods.STANDARD: Snail (9)" in told.message
    change(anywhere, shipping_methods__STANDARD="Ground")
    assert anywhere.events(AccountAttention)[1].ended_at == anywhere.now
    say(anywhere, Choice(id="2", name="Air"))
    assert [event.ended_at is None for event in anywhere.events(AccountAttention)] == [True, False, True]


def test_options_of_an_account_that_is_not_connected_yet_are_kept(system: System) -> None:
    options = StoreOptions(account_id="later", shipping_methods=(Choice(id="1", name="Ground"),))
    system.produce("store.options", options.model_dump_json().encode(), key=b"later")
    system.run_until_idle()
    assert system.outcomes_of("store.options") == ["handled"]
    with system.database.unit_of_work() as work:
        assert options_of(work, "later").shipping_methods == options.shipping_methods


def test_ticking_the_report_box_is_told_the_store(system: System) -> None:
    change(system, import_fba="on")
    before = len(system.events(AccountSettingsChanged))
    change(system, exclude_from_sales_reports="on")
    change(system, exclude_from_sales_reports="yes")  # it is already
    told = system.events(AccountSettingsChanged)[before:]
    assert [event.exclude_from_sales_reports for event in told] == [True]


@pytest.mark.parametrize("reason", ["slot", "now", "rest", "order", "history"])
def test_off_stops_every_road_and_on_goes_on_from_the_cursor(system: System, reason: str) -> None:
    before = system.imported(count=2)
    change(system, enabled="off")
    missed = system.place_orders(count=3)
    system.advance(180)
    calls = system.amazon.calls()["operations"]
    with system.database.unit_of_work() as work:
        order_id = missed[0] if reason == "order" else None
        since = system.now - timedelta(days=90) if reason == "history" else None
        work.post(
            ImportDue.model_validate({"account_id": "main", "reason": reason, "order_id": order_id, "since": since})
        )
    system.run_until_idle()
    assert system.amazon.calls()["operations"] == calls
    system.store_says(order_id=before[0])  # shipments go on
    system.run_until_idle()
    assert system.packages(before[0])
    system.advance(7200)
    change(system, enabled="on")
    system.import_now()
    told = [event.order_id for event in system.events(OrderImported)]
    assert sorted(told) == sorted(before + missed)


def test_a_pending_order_asked_for_by_number_is_in_the_stores_own_queue(anywhere: System) -> None:
    """Nobody has chosen a queue for such orders, so none comes by itself."""
    (order_id,) = anywhere.place_orders(status="PENDING")
    anywhere.advance(180)
    own = (StatusOption(id="1", name="New", kind="new"), StatusOption(id="2", name="Awaiting payment", kind="unpaid"))
    say(anywhere, statuses=own)
    anywhere.import_now()
    assert anywhere.events(OrderImported) == []
    with anywhere.database.unit_of_work() as work:
        work.post(ImportDue(account_id="main", reason="order", order_id=order_id))
    anywhere.run_until_idle()
    (order,) = anywhere.events(OrderImported)
    assert order.store.status == Choice(id="2", name="Awaiting payment")
