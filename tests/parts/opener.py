"""Has seals opened by a process that holds a key ring from day 0 on (`tests/parts/hooked_service.py`)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Sealed:
    """A seal as the store was given it."""

    order_id: str
    seal: str
    dies_at: str


class Opener:
    """A process that opens seals."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def open(self, seals: Iterable[Sealed], now: datetime) -> set[str]:
        """What came of them: `open`, `expired` or `refused`."""
        asked, told = self._process.stdin, self._process.stdout
        assert asked is not None
        assert told is not None
        results = set()
        for one in seals:
            asked.write(json.dumps({"order_id": one.order_id, "seal": one.seal, "now": now.isoformat()}) + "\n")
            asked.flush()
            results.add(told.readline().strip())
        return results
