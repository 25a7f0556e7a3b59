"""The console's pages of runs and shipments: each filter, paging, what is late, and words that attack a browser."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import insert, select, update

from orderbridge.database.models import OrderRow, OutboxRow, PackageRow, Run, RunLineRow
from schemas.imports import ImportDue
from schemas.orders import OrderDocument
from tests.parts.console import ConsoleServer, Visitor
from tests.parts.in_process import System

_RUN = re.compile(r'data-label="Began" class="whole"><a href="/runs/([^"?]+)"')
_PACKAGE = re.compile(r'data-label="Order" class="id"><a href="/orders/([^"?]+)">\1<')
_LINE = re.compile(r'data-label="Order" class="id">(?:<a href="/orders/[^"]+">)?([^<]+)<')
_NEXT = re.compile(r'href="([^"]+)">Next page')
CANARY = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def rows(visitor: Visitor, path: str, row: re.Pattern[str]) -> list[str]:
    """What is on the pages from that one on, to the last."""
    found: list[str] = []
    for _ in range(50):
        answer = visitor.get(path)
        assert answer.status_code == 200, answer.text
        found += row.findall(answer.text)
        link = _NEXT.search(answer.text)
        if link is None:
            return found
        path = unescape(link[1])
    raise AssertionError("it never ends")


def add_runs(
    system: System, count: int, *, kind: str = "search", problems: int = 0, account: str = "main"
) -> list[str]:
    """Runs that ended at one and the same moment."""
    told = {"counts": {"seen": 0}, "amazon_calls": 1, "waited_seconds": 0, "problems": ["a problem"] * problems}
    ids = [f"{kind}-{account}-{problems}-{number:03}" for number in range(count)]
    with system.database.unit_of_work() as work:
        common = {"kind": kind, "account_id": account, "started_at": work.now, "finished_at": work.now}
        common |= {"progress": json.dumps(told), "problems": problems}
        work.session.execute(insert(Run), [{"run_id": run_id, **common} for run_id in ids])
    return ids


def test_runs_by_each_filter_and_page(anywhere: System, operator: Visitor) -> None:
    plain = add_runs(anywhere, 70)
    bad = add_runs(anywhere, 60, kind="history", problems=2)
    assert sorted(rows(operator, "/runs", _RUN)) == sorted(plain + bad)
    assert sorted(rows(operator, "/runs?account=main&kind=history", _RUN)) == sorted(bad)
    assert sorted(rows(operator, "/runs?problems=yes", _RUN)) == sorted(bad)
    assert rows(operator, "/runs?kind=search&problems=yes", _RUN) == []
    for wrong in ("account=other", "kind=unknown", "problems=1"):
        assert operator.get(f"/runs?{wrong}").status_code == 400


def test_a_run_that_met_with_a_problem_is_among_them(anywhere: System, operator: Visitor) -> None:
    anywhere.amazon.change_account("main", roles=["Inventory and Order Tracking"])
    anywhere.imported(count=2)
    (run_id,) = rows(operator, "/runs?problems=yes", _RUN)
    assert "Problems" in operator.get(f"/runs/{run_id}").text


def test_the_lines_of_a_run_problems_first(anywhere: System, operator: Visitor) -> None:
    (run_id,) = add_runs(anywhere, 1)
    lines = [{"order_id": f"O{number:03}", "did": "skipped", "reason": "pending"} for number in range(130)]
    lines[100] |= {"problem": "It cannot be read."}
    with anywhere.database.unit_of_work() as work:
        values = [{"run_id": run_id, "rank": 0 if "problem" in line else 2, "line": json.dumps(line)} for line in lines]
        work.session.execute(insert(RunLineRow), values)
    found = rows(operator, f"/runs/{run_id}", _LINE)
    assert found[0] == "O100"
    assert sorted(found) == [line["order_id"] for line in lines]


def test_import_now(anywhere: System, operator: Visitor) -> None:
    (order_id,) = anywhere.place_orders()
    anywhere.advance(180)
    answer = operator.send("/runs/import", {"account": "main"}, page="/runs")
    assert "The import is asked for." in operator.get(answer.headers["location"]).text
    anywhere.run_until_idle()
    assert operator.get(f"/orders/{order_id}").status_code == 200
    anywhere.set_account(enabled=False)
    refused = operator.send("/runs/import", {"account": "main"}, page="/runs")
    assert (refused.status_code, "The import of main is off." in refused.text) == (422, True)
    posted = select(OutboxRow.body).where(OutboxRow.topic == "import.due", OutboxRow.name == "import-now:main")
    with anywhere.database.unit_of_work() as work:
        asked = [ImportDue.model_validate_json(body) for body in work.session.scalars(posted)]
    assert [due.reason for due in asked] == ["now"]


def test_shipments_by_each_filter(anywhere: System, operator: Visitor) -> None:
    taken, refused, waiting = anywhere.imported(count=3, lines=[{"sku": "MUG-BLUE", "quantity": 1}])
    anywhere.store_says(order_id=taken)
    anywhere.run_until_idle()
    anywhere.fault("confirmShipment", "400")
    anywhere.store_says(order_id=refused)
    anywhere.run_until_idle()
    anywhere.store_says(order_id=waiting, ship_date=(anywhere.now + timedelta(hours=30)).isoformat())
    anywhere.run_until_idle()
    expected = {"": {refused, waiting}, "confirmed": {taken}, "refused": {refused}, "waiting": {waiting}, "held": set()}
    for state, orders in expected.items():
        assert set(rows(operator, f"/shipments?account=main&state={state}", _PACKAGE)) == orders, state
    page = unescape(operator.get("/shipments?state=refused").text)
    assert "Send again" in page
    for wrong in ("account=other", "state=rejected"):
        assert operator.get(f"/shipments?{wrong}").status_code == 400


@pytest.mark.parametrize("dated", [True, False])
def test_packages_are_paged_to_the_last(anywhere: System, operator: Visitor, dated: bool) -> None:
    order_ids = anywhere.imported(count=115, lines=[{"sku": "MUG-BLUE", "quantity": 1}])
    with anywhere.database.unit_of_work() as work:
        work.session.execute(update(OrderRow).values(ship_by=None))
    for order_id in order_ids:
        anywhere.store_says(order_id=order_id, ship_date=(anywhere.now + timedelta(hours=30)).isoformat())
    anywhere.run_until_idle()
    with anywhere.database.unit_of_work() as work:
        dateless = [] if dated else order_ids[:60]
        work.session.execute(update(PackageRow).values(ship_by=anywhere.now))
        work.session.execute(update(PackageRow).where(PackageRow.order_id.in_(dateless)).values(ship_by=None))
    found = rows(operator, "/shipments?state=waiting", _PACKAGE)
    assert sorted(found) == sorted(order_ids)
    assert set(found[115 - len(dateless) :]) == set(dateless)
    with anywhere.database.unit_of_work() as work:
        work.session.execute(update(PackageRow).values(state="confirmed", confirmed_at=anywhere.now))
    assert sorted(rows(operator, "/shipments?state=confirmed", _PACKAGE)) == sorted(order_ids)


def test_what_is_late_stands_first_and_says_why(anywhere: System, operator: Visitor) -> None:
    untouched, refused = anywhere.imported(count=2, lines=[{"sku": "MUG-BLUE", "quantity": 1}])
    anywhere.fault("confirmShipment", "400")
    anywhere.store_says(order_id=refused)
    anywhere.run_until_idle()
    assert 'id="late"' not in operator.get("/shipments").text
    ship_by = anywhere.store.orders[untouched].ship_by
    assert ship_by is not None
    anywhere.advance((ship_by - anywhere.now).total_seconds() + 3600)
    operator.sign_in("olga")
    page = operator.get("/shipments").text
    late = page[page.index('id="late"') : page.index("<h2>Packages")]
    assert untouched in late
    assert "the store has not shipped it" in late
    assert "refused" in late
    assert 'id="late"' not in operator.get("/shipments?state=held").text


def test_words_that_attack_a_browser(anywhere: System, operator: Visitor, console: ConsoleServer) -> None:
    (order_id,) = anywhere.imported(lines=[{"sku": "MUG-BLUE", "quantity": 1}])
    anywhere.fault("confirmShipment", "400")
    anywhere.store_says(
        order_id=order_id, carrier=CANARY, tracking_number=CANARY, package_id=CANARY[:90], store_order_number=CANARY
    )
    anywhere.run_until_idle()
    (run_id,) = add_runs(anywhere, 1, problems=1)
    with anywhere.database.unit_of_work() as work:
        row = work.session.get_one(OrderRow, order_id)
        document = OrderDocument.model_validate_json(row.document).model_dump(mode="json", exclude_none=True)
        document["lines"][0] |= {"title": CANARY, "sku": CANARY}
        document["store"]["status"]["name"] = document["store"]["order_number"] = CANARY
        document["ship_to_region"] = CANARY
        row.document, row.queue = json.dumps(document), CANARY
        package = work.session.scalars(select(PackageRow)).one()
        content = json.loads(package.content)
        content["refusal"] = {"reason": CANARY, "message": CANARY, "what_to_do": CANARY}
        package.content, package.state = json.dumps(content), "rejected"
        for event in work.session.scalars(select(OutboxRow).where(OutboxRow.topic == "shipment.rejected")):
            told = {**json.loads(event.body), "reason": CANARY, "message": CANARY, "what_to_do": CANARY}
            event.body = json.dumps({**told, "amazon": {"message": CANARY}})
        line = {"order_id": CANARY, "did": "skipped", "problem": CANARY, "status": CANARY, "missing": [CANARY]}
        work.session.execute(insert(RunLineRow), [{"run_id": run_id, "rank": 0, "line": json.dumps(line)}])
        log = json.loads(work.session.get_one(Run, run_id).progress) | {"problems": [CANARY], "kind": "search"}
        log |= {
            "run_id": run_id,
            "account_id": "main",
            "counts": {},
            "skipped_because": [{"reason": CANARY, "orders": 1}],
        }
        log |= dict.fromkeys(("started_at", "finished_at", "updated_after"), "2026-11-24T09:00:00Z")
        work.session.get_one(Run, run_id).log = json.dumps(log)
    pages = ("/orders", f"/orders/{order_id}", "/runs", f"/runs/{run_id}", "/shipments", "/shipments?state=refused")
    for page in pages:
        answer = operator.get(page)
        assert answer.status_code == 200, page
        assert "<script" not in answer.text, page
        assert "<img" not in answer.text, page
        assert page == "/runs" or "&lt;script&gt;" in answer.text, page
    for path in ("/orders?number=", "/orders?status=queue:", "/orders?told=", "/runs?told="):
        assert "<script" not in operator.get(path + CANARY).text
