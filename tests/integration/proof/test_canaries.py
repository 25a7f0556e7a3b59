"""The proof: what Amazon told of its buyers is nowhere in plain while it lives, and nowhere at all after day 30.

Every order has canaries, each a word of its own, in every personal field. They travel all roads: imported by the search
and by reports, updated, rejected, retried, dead-lettered, crashed with, exported, logged at debug level in both
formats, measured. Then every byte that has left memory is searched. The control is the same house with its sealing
switched off: there the same search finds every single one.

Amazon's own side, the sandbox, is not searched. The services are processes; the clock is the test's.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from orderbridge.accounts.settings import AccountSettings
from orderbridge.bus.embedded import EmbeddedBroker
from orderbridge.database.models import PersonalDataRow
from orderbridge.recovery.redactions import repair
from orderbridge.vault.key_ring import FolderKeyRing
from orderbridge.vault.keys import installation_key
from orderbridge.vault.seal import SealExpired, open_seal
from sandbox.faults import Fault
from sandbox.placing import OrderWish
from schemas.events import EVENTS
from schemas.imports import ImportDue
from tests.parts.canaries import Flock
from tests.parts.canary_house import CanaryHouse
from tests.parts.kafka import with_java
from tests.parts.leavings import search_rows, search_topics
from tests.parts.mail_server import words
from tests.parts.needles import Search
from tests.parts.postgres import from_wheel
from tests.parts.requirement import Missing, skip_or_fail
from tests.parts.sandbox_server import sandbox_server

DAY = timedelta(days=1)
UPS = "1Z999AA10123456784"
Build = Callable[..., CanaryHouse]


@pytest.fixture
def build(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Build]:
    """Builds the house on the parts that the test is given: PostgreSQL and Kafka, or SQLite and the embedded broker.

    Their data folders must be there to be read: a server in a container does not do.
    """
    with ExitStack() as stack:

        def house(parts: str, **hooks: Any) -> CanaryHouse:
            sandbox = stack.enter_context(sandbox_server())
            if parts == "sqlite":
                url = f"sqlite:///{tmp_path}/database/orderbridge.sqlite"
                servers = EmbeddedBroker().bootstrap_servers
                folders: tuple[Path, ...] = (tmp_path / "database",)
            else:
                url, servers, folders = _servers(stack)
            made = CanaryHouse(
                tmp_path, sandbox, url, servers, data_folders=folders, embedded=parts == "sqlite", **hooks
            )
            return stack.enter_context(closing(made))

        yield house


def _servers(stack: ExitStack) -> tuple[str, str, tuple[Path, ...]]:
    try:
        kafka = stack.enter_context(closing(with_java()))
        postgres = stack.enter_context(closing(from_wheel(["max_connections=200", "fsync=off"])))
    except Missing as missing:
        skip_or_fail("kafka", str(missing))
    assert kafka.data_folder is not None
    assert postgres.data_folder is not None
    return postgres.new_database(), kafka.bootstrap_servers, (kafka.data_folder, postgres.data_folder)


class Trade:
    """What happens at Amazon: `count` orders, some history, one order that nobody can handle."""

    def __init__(self, house: CanaryHouse, count: int) -> None:
        self.house = house
        self.flock = Flock()
        self.orders = house.amazon.place_orders(OrderWish(count=count))
        (self.broken,) = house.amazon.place_orders(OrderWish(hidden=True))
        self.old = house.amazon.place_orders(
            OrderWish(
                count=max(count // 20, 5),
                created_at=house.clock.now() - 60 * DAY,
                spread_over_seconds=DAY.total_seconds(),
                status="SHIPPED",
                history=True,
            )
        )
        for order_id in self.orders:
            house.amazon.change_order(order_id, self.flock.plant)
        others = self.flock.another()  # which no seal is to hold
        for order_id in (self.broken, *self.old):
            house.amazon.change_order(order_id, lambda order, _: others.plant(order, order.updated_at))

    def move(self) -> None:
        """Every buyer moves, and asks to cancel."""
        for order_id in self.orders:
            self.house.amazon.change_order(order_id, self.flock.move)
        self.house.advance(timedelta(minutes=5))


def _import(house: CanaryHouse, topic: str, count: int) -> None:
    """Ask for imports until all is told: the first answer of Amazon's that cannot be read ends in an order less."""
    asked = itertools.count()

    def all_is_told() -> bool:
        if next(asked) % 25 == 0:
            with house.database.unit_of_work() as work:
                work.post(ImportDue(account_id="main", reason="now"), name="test:import")
        return _hurry(house, topic) >= count

    house.wait(all_is_told, seconds=400, what=f"{count} events on {topic}")


def _hurry(house: CanaryHouse, topic: str) -> int:
    """What waits for a minute, an answer of Amazon's that could not be read or a report, waits no longer."""
    house.advance(timedelta(seconds=2))
    return house.published(topic)


def _travel(house: CanaryHouse, trade: Trade) -> None:
    """All roads."""
    for kind in ("truncated_json", "missing_field", "wrong_type", "html_200"):
        house.amazon.faults.add(Fault.model_validate({"operation": "searchOrders", "kind": kind, "count": 1}))
    house.start("console")
    _import(house, "order.imported", len(trade.orders) + len(trade.old))
    with house.database.unit_of_work() as work:
        work.post(ImportDue(account_id="main", reason="order", order_id=trade.broken))
    house.wait(lambda: _hurry(house, "importer.dead-letter") == 1, seconds=60, what="the broken order is a dead letter")
    house.scrape()
    house.stop()
    trade.move()
    house.start("json")
    _import(house, "order.updated", len(trade.orders))
    for order_id, line in zip(trade.orders[:4], ("NOT-OF-IT=1", None, "NOT-OF-IT=2", None), strict=True):
        more = ("--line", line) if line is not None else ()
        house.command("emit", "order.shipped", "--order", order_id, "--carrier", "UPS", "--tracking", UPS, *more)
    house.wait(lambda: _hurry(house, "shipment.rejected") == 2, seconds=60, what="two shipments are rejected")
    house.command("orders", "list", "--json", "--limit", "5000")
    house.command("orders", "list", "--limit", "5000")
    for order_id in (*trade.orders[:5], trade.old[0]):
        house.command("orders", "show", order_id, "--json")
    house.command("runs", "show", "last", "--json")
    house.command("runs", "list", "--json")
    house.command("dead-letters", "list", "--json")
    house.command("privacy", "where-is", trade.orders[0])
    house.command("privacy", "where-is", trade.orders[0], "--json")
    house.tail(2 * len(trade.orders))
    house.wait(lambda: _is_mailed(house), seconds=60, what="the log of a run and a refusal are mailed")
    house.scrape()


def _is_mailed(house: CanaryHouse) -> bool:
    _hurry(house, "mail.due")
    texts = [words(mail) for mail in house.mail.mails]
    return any("imported" in text for text in texts) and any("NOT-OF-IT" in text for text in texts)


def _assert_roads_were_taken(house: CanaryHouse) -> None:
    logs = (house.outputs / "importer.log").read_bytes()
    assert b"handler failed" in logs
    assert b"cannot go on" in logs, "the importer died of a failure that it could not record"
    assert b"builtins.LookupError at " in logs
    assert b'"level": "debug"' in logs or b'"level": "info"' in logs
    assert house.published("importer.retry") > 0


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("parts", "count"),
    [
        ("postgres", 200),
        ("sqlite", 100),
        pytest.param("postgres", 1000, marks=pytest.mark.long),
        pytest.param("sqlite", 1000, marks=pytest.mark.long),
    ],
)
def test_nothing_is_in_plain_and_nothing_outlives_day_30(build: Build, tmp_path: Path, parts: str, count: int) -> None:
    house = build(parts, breaks=[], once=str(tmp_path / "once"))
    house.prepare(
        AccountSettings(enabled=True, import_from=house.clock.now() - 90 * DAY, log_email="boss@shop.example")
    )
    trade = Trade(house, count)
    house._hooks["breaks"] = [trade.broken]
    day_0 = house.clock.now()
    with house.opener() as opener:
        _travel(house, trade)
        _assert_roads_were_taken(house)
        seals = house.seals()
        assert {one.order_id for one in seals} == set(trade.orders)
        assert len({one.seal for one in seals}) == 2 * count
        assert opener.open(seals, day_0) == {"open"}
        assert house.opened_by_api(seals[:100]) == {"open"}
        shutil.copytree(house.settings.key_ring, tmp_path / "ring-of-day-10")
        found = house.search()
        assert found.searched > 20_000 * count
        assert found.places() == {}

        house.advance(30 * DAY - (house.clock.now() - day_0) + timedelta(minutes=1))
        house.wait(lambda: house.published("order.redacted") >= count, seconds=120, what="all are redacted")
        ring = _ring(house)
        house.wait(lambda: ring.alive() == [], seconds=60, what="the keys are destroyed")
        assert not list((house.settings.key_ring / "keys").iterdir())
        assert house.published("order.redacted") == count
        with house.database.unit_of_work() as work:
            kept = select(func.count()).where(PersonalDataRow.seal.is_not(None))
            assert work.session.execute(kept).scalar_one() == 0
        for now in (house.clock.now(), day_0):  # a clock that was set back opens nothing either
            assert opener.open(seals, now) == {"expired"}
        assert house.opened_by_api(seals[:100]) == {"redacted"}
        for one in seals:
            with pytest.raises(SealExpired):
                open_seal(ring, one.order_id, one.seal, day_0)

        house.advance(timedelta(hours=2))  # nobody means to look at these keys any more
        house.wait(lambda: house.unhandled("key.expired", "redactor") == 0, seconds=60, what="the last look")
        _a_ring_of_day_10(house, tmp_path / "ring-of-day-10")
        assert opener.open(seals, house.clock.now()) == {"expired"}
        assert house.opened_by_api(seals[:100]) == {"redacted"}
        _destroy_again(house, ring)
        assert opener.open(seals, day_0) == {"expired"}
    house.command("privacy", "where-is", trade.orders[0], "--json")
    house.scrape()
    assert house.search().places() == {}


def _ring(house: CanaryHouse) -> FolderKeyRing:
    settings = house.settings
    return FolderKeyRing(settings.key_ring, installation_key(settings.need("vault_key")), settings.key_ring_grid)


def _a_ring_of_day_10(house: CanaryHouse, copy: Path) -> None:
    """Somebody restores the folder: the keys are back, the tombstones are gone."""
    shutil.rmtree(house.settings.key_ring)
    shutil.copytree(copy, house.settings.key_ring)
    assert _ring(house).alive()


def _destroy_again(house: CanaryHouse, ring: FolderKeyRing) -> None:
    """By the nightly sweep, which says so; where there is none yet, by what `orderbridge recover` asks for."""
    sweep = EVENTS.get("sweep.due")
    with house.database.unit_of_work() as work:
        if sweep is None:
            repair(work, ring)
        else:
            work.post(sweep())
    house.wait(lambda: ring.alive() == [], seconds=60, what="the keys are destroyed again")
    if sweep is not None:
        assert b"a key should have been dead: destroyed" in (house.outputs / "redactor.log").read_bytes()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("parts", ["postgres", "sqlite"])
def test_the_control_finds_every_canary(build: Build, parts: str) -> None:
    """A search that cannot fail proves nothing."""
    house = build(parts, sealed=False)
    house.prepare(AccountSettings(enabled=True))
    trade = Trade(house, 100)
    house.start("json")
    _import(house, "order.imported", len(trade.orders))
    house.stop()
    assert trade.flock.kept <= house.search().numbers()
    rows, topics = Search(), Search()
    search_rows(house.database, rows)
    search_topics(house.settings, topics)
    for found in (rows, topics):
        assert trade.flock.kept <= found.numbers()
        assert not trade.flock.dropped & found.numbers()
