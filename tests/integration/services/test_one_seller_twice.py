"""One seller connected under two names would be imported twice: orders are numbered once in the world, and tell."""

from __future__ import annotations

import pytest

from orderbridge.accounts.disconnecting import disconnect_account
from orderbridge.accounts.onboarding import connect_account
from orderbridge.accounts.settings import AccountSettings
from orderbridge.accounts.trial import ConnectRefused
from orderbridge.database.models import Account, OrderRow
from orderbridge.import_requests import InVain, ask_for_order
from schemas.accounts import AccountAttention
from schemas.imports import ImportDue, ImportFinished
from schemas.orders import OrderImported
from tests.parts.in_process import ACCOUNT, System

ANOTHER_TOKEN = "Atzr|another-authorisation"


def authorise_again(system: System) -> None:
    """The seller authorises the application once more; our first token is good for an hour yet."""
    system.amazon.change_account(ACCOUNT, refresh_token=ANOTHER_TOKEN)


def import_second(system: System, reason: str = "now") -> None:
    with system.database.unit_of_work() as work:
        work.post(ImportDue.model_validate({"account_id": "second", "reason": reason}))
    system.run_until_idle()


def connect_second(system: System, *, check_roles: bool = False) -> None:
    enabled = AccountSettings(enabled=True)
    connect_account(system.settings, system.database, "second", ANOTHER_TOKEN, enabled, check_roles=check_roles)


def told(system: System) -> list[tuple[str, bool]]:
    attentions = [event for event in system.events(AccountAttention) if event.trouble == "same_seller"]
    return [(event.account_id, event.ended_at is not None) for event in attentions]


def test_it_is_refused_where_its_orders_are_known(system: System) -> None:
    system.imported(count=2)
    authorise_again(system)
    with pytest.raises(ConnectRefused, match=r"same seller as main.*orderbridge accounts connect main"):
        connect_second(system, check_roles=True)
    with system.database.unit_of_work() as work:
        assert work.session.get(Account, "second") is None


def test_under_its_own_name_it_is_connected_again(system: System) -> None:
    system.imported()
    authorise_again(system)
    connect_account(system.settings, system.database, ACCOUNT, ANOTHER_TOKEN, check_roles=True)


def test_the_import_finds_it_out_leaves_the_orders_alone_and_says_so_once(anywhere: System) -> None:
    system = anywhere
    system.import_now()
    authorise_again(system)
    connect_second(system)
    order_ids = system.imported(count=2)
    import_second(system, "dry_run")
    import_second(system)
    system.advance(300)
    import_second(system)
    assert sorted(event.order_id for event in system.events(OrderImported)) == sorted(order_ids)
    assert {event.account_id for event in system.told_of_orders()} == {ACCOUNT}
    run = system.events(ImportFinished)[2]
    assert (run.account_id, run.counts.skipped) == ("second", 2)
    assert [why.reason for why in run.skipped_because] == ["of_another_account"]
    assert told(system) == [("second", False)]
    disconnect_account(system.settings, system.database, "second")
    system.run_until_idle()
    assert told(system) == [("second", False), ("second", True)]


def test_an_account_that_is_disconnected_hands_its_orders_over(system: System) -> None:
    (order_id,) = system.imported()
    authorise_again(system)
    disconnect_account(system.settings, system.database, ACCOUNT)
    connect_second(system, check_roles=True)
    system.amazon.change_order(order_id, lambda order, now: order.request_cancel("mistake", now))
    system.advance(180)
    import_second(system)
    with system.database.unit_of_work() as work:
        assert work.session.get_one(OrderRow, order_id).account_id == "second"
    system.store_says(order_id=order_id)
    system.run_until_idle()
    assert len(system.packages(order_id)) == 1
    assert told(system) == []


def test_an_order_of_an_account_that_is_disconnected_is_fetched_by_its_number(system: System) -> None:
    (order_id,) = system.imported()
    authorise_again(system)
    connect_second(system)
    with pytest.raises(InVain, match="is an order of main"), system.database.unit_of_work() as work:
        ask_for_order(work, "second", order_id)
    disconnect_account(system.settings, system.database, ACCOUNT)
    system.advance(60)
    with system.database.unit_of_work() as work:
        assert ask_for_order(work, "second", order_id) == order_id
    system.run_until_idle()
    with system.database.unit_of_work() as work:
        assert work.session.get_one(OrderRow, order_id).account_id == "second"
