"""Amazon refuses for a moment, or with odd words: no marketplace is denied by mistake, and nothing stalls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orderbridge.amazon import AccessDenied, Refused
from orderbridge.amazon import orders as amazon_orders
from schemas.accounts import AccountAttention
from schemas.imports import ImportFinished
from schemas.orders import OrderImported
from services.importer import search_run
from tests.parts.in_process import System

GERMANY = "A1PA6795UKMFR9"
UNITED_STATES = "ATVPDKIKX0DER"
DENIED = "Access to requested resource is denied."


def told(system: System) -> list[str]:
    return sorted(event.order_id for event in system.events(OrderImported))


def last_run(system: System) -> ImportFinished:
    return system.events(ImportFinished)[-1]


def refusing(monkeypatch: pytest.MonkeyPatch, refuses: Callable[[int, dict[str, Any]], str | None]) -> list[Any]:
    """Amazon refuses the calls for which `refuses` (the call's number, what is asked) has words; returns all calls."""
    whole = amazon_orders.search_orders
    calls: list[Any] = []

    def search_orders(connection: Any, **asked: Any) -> Any:
        calls.append(asked)
        words = refuses(len(calls), asked)
        if words is None:
            return whole(connection, **{**asked, "max_results": 2})
        if "included" in words:
            raise Refused("searchOrders", words, status=400, code="InvalidInput")
        raise AccessDenied("searchOrders", words, status=403, code="Unauthorized")

    monkeypatch.setattr(search_run, "search_orders", search_orders)
    return calls


def denials(system: System) -> list[AccountAttention]:
    return [one for one in system.events(AccountAttention) if one.trouble == "marketplace_denied"]


def test_refusals_of_a_moment_deny_no_marketplace(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing(monkeypatch, lambda call, _: DENIED if 2 <= call <= 5 else None)
    system.imported()
    here = system.place_orders(count=2, marketplace_id=UNITED_STATES)
    there = system.place_orders(count=2, marketplace_id=GERMANY)
    system.advance(180)
    system.import_now()
    system.advance(3600)
    assert set(told(system)) >= {*here, *there}
    assert denials(system) == []


def test_a_page_that_is_refused_once_is_read_again(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """The marketplaces are asked without its token, which was made for all of them."""
    calls = refusing(monkeypatch, lambda call, _: DENIED if call == 2 else None)
    order_ids = system.place_orders(count=6)
    system.advance(180)
    system.import_now()
    system.advance(3600)
    assert told(system) == sorted(order_ids)
    assert denials(system) == []
    alone = [call for call in calls if len(call["marketplace_ids"]) == 1]
    assert [call["pagination_token"] for call in alone] == [None] * len(alone)
    assert last_run(system).problems == ()


def test_a_refusal_of_all_marketplaces_together_ends_the_run(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each alone is shown: no marketplace is to blame, and asking for ever is no use."""
    calls = refusing(monkeypatch, lambda _, asked: DENIED if len(asked["marketplace_ids"]) > 1 else None)
    order_ids = system.place_orders(count=2)
    system.advance(180)
    system.import_now()
    system.advance(86400)
    (run,) = system.events(ImportFinished)
    assert "together" in run.problems[0]
    assert len(calls) < 40
    assert denials(system) == []
    monkeypatch.setattr(search_run, "search_orders", amazon_orders.search_orders)
    system.import_now()
    assert told(system) == sorted(order_ids)


def test_an_error_that_lists_all_data_sets_leaves_out_the_optional_ones(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (
        "1 validation error detected: Value 'PAYMENT' at 'includedData' failed to satisfy constraint: Member must "
        "satisfy enum value set: [BUYER, RECIPIENT, PROCEEDS, EXPENSE, PROMOTION, CANCELLATION, FULFILLMENT, PACKAGES, "
        "TAX]"
    )
    refusing(monkeypatch, lambda _, asked: words if "PAYMENT" in asked["included_data"] else None)
    (order_id,) = system.imported()
    assert system.opened(order_id).address_lines
    assert "PAYMENT" in last_run(system).problems[0]


def test_a_data_set_is_named_by_a_whole_word(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "includedData: EXPENSES is no value; TAXES neither; remove PROCEEDS."
    calls = refusing(monkeypatch, lambda _, asked: words if "PROCEEDS" in asked["included_data"] else None)
    system.imported()
    assert set(calls[0]["included_data"]) - set(calls[1]["included_data"]) == {"PROCEEDS"}
