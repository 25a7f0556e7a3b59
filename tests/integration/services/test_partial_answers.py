"""An answer of Amazon's that tells less of an order than an earlier one: what it leaves out is no news."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from orderbridge.amazon.order_models import Buyer
from orderbridge.amazon.orders import OrderAnswer, get_order
from sandbox.accounts import ADDRESS_ROLE
from sandbox.faults import Fault
from sandbox.orders import Order
from schemas.imports import ImportDue
from schemas.orders import OrderUpdated
from schemas.personal_data import PersonalData
from schemas.shipments import ShipmentConfirmed, ShipmentHeld
from services.importer import one_order
from tests.integration.services.conftest import Start
from tests.parts.in_process import ACCOUNT, System

Facts = dict[str, Any]


def known(system: System) -> tuple[str, PersonalData]:
    """A business order whose buyer the store knows whole."""
    (order_id,) = system.imported(
        marketplace_id="A1PA6795UKMFR9", programs=["AMAZON_BUSINESS"], lines=[{"sku": "MUG-BLUE", "gift_message": "Hi"}]
    )
    data = system.opened(order_id)
    assert data.last_name
    assert data.address_lines
    assert data.tax_registrations
    return order_id, data


def amazon_tells(system: System, order_id: str, change: Callable[[Facts], object]) -> None:
    """The next answer has these facts, and is imported."""

    def apply(order: Order, now: datetime) -> None:
        change(order.facts)
        order.updated_at = now

    system.amazon.change_order(order_id, apply)
    system.advance(180)
    system.import_now()


def refuse(system: System, data_set: str) -> None:
    """Amazon answers 400 to who asks for that data set."""
    fault = {"operation": "searchOrders", "count": None, "kind": "400", "included_data": data_set}
    system.amazon.faults.add(Fault.model_validate(fault))


def only(facts: Facts, *fields: str, **buyer: str) -> None:
    """Of address and buyer no more than that."""
    address = facts["recipient"]["deliveryAddress"]
    facts["recipient"]["deliveryAddress"] = {name: address[name] for name in fields if name in address}
    facts["buyer"] = buyer


def test_an_answer_without_name_and_street_takes_none_away(system: System) -> None:
    order_id, data = known(system)
    seal = system.store.orders[order_id].personal_data.seal

    def less(facts: Facts) -> None:
        only(facts, "postalCode", "city", "countryCode", buyerCompanyName="Another GmbH")
        facts["tax"] = {}

    amazon_tells(system, order_id, less)
    assert system.events(OrderUpdated) == []
    amazon_tells(system, order_id, lambda facts: only(facts, "countryCode", buyerPurchaseOrderNumber="PO 7"))
    (updated,) = system.events(OrderUpdated)
    assert updated.changes == ("address",)
    assert updated.personal_data.seal != seal
    assert system.opened(order_id) == data.model_copy(update={"purchase_order_number": "PO 7"})


@pytest.mark.parametrize("data_set", ["RECIPIENT", "TAX", "BUYER"])
def test_a_data_set_that_amazon_refuses_for_a_while_takes_nothing_away(system: System, data_set: str) -> None:
    order_id, data = known(system)
    refuse(system, data_set)
    amazon_tells(system, order_id, lambda _: None)
    system.advance(600)
    assert system.opened(order_id) == data
    assert system.events(OrderUpdated) == []


def test_another_address_is_told_whole(system: System) -> None:
    order_id, data = known(system)

    def move(facts: Facts) -> None:
        name = facts["recipient"]["deliveryAddress"]["name"]
        facts["recipient"]["deliveryAddress"] = {"name": name, "addressLine1": "Neue Gasse 1", "countryCode": "DE"}

    amazon_tells(system, order_id, move)
    told = system.opened(order_id)
    assert (told.address_lines, told.last_name) == (("Neue Gasse 1",), data.last_name)
    assert (told.city, told.postal_code, told.phone) == ("", "", "")
    assert told.email == data.email


def test_a_place_alone_is_no_address(system: System) -> None:
    """The store is not to take an order for addressed whose buyer Amazon does not show."""
    (order_id,) = system.place_orders()
    amazon_tells(system, order_id, lambda facts: only(facts, "postalCode", "city", "stateOrRegion", "countryCode"))
    assert system.store.orders[order_id].personal_data.state == "missing"


def test_what_is_told_of_a_buyer_without_an_address_is_sealed(system: System) -> None:
    (order_id,) = system.place_orders()
    amazon_tells(system, order_id, lambda facts: only(facts, "postalCode", buyerEmail="x@marketplace.example"))
    assert system.opened(order_id).email == "x@marketplace.example"


def test_a_lapsed_role_takes_nothing_away(system: System) -> None:
    order_id, data = known(system)
    roles = [role for role in system.amazon_account().roles if role != ADDRESS_ROLE]
    system.amazon.change_account(ACCOUNT, roles=roles)
    amazon_tells(system, order_id, lambda _: None)
    assert system.opened(order_id) == data


def test_a_wish_to_cancel_stands_while_amazon_refuses_cancellations(start: Start) -> None:
    system = start(hold_when_buyer_cancels=True)
    (order_id,) = system.imported()
    system.amazon.change_order(order_id, lambda order, now: order.request_cancel("mistake", now))
    amazon_tells(system, order_id, lambda _: None)
    system.store_says(order_id=order_id)
    system.run_until_idle()
    refuse(system, "CANCELLATION")
    amazon_tells(system, order_id, lambda _: None)
    system.advance(600)
    assert [held.reason for held in system.events(ShipmentHeld)] == ["buyer_asked_to_cancel"]
    assert system.events(ShipmentConfirmed) == []
    assert system.store.orders[order_id].cancel_requested is not None
    assert system.opened(order_id).cancel_reason == "mistake"


def test_a_cancelled_line_stays_cancelled_while_amazon_refuses_cancellations(system: System) -> None:
    (order_id,) = system.imported()

    def cancel_lines(order: Order, now: datetime) -> None:
        order.cancellation["cancellationExecution"] = {"cancelledBy": "BUYER"}

    system.amazon.change_order(order_id, cancel_lines)
    amazon_tells(system, order_id, lambda _: None)
    lines = system.store.orders[order_id].lines
    assert [line.quantity_cancelled for line in lines] == [line.quantity for line in lines]
    refuse(system, "CANCELLATION")
    amazon_tells(system, order_id, lambda _: None)
    assert system.store.orders[order_id].lines == lines
    system.amazon.faults.clear()
    system.amazon.change_order(order_id, lambda order, _: order.cancellation.clear())
    amazon_tells(system, order_id, lambda _: None)  # Amazon says that nothing is cancelled: that is news
    assert [line.quantity_cancelled for line in system.store.orders[order_id].lines] == [0 for _ in lines]


def test_an_order_that_amazon_fulfils_stays_one_without_a_buyer(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of getOrder without `fulfillment` does not say who fulfils it."""
    system = start(import_fba=True)
    (order_id,) = system.imported(fulfilled_by="AMAZON")

    def without_fulfilment(*arguments: Any) -> OrderAnswer:
        answer = get_order(*arguments)
        buyer = Buyer(buyer_name="Canary Goldfinch", buyer_email="x@marketplace.example")
        return replace(answer, order=answer.order.model_copy(update={"fulfillment": None, "buyer": buyer}))

    monkeypatch.setattr(one_order, "get_order", without_fulfilment)
    system.advance(60)
    with system.database.unit_of_work() as work:
        work.post(ImportDue(account_id=ACCOUNT, reason="order", order_id=order_id))
    system.run_until_idle()
    assert system.calls("getOrder") == {"200": 1}
    assert system.events(OrderUpdated) == []
    assert system.store.orders[order_id].personal_data.state == "none"
