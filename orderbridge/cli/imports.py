"""`orderbridge import`: asks the importer for a run or for one order, and waits until it is through."""

from __future__ import annotations

import json
from collections.abc import Callable
from time import monotonic, sleep
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError
from sqlalchemy import select

from orderbridge.accounts import find_account
from orderbridge.bus.envelope import SOURCE
from orderbridge.cli.application import Json, app, done, errors, fail, open_database, wrong_values
from orderbridge.database.models import InboxRow, OrderRow, OutboxRow, Run, UnknownOrder
from orderbridge.database.unit_of_work import Database, Work
from schemas.imports import ImportDue, ImportFinished

T = TypeVar("T")
_TAKEN_UP_WITHIN = 15.0
"""Seconds after which it is said that nobody has taken the import up: a house that runs does it in one."""
_PATIENCE = 1200.0
"""Seconds without progress after which nobody waits on; after a trouble with its login Amazon is asked in 900."""
_NOBODY = (
    "Nobody has taken it up yet. `orderbridge up` starts a house that does; where services run one by one, it takes "
    "`orderbridge run ticker` and `orderbridge run importer`. It stays asked for, also if you end the wait with Ctrl-C."
)


@app.command(name="import")
def import_orders(
    account: Annotated[str, typer.Option(help="The account to import.")] = "main",
    order: Annotated[str | None, typer.Option(help="One order by Amazon's number, whenever it was placed.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until the import is through.")] = True,
    as_json: Json = False,
) -> None:
    """Import Amazon's orders now, or one order. A run that is open already is gone on with.

    Ends with status 1 if the run met with a problem, which it names.

    Example: `orderbridge import --order 114-3941689-8772232`

    Next: `orderbridge orders show NUMBER`, or `orderbridge events tail order.imported` to see them come.
    """
    with open_database() as database:
        with database.unit_of_work() as work:
            _refuse_what_is_in_vain(work, account)
            began = work.now
            try:
                due = ImportDue(account_id=account, reason="now" if order is None else "order", order_id=order)
            except ValidationError as error:
                raise wrong_values(error) from None
            asked = work.post(due)
            position = work.session.scalars(select(OutboxRow.position).where(OutboxRow.event_id == asked)).one()
        if not wait:
            done("The import is asked for.", as_json, account=account, event_id=asked)
        elif order is None:
            finished = _wait(database, account, asked, lambda work: _finished(work, account, asked, position))
            _report(finished, as_json)
        else:
            _wait(database, account, asked, lambda work: _is_handled(work, asked) or None)
            with database.unit_of_work() as work:
                unknown = work.session.get(UnknownOrder, (account, order))
                found = work.session.get(OrderRow, order)
            if unknown is not None and unknown.asked_at >= began:
                fail(f"{order}: {unknown.why}")
            if found is None:
                fail(f"{order}: the importer took it up and stored nothing; see its log.")
            done(f"{order} is here: {found.amazon_status}.", as_json, order_id=order, amazon_status=found.amazon_status)


def _refuse_what_is_in_vain(work: Work, account: str) -> None:
    found = find_account(work, account)
    if found is None:
        fail(f"There is no account {account}. `orderbridge accounts connect {account}` adds it.")
    if not found.connected:
        fail(f"{account} is not connected. `orderbridge accounts connect {account}` does it.")
    if not found.settings.enabled:
        fail(f"The import of {account} is off. `orderbridge settings set {account} enabled=true` switches it on.")


def _wait(database: Database, account: str, asked: str, look: Callable[[Work], T | None]) -> T:
    """What `look` finds at last; the progress of the account's open run is shown meanwhile, and prolongs the wait."""
    begun, seen, told_so = monotonic(), None, False
    end = begun + _PATIENCE
    with errors.status("Waiting for the importer") as status:
        while True:
            late = not told_so and monotonic() > begun + _TAKEN_UP_WITHIN
            with database.unit_of_work() as work:
                found = look(work)
                run = _open_run(work, account)
                told_so_now = late and found is None and run is None and not _is_taken_up(work, account, asked)
            if found is not None:
                return found
            if told_so_now:
                told_so = True
                errors.print(_NOBODY, markup=False, highlight=False, soft_wrap=True)
            if run is not None and run != seen:
                end, seen = monotonic() + _PATIENCE, run
                told = json.loads(run)
                status.update(f"Importing: {told['amazon_calls']} pages, {told['counts']['seen']} orders so far")
            if monotonic() > end:
                fail("Nothing has come of it for twenty minutes. Does it run (`orderbridge up`)? See its log.")
            sleep(0.2)


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


def _open_run(work: Work, account: str) -> str | None:
    open_run = select(Run.progress).where(Run.account_id == account, Run.kind == "search", Run.finished_at.is_(None))
    return work.session.scalars(open_run).one_or_none()


def _is_handled(work: Work, event_id: str) -> bool:
    """Whether the importer has handled our event, by its inbox."""
    row = work.session.get(InboxRow, ("importer", SOURCE, event_id))
    if row is not None and row.outcome != "handled":
        fail(f"The importer did not take it: {row.reason or row.outcome}.")
    return row is not None


def _finished(work: Work, account: str, asked: str, position: int) -> ImportFinished | None:
    """The end of the run that was open when we asked, or that our event opened: the first one after our event."""
    _is_handled(work, asked)
    body = work.session.scalars(
        select(OutboxRow.body)
        .where(OutboxRow.position > position, OutboxRow.topic == ImportFinished.event_type, OutboxRow.key == account)
        .order_by(OutboxRow.position)
    ).first()
    return None if body is None else ImportFinished.model_validate_json(body)


def _report(run: ImportFinished, as_json: bool) -> None:
    counts = run.counts.model_dump()
    told = ", ".join(f"{number} {name}" for name, number in counts.items() if number or name == "seen")
    up_to = f" up to {run.updated_before:%Y-%m-%d %H:%M:%S} UTC" if run.updated_before is not None else ""
    head = "The import ended with a problem" if run.problems else f"Imported{up_to}"
    facts = run.model_dump(mode="json", include={"account_id", "run_id", "updated_before", "counts", "problems"})
    done(f"{head}: {told}.", as_json, **facts)
    if run.problems:
        fail("\n".join(run.problems))
