"""Eight importers and twenty accounts for a virtual day: Amazon never says 429, and every account has its turn.

To keep to a minute of real time one account imports every 5 minutes, most every half hour or hour.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import closing
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import func, select

from orderbridge.accounts.settings import AccountSettings
from orderbridge.database.models import HandlerFailure, OrderRow
from sandbox.clock import ManualClock
from schemas.imports import ImportFinished
from services.ticker.slots import plan_slots, slot_start
from tests.parts.hand_clock import START
from tests.parts.importers import Importers
from tests.parts.many_accounts import ManyAccounts
from tests.parts.sandbox_server import SandboxServer

DAY = timedelta(days=1)
FIVE_MINUTES = timedelta(minutes=5)
MINUTES = [5] + [15] * 3 + [30] * 6 + [60] * 10
"""How often each of the twenty accounts imports."""
BUSY = "seller-19"
RUSH = 2_100
"""Orders within a minute: more pages than Amazon's burst has calls."""
WAITS = timedelta(minutes=20)
"""What the rest of such a rush may wait for Amazon's quota: a call each 179 s."""


@pytest.mark.timeout(240)
def test_no_429_and_nobody_starves(postgres_url: str, tmp_path: Path, sandbox: SandboxServer) -> None:
    clock = ManualClock(START)
    every = {f"seller-{number}": minutes for number, minutes in enumerate(MINUTES)}
    accounts = {
        name: AccountSettings(enabled=True, import_every_minutes=minutes, import_from=START)
        for name, minutes in every.items()
    }
    finished: dict[str, list[datetime]] = defaultdict(list)

    def seen(topic: str, value: bytes) -> None:
        if topic == "import.finished":
            run = ImportFinished.model_validate_json(value)
            if run.kind == "search":
                assert run.problems == ()
                finished[run.account_id].append(run.finished_at)

    house = ManyAccounts(postgres_url, tmp_path, sandbox, accounts, sandbox_clock=clock, clock=clock)
    with (
        closing(house),
        closing(Importers(house.settings, house.database, count=8, scattered=True, seen=seen)) as importers,
    ):
        placed = 0
        for hour in range(24):
            for name in every:
                rush = RUSH if name == BUSY and hour == 9 else 2
                placed += len(house.place_orders(name, rush))
            _let_pass(house, importers, clock, START + timedelta(hours=hour + 1))
        _let_pass(house, importers, clock, START + DAY + timedelta(minutes=1))  # the slots at its end
        assert house.throttled() == {}
        with house.database.unit_of_work() as work:
            assert work.session.scalars(select(HandlerFailure.exception)).all() == []
            kept = work.session.scalar(select(func.count()).select_from(OrderRow))
        assert importers.published["order.imported"] == kept == placed
        assert set(importers.outcomes) <= {"handled", "given-back"}, importers.outcomes
    for name, minutes in every.items():
        longest = timedelta(minutes=minutes) + (WAITS if name == BUSY else timedelta(minutes=1))
        moments = [START, *finished[name], START + DAY]
        assert max(after - before for before, after in pairwise(moments)) <= longest, name


def _let_pass(house: ManyAccounts, importers: Importers, clock: ManualClock, end: datetime) -> None:
    """What falls due on the way happens at its own moment; slots are planned when one begins."""
    while clock.now() < end:
        plan_slots(house.database)
        importers.run_until_idle()
        next_slot = slot_start(clock.now(), FIVE_MINUTES) + FIVE_MINUTES
        soonest = min(next_slot, importers.next_due or end, end)
        clock.advance(max((soonest - clock.now()).total_seconds(), 0.001))
