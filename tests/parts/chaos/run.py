"""A run: the house, its trade and all that befalls it, until it is idle again; then the books are compared."""

from __future__ import annotations

import json
import platform
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from tests.parts.chaos import books
from tests.parts.chaos.faults import Faults, clear_faults, remove_groups
from tests.parts.chaos.house import ChaosHouse
from tests.parts.chaos.schedule import AMAZONS_WIRE, STOP, Schedule, Size
from tests.parts.chaos.trade import Trade
from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until

_PROGRESS_EVERY = 15.0
_IMPORT_EVERY = 4.0
_SHOWN = 15


@dataclass
class Run:
    """One run; `house` is not started yet."""

    house: ChaosHouse
    size: Size
    schedule: Schedule

    def __call__(self) -> dict[str, Any]:
        """The result, printed as a line of JSON. Raises AssertionError naming everything that is not as it must be."""
        print(f"ORDERBRIDGE_CHAOS_SEED={self.schedule.seed} replays this:\n{self.schedule}", flush=True)
        began = time.monotonic()
        with closing(self.house):
            try:
                self.house.start()
                return self._go(began)
            finally:
                remove_groups()

    def _go(self, began: float) -> dict[str, Any]:
        size = self.size
        trade = Trade(self.house, self.schedule.seed, size.orders, size.lasts, size.day_30, _IMPORT_EVERY)
        trade.start()
        try:
            # A tenth of the orders comes in a tenth of the time.
            wait_until(trade.shipping, seconds=120 + size.lasts, what="a tenth of the orders is shipped", interval=0.2)
            faults = Faults(self.house, self.schedule)
            progress = _Progress(trade, faults)
            while faults.go_on():
                progress.tell()
                time.sleep(0.1)
            chaos = time.monotonic() - began
            waiting = self._drain(trade, faults, progress)
            drained = time.monotonic() - began - chaos
        finally:
            trade.stop()
        found, figures = books.differences(self.house, trade)
        canaries = books.canaries_at_amazon(self.house.folder / "sandbox")
        search = books.plaintext(self.house)
        found += [f"plaintext: {count} canaries in {place}" for place, count in search.places().items()]
        found += [] if canaries else ["no canary at Amazon: the search for personal data says nothing"]
        found += [f"not over after {drained:.0f} s: {waiting}"] if waiting else []
        calls = self.house.get(f"{self.house.sandbox}/_sandbox/calls")["operations"]
        result = {
            "seed": self.schedule.seed,
            "machine": f"{platform.machine()}, {platform.system()} {platform.release()}",
            "faults": dict(sorted(faults.done.items())),
            "kills": faults.kills,
            "refused_for_space": self.house.postgres.refused_for_space(),
            "killed_by_the_kernel": faults.by_kernel,
            "ended_by_themselves": dict(faults.ended_by_themselves),
            "left_out": dict(faults.left_out),
            "clocks_apart_seconds": self.schedule.apart,
            "wall_seconds": round(time.monotonic() - began, 1),
            "drain_seconds": round(drained, 1),
            "compared": {**figures, "canaries": canaries, "bytes_searched": search.searched},
            "calls": {name: operation["by_status"] for name, operation in calls.items()},
            **{f"{kind}": sum(line.startswith(f"{kind}:") for line in found) for kind in _KINDS},
        }
        print(f"\n{json.dumps(result)}", flush=True)
        # Whoever is unsure asks first: what is sent again unasked was on its way when its shipper, or its wire, went.
        repeated, most = figures["identical_calls_of_what_was_never_corrected"], _may_repeat(faults)
        if repeated > most:
            found.append(f"doubled: {repeated} identical calls, where {most} faults may hide an answer")
        assert not found, f"seed {self.schedule.seed}:\n" + "\n".join(_some_of_each_kind(found))
        return result

    def _drain(self, trade: Trade, faults: Faults, progress: _Progress) -> str:
        """Until all is said, answered and idle, or nothing moves any more; returns what is missing."""
        moved = time.monotonic()
        end = moved + self.size.drain * PATIENCE
        unwell_until: float | None = moved + self.size.drain / 2  # so that each of Amazon's faults is met
        missing = ""
        while True:
            faults.go_on()
            progress.tell(missing)
            now = time.monotonic()
            if unwell_until and now > unwell_until:
                unwell_until = None
                clear_faults(self.house)
                trade.have_some_refused()
            # Asked for all the time, imports would follow on each other, and never would nothing be left to do.
            trade.asks_for_imports = not trade.everything_said()
            working = "the store has not said everything" if trade.asks_for_imports else self.house.unfinished()
            missing = working or books.unfinished(self.house, trade)
            if working:
                moved = now
            elif missing:
                self.house.import_now()
            if not missing or now > end or now - moved > self.size.patience * PATIENCE:
                return missing
            time.sleep(1.0)


_KINDS = ("lost", "doubled", "wrong content", "wrong answer", "plaintext", "kept", "dead letter", "handler failed")


def _may_repeat(faults: Faults) -> int:
    hiding = (STOP, *AMAZONS_WIRE, "postgres cut", "postgres silent", "database stopped", "disk full")
    in_hand = 8  # calls of a process at once
    return faults.kills + in_hand * sum(faults.done[kind] for kind in hiding)


def _some_of_each_kind(found: list[str]) -> list[str]:
    kinds = [line.partition(":")[0] for line in found]
    return [line for number, line in enumerate(found) if kinds[:number].count(kinds[number]) < _SHOWN]


class _Progress:
    def __init__(self, trade: Trade, faults: Faults) -> None:
        self._trade, self._faults = trade, faults
        self._began = self._told = time.monotonic()

    def tell(self, missing: str = "") -> None:
        """A line now and then, with what is still missing."""
        now = time.monotonic()
        if now - self._told > _PROGRESS_EVERY:
            self._told = now
            trade, faults = self._trade, self._faults
            print(
                f"{now - self._began:7.1f} s  {len(trade.placed)} orders placed, {trade.said} shipments said,"
                f" {faults.kills} kills, {sum(faults.done.values())} faults{missing and f'; {missing}'}",
                flush=True,
            )
