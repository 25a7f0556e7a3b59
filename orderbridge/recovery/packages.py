"""What the packages' own service does after a restore, found as an entry point (docs/decisions/0005)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from typing import Protocol, cast

from orderbridge.database.unit_of_work import Database
from orderbridge.settings import Settings
from schemas.failures import Original

Wait = Callable[[datetime], None]
"""Waits until a moment."""


@dataclass(frozen=True)
class Found:
    """What Amazon's answer about one order came to."""

    taken_over: int = 0
    """Packages that Amazon has and the database had forgotten."""
    settled: int = 0
    """Packages that waited in the database, and that Amazon has."""
    is_known: bool = True
    """Whether one of the connected accounts has the order."""


class Order(Protocol):
    """An order whose packages may be ahead of the database."""

    @property
    def order_id(self) -> str:
        """Amazon's number."""
        ...


class Packages(Protocol):
    """Writes down what Amazon has, before any number of a package is given again."""

    @property
    def topics(self) -> Sequence[str]:
        """The topics, without prefix, on which it stands which orders to ask Amazon about."""
        ...

    def orders(self, originals: Iterable[Original]) -> Sequence[Order]:
        """The orders to be read, those of an earlier and interrupted recovery left out."""
        ...

    def read(self, order: Order, wait: Wait) -> Found:
        """Ask Amazon about one order and write down what it has, in one transaction. Raises CannotRecover."""
        ...


def packages_of(settings: Settings, database: Database, since: datetime) -> Packages:
    """The installed one, for a recovery since a moment. Raises LookupError if there is none."""
    (entry,) = entry_points(group="orderbridge.recovery", name="packages")
    return cast(Packages, entry.load()(settings, database, since))
