"""What befalls the house, and when: a schedule wholly determined by its seed."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

WORKERS = ("ticker", "ticker-2", "importer", "importer-2", "shipper", "shipper-2", "redactor", "redactor-2")
STOREFRONT = "storefront"
_OPERATIONS = ("searchOrders", "confirmShipment", "getOrder")
AMAZON = (
    "500",
    "503",
    "429",
    "html",
    "html_200",
    "truncated",
    "truncated_json",
    "timeout",
    "hang",
    "drop_before_effect",
    "drop_after_effect",
)
"""Kinds of the sandbox's faults, as `sandbox/faults.py` has them."""
ALONE = (
    "broker stopped",
    "database stopped",
    "disk full",
    "offsets set back",
    "kafka cut",
    "kafka slow",
    "kafka silent",
    "postgres cut",
    "postgres slow",
    "postgres silent",
)
"""One after the other: who sets offsets back needs a broker."""
AMAZONS_WIRE = ("amazon cut", "amazon slow", "amazon silent")
KILL, STOP, MEMORY = "kill -9", "kill -STOP", "out of memory"
_LONG = frozenset({"broker stopped", "database stopped"})
_GROUPS = ("shipper", "importer", "redactor")
"""Set back in turn."""


@dataclass(frozen=True)
class Size:
    """How much of it. Seconds, but for `orders`, `kills` and `each`."""

    orders: int
    kills: int
    each: int
    """So many faults of every other kind."""
    lasts: float
    """From the first fault to the last."""
    longest: float
    """That the broker or the database is away; the other faults last a sixth of it, or more."""
    session: int
    """Kafka's patience with a silent worker."""
    drain: float
    """In which everything must be idle afterwards."""
    day_30: tuple[float, float]
    """After which the 30 days of an old order are over."""
    disk: int
    """Bytes on PostgreSQL's disk."""
    patience: float
    """With nothing to do anywhere, what is missing is waited for so long: longer than breakers are open."""
    hurried: bool = False


@dataclass(frozen=True, order=True)
class Fault:
    """At so many seconds this happens to a target, and lasts for so long."""

    at: float
    kind: str
    target: str = ""
    lasts: float = 0.0

    def __str__(self) -> str:
        return f"{self.at:7.1f} s  {self.kind} {self.target}".rstrip() + (f", {self.lasts:.1f} s" * bool(self.lasts))


@dataclass(frozen=True)
class Schedule:
    """The faults in their order, and by how many seconds which worker's clock is wrong."""

    seed: int
    faults: tuple[Fault, ...]
    apart: dict[str, int]

    def __str__(self) -> str:
        return "\n".join([f"seed {self.seed}; clocks apart by {self.apart}", *map(str, self.faults)])


def schedule(seed: int, size: Size, faults: tuple[str, ...] | None = None) -> Schedule:
    """Every kind at least once; with `faults` only those kinds, and the kills.

    One kill of a shipper falls into each time at which the database is away: what it had in hand is not committed then.
    """
    chance = random.Random(seed)
    wanted = [kind for kind in (*ALONE, STOP, MEMORY, *AMAZONS_WIRE, *AMAZON) if faults is None or kind in faults]
    found = list(_alone(chance, size, [kind for kind in wanted if kind in ALONE]))
    away = [fault for fault in found if fault.kind == "database stopped"]
    found += [
        Fault(fault.at + fault.lasts * chance.uniform(0.6, 0.9), KILL, chance.choice(WORKERS[4:6])) for fault in away
    ]
    kills = max(0, size.kills - len(away))
    victims = [*WORKERS, STOREFRONT, *chance.choices(WORKERS, k=max(0, kills - len(WORKERS) - 1))]
    for number, victim in enumerate(chance.sample(victims, kills)):
        found.append(Fault(size.lasts * (number + chance.random()) / kills, KILL, victim))
    for kind in wanted:
        for number in range(0 if kind in ALONE else size.each):
            found.append(_beside(chance, size, kind, number))
    shifts = [-9, -6, -4, 3, 5, 8]
    apart = {name: 60 * chance.choice(shifts) for name in chance.sample(WORKERS, 5)}
    return Schedule(seed, tuple(sorted(found)), apart)


def _alone(chance: random.Random, size: Size, kinds: list[str]) -> list[Fault]:
    """Each in a slot of its own, so long as it needs."""
    faults: list[Fault] = []
    groups = itertools.cycle(_GROUPS)
    for kind in chance.sample(kinds * size.each, len(kinds) * size.each):
        longest = size.longest if kind in _LONG else max(size.longest / 6, 4)
        lasts = 0.0 if kind in ("offsets set back", "kafka cut", "postgres cut") else chance.uniform(0.6, 1) * longest
        target = next(groups) if kind == "offsets set back" else ""
        faults.append(Fault(0, kind, target, lasts))
    spare = max(0.0, size.lasts - sum(fault.lasts for fault in faults)) / max(1, len(faults))
    now, placed = 0.0, []
    for fault in faults:
        now += spare * chance.uniform(0.2, 0.8)
        placed.append(Fault(now, fault.kind, fault.target, fault.lasts))
        now += fault.lasts + spare * 0.2
    return placed


def _beside(chance: random.Random, size: Size, kind: str, number: int) -> Fault:
    at = chance.uniform(0, size.lasts * 0.9)
    if kind == STOP:
        return Fault(at, kind, chance.choice(WORKERS), size.session * chance.uniform(1.2, 1.6))
    if kind == MEMORY:
        return Fault(at, kind, chance.choice(WORKERS))
    if kind in AMAZONS_WIRE:
        return Fault(at, kind, lasts=0.0 if kind == "amazon cut" else max(2.0, size.longest / 6))
    return Fault(at, kind, chance.choice(_OPERATIONS if number else _OPERATIONS[:2]))  # getOrder is called seldom
