"""Things done by several processes at once, each with connections of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from orderbridge.accounts.access_tokens import SharedTokens
from orderbridge.amazon import Login
from orderbridge.database import quotas
from orderbridge.database.engine import connect
from orderbridge.database.migrate import upgrade
from orderbridge.database.unit_of_work import Database, refuse_open_transaction
from orderbridge.vault.secrets_box import SecretsBox
from tests.parts.hand_clock import HandClock
from tests.parts.patience import PATIENCE

T = TypeVar("T")
# Forked from a server that has imported this module once: a process is there in milliseconds, without our threads.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])
_gate: Any = None


def in_processes(function: Callable[..., T], arguments: Sequence[tuple[Any, ...]]) -> list[T]:
    """Call `function` of this module once per tuple, each in a process of its own; all begin at the same moment."""
    gate = _CONTEXT.Barrier(len(arguments))
    with ProcessPoolExecutor(len(arguments), _CONTEXT, initializer=_hold, initargs=(gate,)) as pool:
        return [future.result(60 * PATIENCE) for future in [pool.submit(function, *each) for each in arguments]]


def _hold(gate: Any) -> None:
    global _gate
    _gate = gate
    gate.wait(30 * PATIENCE)  # a pool starts all its processes before one takes up work only if none is idle


def reserve_calls(url: str, calls: int) -> int:
    """Try to reserve `calls` calls of one quota with Amazon's burst of 11 (ours: 10). Returns how many it got."""
    database = Database(url, HandClock())
    got = 0
    for _ in range(calls):
        with database.unit_of_work() as work:
            got += quotas.reserve(work, "main", "getOrder", rate_per_second=0.5, burst=11) is None
    database.close()
    return got


def log_in(url: str, secrets_key: str, login_url: str, refresh_token: str, moment: datetime) -> str:
    """An access token, as a process has it that has none yet. Returns the token."""
    database = Database(url, HandClock(moment))
    tokens = SharedTokens(database, SecretsBox(secrets_key), login_url)
    login = Login(login_url, "sandbox-client", "sandbox-secret", refresh_token, store=tokens)
    token = login.access_token(now=database.clock.now, before_call=refuse_open_transaction)
    database.close()
    return token


def migrate(url: str) -> None:
    """Bring the database to today's tables."""
    engine = connect(url)
    upgrade(engine)
    engine.dispose()
