"""Waiting for an import that was asked for, with its progress on the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from time import monotonic, sleep
from typing import TypeVar

import typer
from sqlalchemy import select

from orderbridge.accounts.attentions import STOPS_IMPORTS, open_attentions
from orderbridge.bus.envelope import SOURCE
from orderbridge.cli.application import errors, fail
from orderbridge.cli.progress_display import progress_display
from orderbridge.database.models import AccountState, InboxRow, OutboxRow, Run
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.import_requests import InVain, Preview, find_preview, is_handled
from schemas.imports import ImportFinished

T = TypeVar("T")
_PATIENCE = 1200.0
"""Seconds without progress after which nobody waits on; after a trouble with its login Amazon is asked in 900."""
_EVERY = 0.2
_TAKEN_UP_WITHIN = 15.0
"""Seconds after which it is said that nobody has taken the import up: a house that runs does it in one."""
_TROUBLE_AFTER = 5.0
"""Seconds after which a trouble that a person must mend ends the wait: it is no use before that."""
_NOBODY = (
    "Nobody has taken it up yet. `orderbridge up` starts a house that does; where services run one by one, it takes "
    "`orderbridge run ticker` and `orderbridge run importer`. It stays asked for, also if you end the wait with Ctrl-C."
)


def search(database: Database, account: str, asked: str, position: int) -> ImportFinished:
    """The end of the search that was open when we asked, or that our event opened: the first one after our event."""

    def look(work: Work) -> ImportFinished | None:
        is_handled(work, asked)
        bodies = work.session.scalars(
            select(OutboxRow.body)
            .where(
                OutboxRow.position > position, OutboxRow.topic == ImportFinished.event_type, OutboxRow.key == account
            )
            .order_by(OutboxRow.position)
        )
        ends = (ImportFinished.model_validate_json(body) for body in bodies)
        return next((end for end in ends if end.kind == "search"), None)

    return _wait(database, account, "search", asked, look)


def until_handled(database: Database, account: str, asked: str) -> None:
    """Wait until the importer has handled our event."""
    _wait(database, account, "", asked, lambda work: is_handled(work, asked) or None)


def preview(database: Database, account: str, asked: str) -> Preview:
    """What the next import would do, when the importer has looked."""
    return _wait(database, account, "dry_run", asked, lambda work: find_preview(work, account, asked))


def history(database: Database, account: str, asked: str, began: datetime) -> list[ImportFinished]:
    """The ends of what `--from` asks for: the reports' run, if there is one, and the search's."""
    _wait(database, account, "history", asked, lambda work: _history_is_through(work, account, asked))
    with database.unit_of_work() as work:
        runs = work.session.scalars(
            select(Run)
            .where(Run.account_id == account, Run.kind.in_(("history", "search")), Run.finished_at >= began)
            .order_by(Run.finished_at)
        ).all()
    latest = {run.kind: run.log for run in runs}
    return [ImportFinished.model_validate_json(log) for log in latest.values() if log is not None]


def _history_is_through(work: Work, account: str, asked: str) -> bool | None:
    if not is_handled(work, asked) or _open_run(work, account, "history") is not None:
        return None
    state = work.session.get(AccountState, account)
    return True if state is not None and state.read_again_from is None else None


def _wait(database: Database, account: str, kind: str, asked: str, look: Callable[[Work], T | None]) -> T:
    """What `look` finds at last; the progress of the account's open run is shown meanwhile, and prolongs the wait.

    Ctrl-C ends the watching alone.
    """
    begun, seen, told_so = monotonic(), None, False
    end = begun + _PATIENCE
    with _goes_on_after_ctrl_c(), progress_display() as display:
        while True:
            late = not told_so and monotonic() > begun + _TAKEN_UP_WITHIN
            with database.unit_of_work() as work:
                found = _looked(work, look)
                run = _open_run(work, account, kind)
                nobody = late and found is None and run is None and not _is_taken_up(work, account, asked)
            if found is not None:
                return found
            if found is None and monotonic() > begun + _TROUBLE_AFTER:
                _refuse_while_a_trouble_stands(database, account)
            if nobody:
                told_so = True
                errors.print(_NOBODY, markup=False, highlight=False, soft_wrap=True)
            if run is not None and run != seen:
                end, seen = monotonic() + _PATIENCE, run
                display(json.loads(run))
            if monotonic() > end:
                fail("Nothing has come of it for twenty minutes. Does it run (`orderbridge up`)? See its log.")
            sleep(_EVERY)


def _looked(work: Work, look: Callable[[Work], T | None]) -> T | None:
    try:
        return look(work)
    except InVain as in_vain:
        fail(str(in_vain))


@contextmanager
def _goes_on_after_ctrl_c() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        errors.print(
            "The import goes on by itself: `orderbridge runs list` shows how far it is, and what came of it.",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        raise typer.Exit(130) from None


def _refuse_while_a_trouble_stands(database: Database, account: str) -> None:
    with database.unit_of_work() as work:
        standing = [one for one in open_attentions(work, account) if one.trouble in STOPS_IMPORTS]
    if standing:
        told = " ".join(f"{one.message} {one.what_to_do}" for one in standing)
        fail(f"Nothing comes of it while a trouble stands, and it stays asked for. {told}")


def _is_taken_up(work: Work, account: str, event_id: str) -> bool:
    """Whether an importer has had our event in hand: it is handled, or given back to wait for Amazon's quota."""
    if work.session.get(InboxRow, ("importer", SOURCE, event_id)) is not None:
        return True
    given_back = (
        select(OutboxRow.position)
        .where(OutboxRow.topic == "importer.retry", OutboxRow.key == account, OutboxRow.published_at.is_(None))
        .limit(1)
    )
    return work.session.scalars(given_back).first() is not None


def _open_run(work: Work, account: str, kind: str) -> str | None:
    open_run = select(Run.progress).where(Run.account_id == account, Run.kind == kind, Run.finished_at.is_(None))
    return work.session.scalars(open_run).one_or_none()
