"""How far an account's search has come: its cursor, its end, and the marketplaces that Amazon refuses to show."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import NamedTuple

from orderbridge.accounts import find_account
from orderbridge.accounts.attentions import ROLE_MISSING, stands
from orderbridge.database.models import AccountState
from orderbridge.database.unit_of_work import Work
from schemas.imports import ImportDue
from services.importer import reconciliation, runs
from services.importer.window import OVERLAP, Window

_ASK_AGAIN = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4), timedelta(days=1))
"""A marketplace that was refused is asked for again so much later: soon at first, it may be Amazon's trouble."""


class Denied(NamedTuple):
    """A marketplace that Amazon refuses: from where it is not read, and when it was asked for last."""

    since: datetime
    asked_at: datetime
    times: int
    """How often it was refused so far."""

    @property
    def ask_again_at(self) -> datetime:
        """From when on it is asked for again."""
        return self.asked_at + _ASK_AGAIN[min(self.times, len(_ASK_AGAIN)) - 1]


def advance(work: Work, window: Window, reached: datetime | None) -> None:
    """Everything that Amazon changed before `reached` is stored. A dry run has stored nothing.

    What came without something that Amazon refuses is remembered, and does not hold the cursor: that may last for days.
    """
    if reached is not None and window.kind == "search":
        state = runs.state_of(work, window.account_id)
        if window.left_out:
            state.incomplete_since = min(window.window_after, state.incomplete_since or window.window_after)
        # never backwards: an empty answer may reach less far than the one before
        state.cursor = max(reached, state.cursor or reached)


def end(work: Work, window: Window, reached: datetime | None = None) -> None:
    """End the run. It is through if it has `reached` its end; else the next one reads its span again."""
    if window.kind == "search":
        state = runs.state_of(work, window.account_id)
        state.last_run_at = work.now
        state.last_order_id = window.last_order_id or state.last_order_id
        # A first run that failed: the next begins where it did, since the reports reach no further than that.
        state.cursor = state.cursor or window.updated_after
        if reached is not None:
            state.first_run_at = state.first_run_at or work.now
            if state.read_again_from is not None and _has_read_again(work, state, state.read_again_from, window):
                state.read_again_from = None
            _read_what_was_denied(work, state, window)
            advance(work, window, reached)
            if not window.left_out:
                _read_what_was_incomplete(work, state, window)
                reconciliation.plan(work, state)
    runs.finish(work, window)


def is_past(state: AccountState | None, moment: datetime) -> bool:
    """Whether a search has come past what Amazon changed at a moment, and has read it whole."""
    if state is None or state.cursor is None:
        return False
    return min(state.cursor - OVERLAP, state.incomplete_since or state.cursor) >= moment


def granted(state: AccountState, marketplace_ids: tuple[str, ...], now: datetime) -> tuple[str, ...]:
    """The marketplaces to ask for: without those that Amazon refused lately."""
    denied = denied_marketplaces(state)
    return tuple(name for name in marketplace_ids if name not in denied or now >= denied[name].ask_again_at)


def deny(state: AccountState, marketplace_id: str, window: Window, now: datetime) -> None:
    """Amazon refuses this marketplace: of what the run was to read of it, nothing is read."""
    denied = denied_marketplaces(state)
    known = denied.get(marketplace_id)
    since = window.updated_after if known is None else min(known.since, window.updated_after)
    times = 1 if known is None else known.times + 1
    _write(state, {**denied, marketplace_id: Denied(since, now, times)})


def denied_marketplaces(state: AccountState) -> dict[str, Denied]:
    """The marketplaces that Amazon refuses."""
    told, times = json.loads(state.denied_marketplaces or "{}"), json.loads(state.denied_times or "{}")
    # Without a number it was refused under an earlier release, which asked once a day.
    return {
        name: Denied(datetime.fromisoformat(since), datetime.fromisoformat(asked_at), times.get(name, len(_ASK_AGAIN)))
        for name, (since, asked_at) in told.items()
    }


def _has_read_again(work: Work, state: AccountState, since: datetime, window: Window) -> bool:
    """Whether the run has read what was to be read again; a marketplace that was added since it began is none of it.

    Nor is what came without addresses before the role for them was there, in the midst of the run.
    """
    if window.without_addresses and not stands(work, window.account_id, (ROLE_MISSING,)):
        return False
    account = find_account(work, window.account_id)
    wanted = set(account.marketplace_ids) - set(denied_marketplaces(state)) if account is not None else set()
    return window.updated_after <= since and wanted <= set(window.marketplace_ids)


def _read_what_was_denied(work: Work, state: AccountState, window: Window) -> None:
    """Marketplaces that were refused are shown again: another run reads what they had since then, at once."""
    denied = denied_marketplaces(state)
    shown = [denied[name] for name in window.marketplace_ids if name in denied]
    if shown:
        _write(state, {name: one for name, one in denied.items() if name not in window.marketplace_ids})
        _read_again(work, state, min(one.since for one in shown))


def _read_what_was_incomplete(work: Work, state: AccountState, window: Window) -> None:
    """Amazon refuses no data set any more: what came without one is read again, if this run has not done so."""
    since, state.incomplete_since = state.incomplete_since, None
    if since is not None and not _has_read_again(work, state, since, window):
        _read_again(work, state, since)


def _read_again(work: Work, state: AccountState, since: datetime) -> None:
    """Have another run read from there, at once."""
    state.read_again_from = min(since, state.read_again_from or since)
    work.post(ImportDue(account_id=state.account_id, reason="now"))


def _write(state: AccountState, denied: dict[str, Denied]) -> None:
    moments = {name: [one.since.isoformat(), one.asked_at.isoformat()] for name, one in denied.items()}
    state.denied_marketplaces = json.dumps(moments) if denied else None
    state.denied_times = json.dumps({name: one.times for name, one in denied.items()}) if denied else None
