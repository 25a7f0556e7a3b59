"""A service, a command or an opener of seals as a child process of the proof, with what a test may do to it.

`python -m tests.parts.hooked_service run SERVICE`, `… cli ARGUMENT…`, `… opener`. ORDERBRIDGE_TEST_HOOKS is JSON:

    clock   a file with the seconds by which the clock is ahead of the host's: day 30 comes when the test says so
    sealed  false: personal data is kept as it is, in base64url, which is all that the field takes (the control)
    breaks  ids of orders for which the importer's handler breaks, for good, with Amazon's order in the exception
    once    a file: the first page that is imported breaks the handler, and the outcome cannot be recorded either, so
            that the process dies; the file remembers it
"""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import tests.parts.kafka_python  # noqa: F401 - before the bus, which imports Kafka
from orderbridge.bus import pipeline
from orderbridge.bus.pipeline import RetryPolicy
from orderbridge.database import unit_of_work
from orderbridge.settings import load_settings
from orderbridge.vault.key_ring import FolderKeyRing
from orderbridge.vault.keys import installation_key
from orderbridge.vault.seal import SealExpired, SealRefused, open_seal

VARIABLE = "ORDERBRIDGE_TEST_HOOKS"


class FileClock:
    """The host's clock, and as many seconds ahead as a file says; nobody remembers what it said."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def now(self) -> datetime:
        """The present moment in UTC."""
        return datetime.now(UTC) + timedelta(seconds=float(self._file.read_text() or 0))

    def monotonic(self) -> float:
        """Seconds, for the sandbox's rates."""
        return self.now().timestamp()


def set_clock(file: Path, ahead: timedelta) -> None:
    """Whole at once: a reader sees the old or the new."""
    new = file.with_suffix(".new")
    new.write_text(str(ahead.total_seconds()))
    new.replace(file)


def _hook(hooks: dict[str, Any]) -> None:
    clock = FileClock(Path(hooks["clock"]))
    _put(unit_of_work, "_database_clock", lambda _url: clock)
    _put(unit_of_work, "HostClock", lambda: clock)
    hasty = RetryPolicy(timedelta(milliseconds=200), 1.0, timedelta(seconds=1), 3)
    _put(pipeline, "RetryPolicy", lambda: hasty)
    _hook_importer(hooks)


def _hook_importer(hooks: dict[str, Any]) -> None:
    from services.importer import orders, personal_data, personal_fields

    if not hooks.get("sealed", True):
        _put(personal_data, "seal", _as_it_is)
    store, extract = orders._store, personal_fields.extract
    breaks, once = set(hooks.get("breaks", ())), hooks.get("once")

    def store_or_break(work: Any, ring: Any, account: Any, order: Any, *more: Any) -> Any:
        told = f"{order.model_dump()} {extract(order).model_dump_json()}"
        if order.order_id in breaks:
            raise RuntimeError(told)
        if once is not None and not Path(once).exists():
            Path(once).touch()
            thread = threading.Thread(target=_raise, args=(told,))
            thread.start()
            thread.join()
            _put(pipeline.Pipeline, "_failed", lambda *_: _raise(told))
            raise RuntimeError(told)
        return store(work, ring, account, order, *more)

    _put(orders, "_store", store_or_break)


def _put(where: Any, name: str, what: Any) -> None:
    """In the place of what is there, for good; a name that is not there is refused."""
    mock.patch.object(where, name, what).start()


def _raise(text: str) -> None:
    raise LookupError(text)


def _as_it_is(_ring: Any, _order_id: str, payload: bytes, _dies_at: datetime, _now: datetime) -> str:
    return base64.urlsafe_b64encode(payload).rstrip(b"=").decode()


def _open_seals() -> None:
    """A line of JSON for each seal to open, with the time to open it by; a line of what came of it."""
    settings = load_settings()
    ring = FolderKeyRing(settings.key_ring, installation_key(settings.need("vault_key")), settings.key_ring_grid)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            open_seal(ring, asked["order_id"], asked["seal"], datetime.fromisoformat(asked["now"]))
            print("open", flush=True)
        except SealExpired:
            print("expired", flush=True)
        except SealRefused:
            print("refused", flush=True)


def main(what: str, *arguments: str) -> None:
    """Be what is asked for."""
    _hook(json.loads(os.environ[VARIABLE]))
    if what == "opener":
        _open_seals()
    elif what == "cli":
        from orderbridge.cli import main as command_line

        sys.argv = ["orderbridge", *arguments]
        command_line()
    else:
        from orderbridge.bus import faust_app
        from orderbridge.service import run_service

        _put(faust_app, "END_SECONDS", 45.0)  # sooner than its house gives it up
        run_service(arguments[0], list(arguments[1:]))


if __name__ == "__main__":
    main(*sys.argv[1:])
