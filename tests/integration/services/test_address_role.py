"""The role for addresses: told once when it is missing, not when an order or two lack theirs for a while."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from orderbridge.accounts.attentions import ROLE_MISSING
from orderbridge.accounts.onboarding import connect_account
from orderbridge.accounts.roles import ADDRESS_ROLE
from orderbridge.amazon import orders as amazon_orders
from orderbridge.database.models import AccountState
from sandbox.accounts import BASE_ROLE
from schemas.accounts import AccountAttention
from schemas.imports import ImportDue, ImportFinished
from schemas.orders import OrderImported
from services.importer import scale, search_run
from tests.parts.hand_clock import START
from tests.parts.in_process import ACCOUNT, System

GERMANY = "A1PA6795UKMFR9"


def told(system: System) -> list[tuple[str, bool]]:
    """What was told of the role so far, and whether it was its end."""
    attentions = [event for event in system.events(AccountAttention) if event.trouble == ROLE_MISSING]
    return [(event.trouble, event.ended_at is not None) for event in attentions]


def ask_for(system: System, *order_ids: str) -> None:
    """Somebody wants these orders, each by its number."""
    with system.database.unit_of_work() as work:
        for order_id in order_ids:
            work.post(ImportDue(account_id=ACCOUNT, reason="order", order_id=order_id))
    system.run_until_idle()


def test_without_the_role_for_addresses_orders_come_and_say_so(system: System) -> None:
    system.amazon.change_account(ACCOUNT, roles=[BASE_ROLE])
    for _ in range(2):
        system.imported()
    assert len(system.events(OrderImported)) == 2
    assert told(system) == [("role_missing", False)]
    assert ADDRESS_ROLE in system.events(ImportFinished)[-1].problems[0]
    system.amazon.save_account(system.amazon_account())
    system.imported()
    assert told(system)[1:] == [("role_missing", True)]
    assert system.events(ImportFinished)[-1].problems == ()


@pytest.mark.parametrize("by_number", [False, True])
def test_one_order_that_lacks_its_name_is_no_missing_role(
    system: System, monkeypatch: pytest.MonkeyPatch, by_number: bool
) -> None:
    system.imported()
    system.advance(3600)
    system.import_now()  # the next run does not see that one again
    system.amazon.change_account(ACCOUNT, roles=[BASE_ROLE])
    (order_id,) = system.place_orders()
    system.advance(180)
    if by_number:
        ask_for(system, order_id)
    else:
        system.import_now()
    assert system.store.orders[order_id].personal_data.state == "missing"
    system.import_now()  # sees the same one again
    ask_for(system, *system.place_orders())  # what is asked for alone may be asked for because it has none
    assert told(system) == []
    system.imported()
    assert told(system) == [("role_missing", False)]


@pytest.mark.parametrize("alone", [False, True])
def test_two_orders_that_lack_their_names_for_a_while_are_no_missing_role(system: System, alone: bool) -> None:
    lacking = []
    for _ in range(2):
        system.amazon.change_account(ACCOUNT, roles=[BASE_ROLE])
        lacking += system.imported()
        system.advance(3600)
        system.import_now()  # the next run does not see that one again
        system.amazon.save_account(system.amazon_account())
        system.imported(count=24)
        system.advance(3600)
        system.import_now()
    assert told(system) == []
    assert {system.store.orders[order_id].personal_data.state for order_id in lacking} == {"missing"}
    system.amazon.change_account(ACCOUNT, roles=[BASE_ROLE])
    if alone:
        ask_for(system, lacking[0])
    else:
        system.imported()
    system.amazon.save_account(system.amazon_account())
    system.imported()
    assert told(system) == []
    with system.database.unit_of_work() as work:
        assert work.session.get_one(AccountState, ACCOUNT).read_again_from is None


@pytest.mark.parametrize("granted", ["seen by the import", "seen by connecting again"])
def test_orders_that_came_without_addresses_get_them_once_the_role_is_there(system: System, granted: str) -> None:
    system.amazon.change_account(ACCOUNT, roles=[BASE_ROLE])
    order_ids = system.imported(count=3)
    order_ids += system.imported(count=2)
    system.advance(3 * 3600)
    system.import_now()
    assert {system.store.orders[order_id].personal_data.state for order_id in order_ids} == {"missing"}
    system.amazon.save_account(system.amazon_account())
    if granted == "seen by the import":
        system.imported()
    else:
        token = system.amazon_account().refresh_token
        connect_account(system.settings, system.database, ACCOUNT, token, check_roles=True)
    system.advance(600)
    assert told(system) == [("role_missing", False), ("role_missing", True)]
    assert all(system.opened(order_id).address_lines for order_id in order_ids)


def test_business_orders_of_a_first_import_without_the_role_get_their_addresses_too(start: Any) -> None:
    system = start(import_from=(START - timedelta(days=5)).isoformat())
    system.amazon.change_account(ACCOUNT, roles=[BASE_ROLE])
    wish = {"marketplace_id": GERMANY, "history": True}
    order_ids = system.place_orders(programs=["AMAZON_BUSINESS"], created_at=START - timedelta(days=4), **wish)
    order_ids += system.place_orders(created_at=START - timedelta(days=2), count=2, **wish)
    system.advance(180)
    system.import_now()
    assert told(system) == [("role_missing", False)]
    business = system.opened(order_ids[0])
    assert (bool(business.tax_registrations), business.address_lines) == (True, ())
    system.amazon.save_account(system.amazon_account())
    system.imported()
    system.advance(600)
    assert all(system.opened(order_id).address_lines for order_id in order_ids)


@pytest.mark.parametrize("other_problems", [0, 30])
def test_a_role_that_comes_in_the_midst_of_a_long_run(
    start: Any, monkeypatch: pytest.MonkeyPatch, other_problems: int
) -> None:
    whole = amazon_orders.search_orders
    pages = 0

    def page_by_page(connection: Any, **options: Any) -> Any:
        nonlocal pages
        pages += 1
        if pages == 3:
            system.amazon.save_account(system.amazon_account())
        return whole(connection, **{**options, "max_results": 2})

    def noticed(work: Any, account: Any, state: Any, window: Any) -> Any:
        for number in range(other_problems):
            window = window.with_problem(f"Another of page {pages}: {number}")
        return window

    monkeypatch.setattr(search_run, "search_orders", page_by_page)
    monkeypatch.setattr(scale, "noticed", noticed)
    system = start(import_from=(START - timedelta(days=5)).isoformat())
    system.amazon.change_account(ACCOUNT, roles=[BASE_ROLE])
    order_ids = system.place_orders(count=8, created_at=START - timedelta(days=4), spread_over_seconds=86400)
    system.advance(3600)  # no later run reads them by its overlap
    system.import_now()
    system.advance(3600)
    assert told(system) == [("role_missing", False), ("role_missing", True)]
    system.import_now()  # the next slot
    system.advance(3600)
    assert all(system.opened(order_id).address_lines for order_id in order_ids)
