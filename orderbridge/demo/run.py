"""Runs the demo: buyers order, the importer imports, the merchant ships, Amazon confirms, personal data dies."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from sqlalchemy import func, select

from orderbridge.accounts.settings import AccountSettings
from orderbridge.database.models import OutboxRow
from orderbridge.demo.books import Comparison, compare
from orderbridge.demo.merchant import DE, Buyers, Merchant
from orderbridge.demo.view import picture, summary
from orderbridge.first_look import first_look
from orderbridge.house import House, Plan, clean
from orderbridge.http_session import request
from orderbridge.plural import number_of
from schemas.imports import ImportDue

_LIMIT = timedelta(minutes=3)
_IMPORT_EVERY = 3.0


def run_demo(
    orders: int,
    data: Path,
    speed: int,
    report_file: Path | None,
    stop: threading.Event,
    console: Console,
    *,
    stay: bool,
) -> tuple[bool, dict[str, Any]]:
    """Run the loop once, showing it on `console`: whether the books agree, and the report.

    With `stay` the house is kept for a look until `stop`. Raises HouseError.
    """
    began = time.monotonic()
    store = data / "demo"
    clean(store)
    settings = AccountSettings(
        enabled=True, import_fba=True, import_from=datetime.now(UTC) - timedelta(days=31), import_every_minutes=60
    )
    plan = Plan(data, store, store / "key-ring", timedelta(seconds=1), speed, sandbox=True, account=settings)
    house = House(plan, stop, lambda text: console.print(f"[dim]{text}[/dim]"))
    try:
        house.start()
        console.print("[dim]Kafka: librdkafka's embedded broker. Database: SQLite. Amazon: the sandbox.[/dim]")
        look = first_look(house.addresses, house.first_owner_link)
        console.print(f"\n{look}\n", markup=False, highlight=False, soft_wrap=True)
        demo = _Demo(house, console, stop)
        demo.go(orders)
        console.print()
        report, comparison = demo.report(time.monotonic() - began)
        summary(console, report, comparison)
        if report_file is not None:
            report_file.write_text(json.dumps(report, indent=2) + "\n")
        if stay and not stop.is_set():
            console.print("\nIt stays for a look around; [bold]Ctrl-C[/bold] ends it.\n")
            console.print(f"{look}\n", markup=False, highlight=False, soft_wrap=True)
            while not stop.wait(0.5):
                house.watch()
        return comparison.agree and demo.finished, report
    finally:
        house.stop()


@dataclass
class _Demo:
    house: House
    console: Console
    stop: threading.Event
    finished: bool = False

    def __post_init__(self) -> None:
        self.sandbox, self.storefront = self.house.addresses["sandbox"], self.house.addresses["storefront"]
        self.buyers, self.merchant = Buyers(self.sandbox), Merchant(self.storefront)
        self._asked_at = 0.0
        self._corrected: set[str] = set()

    def go(self, orders: int) -> None:
        """Order, import, ship, and wait until all has come round."""
        self.buyers.order(orders)
        end = time.monotonic() + _LIMIT.total_seconds() + orders / 20
        with Live(console=self.console, refresh_per_second=4, transient=False) as live:
            while time.monotonic() < end and not self.stop.is_set():
                self.house.watch()
                self._import_now()
                books = self._get(self.storefront, "/api/books")
                arrived = self._get(self.storefront, "/api/orders")
                self.merchant.ship_what_came(arrived)
                self._mend_mistakes(arrived, books)
                lines = self._lines(arrived, books)
                live.update(picture(lines, self._headline(lines)))
                if all(_is_done(line) for line in lines) and self.merchant.notes:
                    self.finished = True
                    return
                self.stop.wait(0.25)

    def report(self, seconds: float) -> tuple[dict[str, Any], Comparison]:
        """The report of the design, §8, counted from both books."""
        amazon, store = self._get(self.sandbox, "/_sandbox/books"), self._get(self.storefront, "/api/books")
        calls = self._get(self.sandbox, "/_sandbox/calls")["operations"]
        comparison = compare(amazon, store)
        kinds = Counter(kind for order in store["orders"].values() for kind in order["events"])
        states = Counter(shipment["state"] for shipment in store["shipments"])
        with self.house.database.unit_of_work() as work:
            dead = select(func.count()).where(OutboxRow.topic.endswith(".dead-letter"))
            held = select(func.count()).where(OutboxRow.topic == "shipment.held")
            dead_letters, times_held = (work.session.execute(query).scalar_one() for query in (dead, held))
        report = {
            "orders": {
                "placed": len(amazon["orders"]),
                "imported": len(store["orders"]),
                "updated": kinds["order.updated"],
                "redacted": kinds["order.redacted"],
            },
            "shipments": {
                "emitted": len(store["shipments"]),
                "confirmed": states["confirmed"],
                "rejected": states["rejected"],
                "held": times_held,
            },
            "amazon": {
                "calls": sum(operation["calls"] for operation in calls.values()),
                "throttled": sum(operation["throttled"] for operation in calls.values()),
            },
            "dead_letters": dead_letters,
            "lost": len(comparison.lost),
            "doubled": len(comparison.doubled),
            "repeated": comparison.repeated,
            "seconds": round(seconds, 1),
        }
        return report, comparison

    def _import_now(self) -> None:
        """Press the button every few seconds; nobody waits for the hour."""
        if time.monotonic() - self._asked_at > _IMPORT_EVERY:
            self._asked_at = time.monotonic()
            with self.house.database.unit_of_work() as work:
                work.post(ImportDue(account_id="main", reason="now"), name="demo:import")

    def _mend_mistakes(self, arrived: list[dict[str, Any]], books: dict[str, Any]) -> None:
        refused = {one["order_id"] for one in books["shipments"] if one["state"] == "rejected"}
        for order in arrived:
            order_id = order["order_id"]
            if order_id in refused - self._corrected and self.merchant.notes.get(order_id) == "a mistake":
                self._corrected.add(order_id)
                self.merchant.notes[order_id] = "a mistake, rejected, then mended"
                self.merchant.correct(order_id, order["lines"][0]["order_item_id"])

    def _lines(self, arrived: list[dict[str, Any]], books: dict[str, Any]) -> list[dict[str, str]]:
        by_id = {order["order_id"]: order for order in arrived}
        shipments: dict[str, list[str]] = {}
        for one in books["shipments"]:
            shipments.setdefault(one["order_id"], []).append(one["state"])
        return [
            self._line(order_id, note, by_id.get(order_id), shipments.get(order_id, []))
            for order_id, note in self.buyers.placed.items()
        ]

    def _line(self, order_id: str, note: str, order: dict[str, Any] | None, states: list[str]) -> dict[str, str]:
        personal = {"sealed": "sealed", "redacted": "Amazon Replaced", "none": "FBA Orders"}
        return {
            "order": order_id,
            "market": ("DE" if order["marketplace_id"] == DE else "US") if order else "",
            "state": order_state(order, states),
            "personal": personal.get(order["personal_data"], "") if order else "",
            "note": ", ".join(filter(None, (note, self.merchant.notes.get(order_id)))),
        }

    def _headline(self, lines: list[dict[str, str]]) -> str:
        done = sum(_is_done(line) for line in lines)
        return f"{number_of(len(lines), 'order')} at Amazon, {done} all the way round"

    @staticmethod
    def _get(base: str, path: str) -> Any:
        answer = request("GET", base + path, timeout=30)
        answer.raise_for_status()
        return answer.json()


def order_state(order: dict[str, Any] | None, shipments: list[str]) -> str:
    """How far an order has come: as the store has it (None: not yet), with the states of its shipments."""
    if order is None:
        return "placed"
    waiting = [state for state in shipments if state not in ("confirmed", "rejected")]
    if waiting:  # even if Amazon calls it shipped: the answer may be read after the import's news
        return "held" if waiting[0] == "held" else "shipped"
    if order["amazon_status"] == "shipped":
        return "at Amazon"
    return shipments[-1] if shipments else "imported"


def _is_done(line: dict[str, str]) -> bool:
    if "fulfilled by Amazon" in line["note"]:
        return line["state"] != "placed"
    if "30 days old" in line["note"] and line["personal"] != "Amazon Replaced":
        return False
    return line["state"] == "at Amazon"
