"""What a process needs before it can begin: it waits for that, and says so, instead of ending with it.

One that ended would be started again and again; nobody could tell that from a fault of its own.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import structlog

from orderbridge.bus.health import serve_health
from orderbridge.database.engine import is_outage
from orderbridge.settings import Settings

log = structlog.get_logger()
_TRY_AGAIN: Final = 0.5
T = TypeVar("T")


def begin(settings: Settings, service: str, step: Callable[[], T]) -> T:
    """What `step` gives, as soon as the database answers it, and the key ring's folder.

    The health page says meanwhile what it waits for; SIGTERM and SIGINT end the process. Whatever else `step` raises is
    raised. To be called from the main thread, before the service serves its own health page.
    """
    waiting_for = ""

    def report() -> dict[str, Any]:
        return {"state": "waiting", "waiting_for": waiting_for}

    health = None
    try:
        with ended_by_sigterm():
            while True:
                try:
                    return step()
                except Exception as error:
                    if not isinstance(error, OSError) and not is_outage(error):
                        raise
                    away = isinstance(error, OSError)
                    what = "the key ring" if away else "the database"
                    if what != waiting_for:
                        log.warning(f"waiting for {what}", error=str(error) if away else _words(error))
                    waiting_for = what
                if health is None:
                    health = serve_health(settings.health_host, settings.health_port, service, report)
                time.sleep(_TRY_AGAIN)
    finally:
        if health is not None:
            health.shutdown()
            health.server_close()


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the process meanwhile, as one that had nothing in hand (SystemExit). For the main thread."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _words(error: Exception) -> str:
    """What the database's driver says: a name or a password that is wrong looks like an outage from here."""
    return str(getattr(error, "orig", None) or type(error).__name__).partition("\n")[0]
