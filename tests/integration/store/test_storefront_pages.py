"""The storefront's pages over HTTP: every kind of order, forged forms, and scripts in what Amazon supplies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.personal_data import PersonalDataState
from tests.parts.contract import EXAMPLES
from tests.parts.storefront import BEGINNING, ITEM, ORDER, Pages, Scribe

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
EXAMPLE = EXAMPLES["order.imported"]
PAGES = ("/", f"/orders/{ORDER}", f"/orders/{ORDER}?package=P1", "/stock", "/sales", "/alerts", "/nothing-here")
FORM = {"package_id": "P1", "carrier": "UPS", "tracking_number": "1Z999AA10123456784", f"units {ITEM}": "2"}


@pytest.fixture
def scribe(tmp_path: Path) -> Scribe:
    """The store's books, and who writes into them."""
    return Scribe(tmp_path / "storefront.sqlite")


@pytest.fixture
def pages(scribe: Scribe, tmp_path: Path) -> Iterator[Pages]:
    """Its pages."""
    with Pages(tmp_path / "storefront.sqlite", public_url="https://console.example.com") as pages:
        yield pages


def test_every_page_answers_with_its_policy_and_links_to_the_settings(pages: Pages, scribe: Scribe) -> None:
    for path in PAGES[:1] + PAGES[3:]:  # an empty store, too
        assert pages.get(path).status_code == (404 if path == "/nothing-here" else 200), path
    scribe.read("order.imported")
    scribe.ship("s1", package_id="P1")
    for path in PAGES:
        answer = pages.get(path)
        assert answer.status_code == (404 if path == "/nothing-here" else 200), path
        assert "script-src" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.headers["Cache-Control"] == "no-store"
        assert 'href="https://console.example.com/accounts/main/settings"' in answer.text, path
    assert pages.get("/orders/none").status_code == 404
    assert pages.get("/api/orders/none").json() == {"detail": "No such order."}
    assert pages.get("/", headers={"Host": "rebound.example"}).status_code == 400


def test_orders_stand_in_their_queues_with_amazons_prefix(pages: Pages, scribe: Scribe) -> None:
    for number, name in ((2, "New"), (3, "Unpaid"), (4, "Hold"), (5, "A queue of next year")):
        status = {"id": str(number), "name": name}
        store = {**EXAMPLE["store"], "status": status, "order_number": f"AMZ-{number}"}
        scribe.read("order.imported", order_id=str(number), store=store)
    for name, number in (("New", 2), ("Unpaid", 3), ("A queue of next year", 5)):
        page = pages.get("/", params={"queue": name}).text
        assert f">AMZ-{number}</a>" in page
        assert page.count(">AMZ-") == 1
    assert "No order is in this queue." in pages.get("/?queue=none").text


def test_an_order_that_amazon_fulfils_reads_fba_orders_with_a_blank_address(pages: Pages, scribe: Scribe) -> None:
    fba = PersonalDataState.none().model_dump(mode="json", exclude_none=True)
    scribe.read("order.imported", fulfilled_by="amazon", personal_data=fba)
    page = pages.get(f"/orders/{ORDER}").text
    for name, value in (("First name", "FBA Orders"), ("Last name", "FBA Orders"), ("Address", ""), ("City", "")):
        assert f"<dt>{name}</dt><dd>{value}</dd>" in page
    assert "Ship a package" not in page


def test_a_redacted_order_reads_amazon_replaced_with_its_amounts_and_products(pages: Pages, scribe: Scribe) -> None:
    gone = PersonalDataState.redacted(BEGINNING, "US").model_dump(mode="json", exclude_none=True)
    scribe.read("order.imported", personal_data=gone)
    page = pages.get(f"/orders/{ORDER}").text
    for name in ("First name", "Last name", "Address", "Postal code", "City", "Phone", "E-mail"):
        assert f"<dt>{name}</dt><dd>Amazon Replaced</dd>" in page
    assert "<dt>Country</dt><dd>US</dd>" in page
    assert "24.97 USD" in page
    assert "Mug, blue" in page


def test_a_seal_that_cannot_be_opened_is_said_and_nothing_else_fails(pages: Pages, scribe: Scribe) -> None:
    scribe.read("order.imported")
    page = pages.get(f"/orders/{ORDER}")
    assert page.status_code == 200
    assert "Sealed, and not to be opened just now: No API is known" in page.text


def test_a_script_in_what_amazon_supplies_is_text_on_every_page(pages: Pages, scribe: Scribe) -> None:
    line = {**EXAMPLE["lines"][0], "title": EVIL, "sku": EVIL, "asin": EVIL}
    choices: dict[str, Any] = {
        name: {"id": "1", "name": EVIL} for name in ("status", "payment_type", "shipping_method")
    }
    store = {**EXAMPLE["store"], **choices, "order_number": EVIL, "suppress_order_alerts": False}
    store["inventory"] = "deduct_on_import"
    totals = {**EXAMPLE["totals"], "currency": EVIL}
    scribe.read("order.imported", lines=[line], store=store, totals=totals, account_id=EVIL)
    scribe.ship("s1", package_id=EVIL, tracking_number=EVIL, carrier=EVIL)
    told = {"order_id": ORDER, "caused_by": "s1", "message": EVIL, "what_to_do": EVIL, "reason": EVIL}
    scribe.read("shipment.warned", **told)
    scribe.read("shipment.rejected", **told)
    scribe.read("shipment.due-soon", why=EVIL, what_to_do=EVIL)
    seen = ""
    for path in (*PAGES, f"/?queue={EVIL}", f"/orders/{ORDER}?package={EVIL}"):
        page = pages.get(path).text
        assert "<script" not in page
        assert "<img" not in page
        seen += page
    assert seen.count("&lt;script&gt;alert(1)") > 30


# --- forms


def test_the_ship_form_sends_what_it_says_and_shows_the_package(pages: Pages, scribe: Scribe) -> None:
    scribe.read("order.imported")
    answer = pages.send(f"/orders/{ORDER}", FORM | {"ship_date": "2026-11-24"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/orders/{ORDER}#packages")
    ((shipment, event),) = scribe.books.unsent()
    assert (event.account_id, event.package_id, event.carrier) == ("main", "P1", "UPS")
    assert (str(event.ship_date), event.lines[0].order_item_id, event.lines[0].quantity) == ("2026-11-24", ITEM, 2)
    page = pages.get(f"/orders/{ORDER}").text
    assert "Waits for Kafka." in page
    assert 'value="P2"' in page, "the next package has another name"
    pages.post_json(f"/api/orders/{ORDER}/ship", {"package_id": "P3", "carrier": "UPS", "tracking_number": "1Z"})
    pages.post_json(f"/api/orders/{ORDER}/ship", {"package_id": "P2", "carrier": "UPS", "tracking_number": "1Z"})
    assert 'value="P4"' in pages.get(f"/orders/{ORDER}").text
    scribe.read("shipment.rejected", caused_by=shipment.event_id)
    page = pages.get(f"/orders/{ORDER}?package=P1").text
    for words in (EXAMPLES["shipment.rejected"]["message"], EXAMPLES["shipment.rejected"]["what_to_do"]):
        assert words.replace("`", "") in page
    assert 'value="1Z999AA10123456784"' in page
    assert 'value="2026-11-24"' in page


def test_a_package_takes_the_place_of_another_only_where_that_was_meant(pages: Pages, scribe: Scribe) -> None:
    scribe.read("order.imported")
    other = FORM | {"tracking_number": "1Z999AA10123456793"}
    assert pages.send(f"/orders/{ORDER}", FORM).status_code == 303
    for corrects in ("", "P2"):  # two clerks have had the form open, which offered both of them P1
        answer = pages.send(f"/orders/{ORDER}", other | {"corrects": corrects})
        assert answer.status_code == 422
        assert "A package P1 of this order has been sent already" in answer.text
        assert 'value="1Z999AA10123456793"' in answer.text
    assert 'name="corrects" value=""' in pages.get(f"/orders/{ORDER}").text
    assert 'name="corrects" value="P1"' in pages.get(f"/orders/{ORDER}?package=P1").text
    assert pages.send(f"/orders/{ORDER}", other | {"corrects": "P1"}).status_code == 303
    assert pages.send(f"/orders/{ORDER}", FORM | {"package_id": "P2", "corrects": "P1"}).status_code == 303
    numbers = [event.tracking_number for _, event in scribe.books.unsent()]
    assert numbers == [FORM["tracking_number"], other["tracking_number"], FORM["tracking_number"]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({f"units {ITEM}": "0"}, "Say what is in the package"),
        ({f"units {ITEM}": "-1"}, "Say what is in the package"),
        ({f"units {ITEM}": "9" * 5000}, ""),
        ({"carrier": ""}, "carrier: Field required"),
        ({"carrier": "x" * 201}, "carrier: String should have at most 200 characters"),
        ({"ship_date": "soon"}, "ship date: "),
        ({"tracking_number": "1\r\n2"}, "tracking number: "),
    ],
)
def test_a_form_that_is_wrong_says_why_and_keeps_what_was_typed(
    pages: Pages, scribe: Scribe, changes: dict[str, str], words: str
) -> None:
    scribe.read("order.imported")
    answer = pages.send(f"/orders/{ORDER}", FORM | changes)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert words in answer.text
    assert 'value="P1"' in answer.text
    assert scribe.books.unsent() == []


@pytest.mark.parametrize("path", [f"/orders/{ORDER}", "/test-orders", "/stock"])
@pytest.mark.parametrize(
    "forged",
    [
        {"token": ""},
        {"token": "forged"},
        {"token": "ä"},
        {"headers": {"Origin": "https://evil.example"}},
        {"headers": {"Origin": "null"}},
        {"headers": {"Origin": ""}},
        {"headers": {"Sec-Fetch-Site": "cross-site"}},
        {"headers": {"Sec-Fetch-Site": "same-site"}},
    ],
    ids=lambda forged: repr(forged)[1:-1],
)
def test_a_forged_form_changes_nothing(pages: Pages, scribe: Scribe, path: str, forged: dict[str, Any]) -> None:
    scribe.read("order.imported")
    before = scribe.stock()
    answer = pages.send(path, FORM | {"sku": "MUG-BLUE", "units": "1"}, **forged)
    assert answer.status_code == 403
    assert "Nothing was changed" in answer.text
    assert (len(scribe.books.orders()), scribe.books.unsent(), scribe.stock()) == (1, [], before)
    assert pages.send(path, FORM | {"sku": "MUG-BLUE", "units": "1"}).status_code == 303, "as it is, it is taken"


def test_another_site_cannot_ship_by_the_api_either(pages: Pages, scribe: Scribe) -> None:
    scribe.read("order.imported")
    form = {"carrier": "UPS", "tracking_number": "1Z"}
    path, foreign = f"/api/orders/{ORDER}/ship", {"Origin": "https://evil.example"}
    assert pages.post_json(path, form, headers=foreign).status_code == 403
    assert pages.post_json(path, form, headers={"Content-Type": "text/plain"}).status_code == 422
    assert pages.post_json(path, {**form, "carrier": "x" * 300_000}).status_code == 413
    assert scribe.books.unsent() == []
    assert pages.post_json(path, form).status_code == 202


# --- the shop's own orders, stock, sales


def test_a_test_order_alerts_and_is_sold_and_not_shipped_to_amazon(pages: Pages, scribe: Scribe) -> None:
    scribe.read("order.imported")
    scribe.read("account.settings", exclude_from_sales_reports=True)
    assert "No alert has gone out." in pages.get("/alerts").text
    location = pages.send("/test-orders", {}).headers["Location"]
    page = pages.get(location).text
    assert "Ship a package" not in page
    assert [one["order_id"] for one in pages.get("/api/orders").json()] == [ORDER], "the demo's books are Amazon's"
    assert list(pages.get("/api/books").json()["orders"]) == [ORDER]
    alerts = pages.get("/alerts").text
    assert alerts.count("New order") == 1
    assert "none for the 1 that came from there" in alerts
    sales = pages.get("/sales").text
    assert "1 order, 19.98 USD in all" in sales
    assert "1 Amazon order left out" in sales
    assert sales.count("<rect") == 1
    assert pages.get("/api/sales").json() == {
        "currencies": [{"currency": "USD", "orders": 1, "total": "19.98"}],
        "orders_not_considered": 1,
    }


def test_the_stock_is_counted_by_a_form(pages: Pages, scribe: Scribe) -> None:
    scribe.read("order.imported", store={**EXAMPLE["store"], "inventory": "deduct_on_import"})
    pages.send("/stock", {"sku": "MUG-BLUE", "units": "12"})
    for wrong in ({"sku": "MUG-BLUE", "units": "-1"}, {"sku": "", "units": "1"}, {"sku": "MUG-BLUE", "units": "x"}):
        assert pages.send("/stock", wrong).status_code == 303
    assert scribe.stock() == {"MUG-BLUE": 12}
    page = pages.get("/stock").text
    assert page.count("counted") == 1
    assert 'class="figure">-86</td>' in page


def test_a_disconnected_account_is_said(pages: Pages, scribe: Scribe) -> None:
    scribe.read("account.settings", connected=False)
    assert "main is disconnected" in pages.get("/").text
    scribe.read("account.settings", connected=True)
    assert "disconnected" not in pages.get("/").text
