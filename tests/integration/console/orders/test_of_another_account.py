"""What belongs to one order or account does nothing to another."""

from __future__ import annotations

from html import unescape

from sqlalchemy import select

from orderbridge.accounts.change_settings import change_settings
from orderbridge.database.models import OutboxRow, PackageRow
from orderbridge.import_requests import ask_preview
from tests.parts.console import Visitor, add_account
from tests.parts.in_process import System

_MUG = [{"sku": "MUG-BLUE", "quantity": 1}]


def states(system: System) -> dict[str, str]:
    """Each order's package."""
    with system.database.unit_of_work() as work:
        return {row.order_id: row.state for row in work.session.scalars(select(PackageRow))}


def waiting(system: System) -> int:
    """How many events were posted and not published yet."""
    with system.database.unit_of_work() as work:
        return len(work.session.scalars(select(OutboxRow.event_id).where(OutboxRow.published_at.is_(None))).all())


def test_the_package_of_another_order_is_not_sent(anywhere: System, operator: Visitor) -> None:
    one, two = anywhere.imported(count=2, lines=_MUG)
    for order_id, package in ((one, "P1"), (two, "P2")):
        anywhere.fault("confirmShipment", "400")
        anywhere.store_says(order_id=order_id, package_id=package)
        anywhere.run_until_idle()
    assert states(anywhere) == {one: "rejected", two: "rejected"}
    answer = operator.send(f"/orders/{one}/send-again", {"package": "P2"}, page=f"/orders/{one}")
    assert answer.headers["location"] == f"/orders/{one}?told=nothing"
    anywhere.run_until_idle()
    assert states(anywhere) == {one: "rejected", two: "rejected"}


def test_an_order_is_fetched_for_its_own_account_alone(anywhere: System, operator: Visitor) -> None:
    (order_id,) = anywhere.imported()
    add_account(anywhere.database, "outlet")
    with anywhere.database.unit_of_work() as work:
        change_settings(work, "outlet", {"enabled": "true"})
    before = waiting(anywhere)
    answer = operator.send("/orders/fetch", {"number": order_id, "account": "outlet"}, page="/orders")
    assert answer.status_code == 422
    assert f"{order_id} is an order of main, not of outlet" in unescape(answer.text)
    assert f'<a href="/orders/{order_id}">Fetch from Amazon</a>' in answer.text
    assert waiting(anywhere) == before


def test_a_preview_is_seen_below_its_own_account_alone(anywhere: System, operator: Visitor) -> None:
    (order_id,) = anywhere.place_orders()
    anywhere.advance(180)
    add_account(anywhere.database, "outlet")
    with anywhere.database.unit_of_work() as work:
        asked = ask_preview(work, "main")
    anywhere.run_until_idle()
    assert order_id in operator.get(f"/accounts/main/preview/{asked}").text
    assert order_id not in operator.get(f"/accounts/outlet/preview/{asked}").text


def test_orders_are_listed_by_their_own_account_alone(anywhere: System, operator: Visitor) -> None:
    (order_id,) = anywhere.imported()
    add_account(anywhere.database, "outlet")
    assert order_id in operator.get("/orders?account=main").text
    for path in ("/orders?account=outlet", "/shipments?account=outlet", "/runs?account=outlet"):
        assert order_id not in operator.get(path).text, path
