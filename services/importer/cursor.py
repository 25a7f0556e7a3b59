"""How far an account's search has come: its cursor, its end, and the marketplaces that Amazon refuses to show."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from orderbridge.database.models import AccountState
from orderbridge.database.unit_of_work import Work
from services.importer import reconciliation, runs
from services.importer.window import SEARCHED, Window

_ASK_AGAIN = timedelta(days=1)
"""A marketplace that was refused is asked for again so much later."""


def advance(work: Work, window: Window, reached: datetime | None) -> None:
    """Everything that Amazon changed before `reached` is stored. A dry run has stored nothing."""
    if reached is not None and window.kind == "search":
        state = runs.state_of(work, window.account_id)
        # never backwards: an empty answer may reach less far than the one before
        state.cursor = max(reached, state.cursor or reached)


def end(work: Work, window: Window, reached: datetime | None = None) -> None:
    """End the run. It is through if it has `reached` its end; else the next one reads its span again."""
    if window.kind == "search":
        state = runs.state_of(work, window.account_id)
        state.last_run_at = work.now
        state.last_order_id = window.last_order_id or state.last_order_id
        if reached is not None:
            state.first_run_at = state.first_run_at or work.now
            if state.read_again_from is not None and window.updated_after <= max(
                state.read_again_from, window.started_at - SEARCHED
            ):
                state.read_again_from = None
            advance(work, window, reached)
            reconciliation.plan(work, state)
    runs.finish(work, window)


def granted(state: AccountState, marketplace_ids: tuple[str, ...], now: datetime) -> tuple[str, ...]:
    """The marketplaces to ask for: without those that Amazon refused lately.

    One whose day is over is asked for again, and read from when it was refused first.
    """
    denied = denied_since(state)
    asked_again = {name: since for name, since in denied.items() if now - since >= _ASK_AGAIN}
    if asked_again:
        _write(state, {name: since for name, since in denied.items() if name not in asked_again})
        state.read_again_from = min(filter(None, (state.read_again_from, *asked_again.values())))
    return tuple(name for name in marketplace_ids if name not in denied_since(state))


def deny(state: AccountState, marketplace_id: str, now: datetime) -> None:
    """Amazon refuses this marketplace."""
    denied = denied_since(state)
    _write(state, {marketplace_id: now, **denied})


def denied_since(state: AccountState) -> dict[str, datetime]:
    """The marketplaces that Amazon refuses, and since when."""
    return {
        name: datetime.fromisoformat(since) for name, since in json.loads(state.denied_marketplaces or "{}").items()
    }


def _write(state: AccountState, denied: dict[str, datetime]) -> None:
    text = json.dumps({name: since.isoformat() for name, since in denied.items()})
    state.denied_marketplaces = text if denied else None
