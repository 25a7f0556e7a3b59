"""What the key ring remembers of single orders: it outlives the database, and a restore of it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from orderbridge.vault.files import replace, write_once
from orderbridge.vault.moments import key_name, moment_of


@dataclass(frozen=True)
class Superseded:
    """An order that was sealed anew for an earlier day."""

    order_id: str
    newest: datetime
    """When its newest seal dies."""
    until: datetime
    """When the last of the older ones dies."""


class OrderMarks:
    """A folder with a file per order that was redacted early, and one per order that was sealed for an earlier day."""

    def __init__(self, folder: Path) -> None:
        self._redacted = folder / "redacted"
        self._superseded = folder / "superseded"
        for part in (self._redacted, self._superseded):
            part.mkdir(mode=0o700, exist_ok=True)

    def mark_redacted(self, order_id: str) -> None:
        """Remember that the order was redacted before its day."""
        write_once(self._redacted / _name(order_id), order_id)

    def is_redacted(self, order_id: str) -> bool:
        """Whether `mark_redacted` was called for the order."""
        return (self._redacted / _name(order_id)).exists()

    def redacted_orders(self) -> Iterator[str]:
        """The orders for which `mark_redacted` was called."""
        for path in self._redacted.iterdir():
            with contextlib.suppress(FileNotFoundError):  # a half-made one, gone meanwhile
                if not path.name.startswith("."):
                    yield path.read_text("utf-8", "surrogatepass")

    def refuse_after(self, order_id: str, moment: datetime, until: datetime) -> None:
        """Remember that the order's newest seal dies at `moment`: those that die later are refused.

        `until` is when the last of those dies, so that it need not be remembered any longer.
        """
        path = self._superseded / _name(order_id)
        known = _read(path)
        last = until if known is None else max(until, known.until)
        replace(path, f"{key_name(moment)} {key_name(last)} {order_id}")

    def refused_after(self, order_id: str) -> datetime | None:
        """What `refuse_after` was last told of the order; None if it never was."""
        known = _read(self._superseded / _name(order_id))
        return known.newest if known is not None else None

    def superseded(self) -> Iterator[Superseded]:
        """What `refuse_after` was told, of all orders."""
        for path in self._superseded.iterdir():
            known = _read(path) if not path.name.startswith(".") else None
            if known is not None:
                yield known

    def forget_superseded(self, order_id: str) -> None:
        """Remember it no more: all older seals of the order are dead by their keys."""
        (self._superseded / _name(order_id)).unlink(missing_ok=True)


def _read(path: Path) -> Superseded | None:
    try:
        newest, until, order_id = path.read_text("utf-8", "surrogatepass").split(" ", 2)
    except FileNotFoundError:
        return None
    return Superseded(order_id, moment_of(newest), moment_of(until))


def _name(order_id: str) -> str:
    # Hashed: an order id asked for from outside must not become a path.
    return hashlib.sha256(order_id.encode("utf-8", "surrogatepass")).hexdigest()
