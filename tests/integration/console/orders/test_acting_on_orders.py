"""What an operator does about an order: sent again, fetched, its buyer shown; and who may."""

from __future__ import annotations

from html import unescape

import pytest
from sqlalchemy import select

from orderbridge.api_tokens import NAME_THE_PERSON, OPEN_PERSONAL_DATA
from orderbridge.database.models import Opening, OutboxRow, PackageRow
from schemas.imports import ImportDue
from tests.parts.console import ConsoleServer, Visitor
from tests.parts.in_process import System
from tests.parts.open_call import OpenCalls


def posted(system: System) -> list[ImportDue]:
    """What the importer was asked for and has not been told yet."""
    with system.database.unit_of_work() as work:
        rows = work.session.scalars(
            select(OutboxRow).where(OutboxRow.topic == "import.due", OutboxRow.published_at.is_(None))
        )
        return [ImportDue.model_validate_json(row.body) for row in rows]


def test_a_refused_package_is_sent_again(anywhere: System, operator: Visitor) -> None:
    (order_id,) = anywhere.imported(lines=[{"sku": "MUG-BLUE", "quantity": 1}])
    anywhere.fault("confirmShipment", "400")
    anywhere.store_says(order_id=order_id, package_id="P1")
    anywhere.run_until_idle()
    at = f"/orders/{order_id}"
    answer = operator.send(f"{at}/send-again", {"package": "P1"}, page=at)
    assert answer.headers["location"] == f"{at}?told=again"
    assert "is to be sent to Amazon again" in operator.get(answer.headers["location"]).text
    anywhere.run_until_idle()
    with anywhere.database.unit_of_work() as work:
        assert work.session.scalars(select(PackageRow.state)).one() == "confirmed"
    assert "Amazon took the shipment" in operator.get(at).text
    again = operator.send(f"{at}/send-again", {"package": "P1", "back": "/shipments?state=held"}, page=at)
    assert again.headers["location"] == "/shipments?state=held&told=nothing"
    for elsewhere in ("https://evil.example", "//evil.example", "/\\evil.example", "/shipmentsevil"):
        assert (
            operator.send(f"{at}/send-again", {"package": "P", "back": elsewhere}, page=at)
            .headers["location"]
            .startswith(at)
        )


def test_an_order_is_fetched_from_amazon(anywhere: System, operator: Visitor) -> None:
    (order_id,) = anywhere.place_orders()
    anywhere.advance(180)
    answer = operator.send("/orders/fetch", {"number": f"AMZ-{order_id}", "account": "main"}, page="/orders")
    assert answer.status_code == 303
    assert f"Amazon is asked for {order_id}" in operator.get(answer.headers["location"]).text
    anywhere.run_until_idle()
    assert operator.get(answer.headers["location"]).headers["location"] == f"/orders/{order_id}?told=fetch"
    answer = operator.send(f"/orders/{order_id}/fetch", {}, page=f"/orders/{order_id}")
    assert answer.headers["location"] == f"/orders/{order_id}?told=fetch"
    assert [due.order_id for due in posted(anywhere)] == [order_id]


def test_what_cannot_be_fetched_says_why(anywhere: System, operator: Visitor) -> None:
    for number, account, told in (
        ("7", "main", "it cannot be one of Amazon's numbers"),
        ("114-0000000-0000001", "other", "There is no account other."),
    ):
        answer = operator.send("/orders/fetch", {"number": number, "account": account}, page="/orders")
        assert (answer.status_code, told in unescape(answer.text)) == (422, True)
    assert not posted(anywhere)
    operator.send("/orders/fetch", {"number": "114-0000000-0000001", "account": "main"}, page="/orders")
    anywhere.run_until_idle()
    page = operator.get("/orders?number=114-0000000-0000001").text
    assert "main: " in page
    anywhere.set_account(enabled=False)
    answer = operator.send("/orders/fetch", {"number": "114-0000000-0000001", "account": "main"}, page="/orders")
    assert (
        'The import of main is off. <a href="/accounts/main/settings">Settings of main</a> switches it on.'
        in answer.text
    )


def test_personal_data_is_shown_for_a_purpose_by_the_api(anywhere: System) -> None:
    (order_id,) = anywhere.imported()
    buyer = anywhere.opened(order_id)
    at = f"/orders/{order_id}"
    with OpenCalls(anywhere) as api:
        secret = api.token("console of this house", OPEN_PERSONAL_DATA, NAME_THE_PERSON)
        with ConsoleServer(anywhere.database, api_url=api.url, api_token=secret) as console:
            console.signed_in("owner")
            operator = console.signed_in("olga", "operator")
            page = operator.get(at).text
            assert buyer.last_name not in page
            assert "Show it" in page
            answer = operator.send(f"{at}/personal-data", {"purpose": "customer_service"}, page=at)
            assert buyer.last_name in unescape(answer.text)
            assert answer.headers["cache-control"] == "no-store"
            assert buyer.last_name not in operator.get(at).text
            assert "By olga through console of this house, for customer service. Opened." in operator.get(at).text
            nothing = operator.send(f"{at}/personal-data", {"purpose": "curiosity"}, page=at)
            assert (nothing.status_code, "Say for what it is needed" in nothing.text) == (422, True)
            viewer = console.signed_in("vera", "viewer")
            assert "To open it takes an operator." in viewer.get(at).text
            assert viewer.send(f"{at}/personal-data", {"purpose": "display"}, page="/me").status_code == 403
    with anywhere.database.unit_of_work() as work:
        (line,) = work.session.scalars(select(Opening))
        assert (line.order_id, line.purpose, line.state) == (order_id, "customer_service", "open")
        assert line.on_behalf_of == "olga"


def test_without_the_api_the_page_says_what_to_set(anywhere: System, operator: Visitor) -> None:
    (order_id,) = anywhere.imported()
    at = f"/orders/{order_id}"
    page = operator.get(at).text
    assert "ORDERBRIDGE_API_TOKEN" in page
    assert "Show it" not in page
    assert operator.send(f"{at}/personal-data", {"purpose": "display"}, page=at).status_code == 422


def test_an_api_that_is_away_says_so(anywhere: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.console.order_page._LONGEST_WAIT", 0.0)
    (order_id,) = anywhere.imported()
    at = f"/orders/{order_id}"
    with ConsoleServer(anywhere.database, api_url="http://127.0.0.1:9", api_token="obt_x") as console:
        answer = console.signed_in("owner").send(f"{at}/personal-data", {"purpose": "display"}, page=at)
    assert answer.status_code == 502
    assert "the API is away" in answer.text


def test_who_may_press_which_button(anywhere: System, console: ConsoleServer) -> None:
    (order_id,) = anywhere.imported()
    at = f"/orders/{order_id}"
    buttons = (f"{at}/fetch", f"{at}/send-again", f"{at}/personal-data", "/orders/fetch", "/runs/import")
    console.signed_in("owner")
    viewer, stranger = console.signed_in("vera", "viewer"), console.visitor()
    for page in ("/orders", at, "/runs", "/shipments"):
        assert viewer.get(page).status_code == 200
        assert "Fetch from Amazon" not in viewer.get(page).text
        assert stranger.get(page).headers["location"].startswith("/login?next=")
    for button in buttons:
        assert viewer.send(button, {}, page="/me").status_code == 403
        assert stranger.send(button, {}, page="/login").status_code == 401
        assert viewer.post(button, {}).status_code == 403
    assert not posted(anywhere)
