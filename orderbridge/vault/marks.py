"""What the key ring remembers of single orders: it outlives the database, and a restore of it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from orderbridge.vault.files import replace, write_once
from orderbridge.vault.moments import key_name, moment_of


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

    def refuse_after(self, order_id: str, moment: datetime) -> None:
        """Remember the moment of the order's newest seal: those that die later are refused."""
        replace(self._superseded / _name(order_id), key_name(moment))

    def refused_after(self, order_id: str) -> datetime | None:
        """What `refuse_after` was last told of the order; None if it never was."""
        try:
            return moment_of((self._superseded / _name(order_id)).read_text("ascii"))
        except FileNotFoundError:
            return None


def _name(order_id: str) -> str:
    # Hashed: an order id asked for from outside must not become a path.
    return hashlib.sha256(order_id.encode("utf-8", "surrogatepass")).hexdigest()
