"""A preview: what the next import would bring, mapped, before the import is switched on."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from orderbridge.accounts.disconnecting import disconnect_account
from orderbridge.database.models import AccountState, OrderRow, UnmappedWord
from orderbridge.import_requests import InVain, Preview, account_to_import, ask_preview, find_preview
from schemas.imports import ImportFinished
from schemas.orders import OrderImported
from tests.integration.services.conftest import Start
from tests.parts.in_process import ACCOUNT, System

MAPPED = {"shipping_methods": {"EXPEDITED": {"id": "3", "name": "Priority"}}, "invoice_number_prefix": "SHOP-"}


def ask(system: System) -> str:
    with system.database.unit_of_work() as work:
        return ask_preview(work, ACCOUNT)


def find(system: System, asked: str) -> Preview | None:
    with system.database.unit_of_work() as work:
        return find_preview(work, ACCOUNT, asked)


def preview(system: System) -> Preview:
    asked = ask(system)
    assert find(system, asked) is None
    system.run_until_idle()
    found = find(system, asked)
    assert found is not None
    return found


def test_it_shows_what_the_import_then_does(start: Start) -> None:
    system = start(enabled=False, **MAPPED)
    order_ids = system.place_orders(count=2, programs=["PREMIUM"])
    system.place_orders(fulfilled_by="AMAZON", status="SHIPPED")
    system.advance(180)
    found = preview(system)
    assert (found.log.counts.imported, found.log.counts.skipped) == (2, 1)
    lines = {line.order_id: line for line in found.lines if line.did == "imported"}
    assert sorted(lines) == sorted(order_ids)
    assert {line.reason for line in found.lines if line.did == "skipped"} == {"fulfilled_by_amazon"}
    with system.database.unit_of_work() as work:
        for table in (OrderRow, UnmappedWord):
            assert work.session.scalar(select(func.count()).select_from(table)) == 0
        state = work.session.get(AccountState, ACCOUNT)
        assert state is None or (state.cursor, state.first_run_at) == (None, None)
    assert not system.events(OrderImported)
    assert not system.events(ImportFinished)

    system.set_account(enabled=True, **MAPPED)
    system.import_now()
    imported = {event.order_id: event.store for event in system.events(OrderImported)}
    assert sorted(imported) == sorted(order_ids)
    for order_id, store in imported.items():
        line = lines[order_id]
        assert (line.order_number, line.status, line.payment_type) == (
            f"SHOP-{order_id}",
            store.status.name,
            store.payment_type.name,
        )
        assert line.shipping_method == (store.shipping_method.name or store.shipping_method.amazon)
    assert [line.did for line in preview(system).lines] == ["skipped"]


def test_many_pages_are_read_while_the_import_is_off(start: Start) -> None:
    system = start(enabled=False)
    system.place_orders(count=250)
    system.advance(180)
    asked = ask(system)
    system.run_until_idle()
    found = find(system, asked)
    assert found is not None
    assert len({line.order_id for line in found.lines}) == found.log.counts.imported == 250
    assert system.calls("searchOrders") == {"200": 3}


def test_a_second_one_is_served_by_its_own_run(start: Start) -> None:
    system = start(enabled=False)
    system.place_orders()
    system.advance(180)
    first, second = ask(system), ask(system)
    system.run_until_idle()
    for asked in (first, second):
        found = find(system, asked)
        assert found is not None
        assert found.log.counts.imported == 1


def test_what_is_in_vain_is_said_at_once(start: Start) -> None:
    system = start(enabled=False)
    with system.database.unit_of_work() as work:
        with pytest.raises(InVain, match="The import of main is off"):
            account_to_import(work, ACCOUNT)
        with pytest.raises(InVain, match="There is no account other"):
            ask_preview(work, "other")
    asked = ask(system)
    disconnect_account(system.settings, system.database, ACCOUNT)
    with system.database.unit_of_work() as work, pytest.raises(InVain, match="main is not connected"):
        ask_preview(work, ACCOUNT)
    system.run_until_idle()
    with pytest.raises(InVain, match="did not take it: account_not_connected"):
        find(system, asked)


def test_a_consent_that_was_ended_is_said_by_the_preview(start: Start) -> None:
    system = start(enabled=False)
    system.amazon.change_account(ACCOUNT, consent=False)
    system.forget_access_token()
    asked = ask(system)
    system.run_until_idle()
    for again in (lambda: find(system, asked), lambda: ask(system)):
        with pytest.raises(InVain, match=r"its authorisation was ended.* Connect the account again"):
            again()
