"""`orderbridge up`: the same house kept standing. Its broker forgets, the house does not."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import select

from orderbridge.database.models import ApiTokenRow
from orderbridge.database.unit_of_work import Database
from orderbridge.demo.books import compare
from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until
from tests.parts.standing_house import StandingHouse

pytestmark = pytest.mark.timeout(400)
ORDERS = 20


def test_it_survives_a_power_cut_in_the_middle_of_a_run(tmp_path: Path) -> None:
    house = StandingHouse(tmp_path, "up", "--speed", "100")
    try:
        house.wait_until_it_stands()
        placed = house.post("sandbox", "/_sandbox/orders", {"count": ORDERS})["order_ids"]
        wait_until(
            lambda: _ask_for_import(house) and len(_orders(house)) >= 1, seconds=120, what="orders arrive", interval=2
        )
        for order in _orders(house)[: ORDERS // 2]:
            _ship(house, order["order_id"])
        house.kill_everything()
    finally:
        house.close()

    again = StandingHouse(tmp_path, "up", "--speed", "100")
    try:
        again.wait_until_it_stands()
        wait_until(
            lambda: _ask_for_import(again) and len(_orders(again)) == ORDERS,
            seconds=120,
            what="all orders arrive",
            interval=2,
        )
        said = {shipment["order_id"] for shipment in again.get("storefront", "/api/books")["shipments"]}
        for order_id in set(placed) - said:
            _ship(again, order_id)
        wait_until(lambda: _answered(again), seconds=150, what="every shipment is answered")
        amazon, store = again.get("sandbox", "/_sandbox/books"), again.get("storefront", "/api/books")
        comparison = compare(amazon, store)
        assert comparison.lost == []
        assert comparison.doubled == []
        assert comparison.repeated <= 1
        assert {shipment["state"] for shipment in store["shipments"]} == {"confirmed"}
    finally:
        again.close()
    assert again.processes() == []


def test_storefront_and_console_open_personal_data_by_a_token_each(tmp_path: Path) -> None:
    house = StandingHouse(tmp_path, "up")
    try:
        house.wait_until_it_stands()
        (file,) = tmp_path.rglob("orderbridge.sqlite")
        with closing(Database(f"sqlite:///{file}")) as database, database.unit_of_work() as work:
            tokens = {row.secret_hash: row.name for row in work.session.scalars(select(ApiTokenRow))}
        started = {}
        for process in psutil.Process(house.process.pid).children(recursive=True):
            if (service := process.cmdline()[-1:]) in (["console"], ["storefront"]):
                secret = process.environ()["ORDERBRIDGE_API_TOKEN"]
                started[service[0]] = tokens[hashlib.sha256(secret.encode()).hexdigest()]
    finally:
        house.close()
    assert started == {"console": "console of this house", "storefront": "storefront of this house"}


def _orders(house: StandingHouse) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.get("storefront", "/api/orders")
    return found


def _ship(house: StandingHouse, order_id: str) -> None:
    number = f"1Z{order_id.replace('-', '')}"
    house.post("storefront", f"/api/orders/{order_id}/ship", {"carrier": "UPS", "tracking_number": number})


def _ask_for_import(house: StandingHouse) -> bool:
    StandingHouse(house.folder, "import", "--no-wait").process.wait(60 * PATIENCE)
    return True


def _answered(house: StandingHouse) -> bool:
    shipments = house.get("storefront", "/api/books")["shipments"]
    return len(shipments) == ORDERS and all(one["state"] in ("confirmed", "rejected") for one in shipments)
