"""Asks the importer for something, for a person at the command line or in the console; the preview among it.

A preview is a run that does nothing: it reads what the next import would, maps it by the account's settings, and keeps
a line for each order. It needs no import that is switched on.

    asked = ask_preview(work, "main")
    preview = find_preview(work, "main", asked)     # None until the importer is through
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from orderbridge.accounts import ConnectedAccount, find_account
from orderbridge.accounts.attentions import CONSENT_REVOKED, open_attentions
from orderbridge.accounts.identity import of_another_account
from orderbridge.bus.envelope import SOURCE
from orderbridge.database.models import InboxRow, OutboxRow, Run, RunLineRow
from orderbridge.database.unit_of_work import Work
from orderbridge.orders.numbers import amazons_number, find_order, no_such_number
from schemas.imports import ImportDue, ImportFinished, RunLine


class InVain(Exception):
    """The importer would do nothing, or has done nothing: why, and what to do."""


@dataclass(frozen=True)
class Preview:
    """What the next import would do. The log's own lines are left out: `lines` has all, problems first."""

    log: ImportFinished
    lines: tuple[RunLine, ...]


def account_to_import(work: Work, account_id: str, *, enabled: bool = True) -> ConnectedAccount:
    """The account, if something can come of an import now. Raises InVain.

    Not `enabled`: also where its import is off, which is enough for a preview.
    """
    found = find_account(work, account_id)
    if found is None:
        raise InVain(f"There is no account {account_id}. `orderbridge accounts connect {account_id}` adds it.")
    if not found.connected:
        raise InVain(f"{account_id} is not connected. `orderbridge accounts connect {account_id}` does it.")
    if enabled and not found.settings.enabled:
        raise InVain(
            f"The import of {account_id} is off. `orderbridge settings set {account_id} enabled=true` switches it on."
        )
    _refuse_a_revoked_consent(work, account_id)
    return found


def order_to_fetch(work: Work, account: ConnectedAccount, number: str) -> str:
    """Amazon's number of the order that is meant by any of its numbers.

    Raises InVain for what cannot be one, and for that of another account that is connected; SeveralOrders.
    """
    known = find_order(work, number)
    if known is None:
        amazons = amazons_number(number)
        if amazons is None:
            raise InVain(no_such_number(number))
        return amazons
    if of_another_account(work, account.account_id, known.account_id):
        raise InVain(
            f"{number} is an order of {known.account_id}, not of {account.account_id}: "
            f"`orderbridge import --order {known.order_id} --account {known.account_id}` fetches it."
        )
    return known.order_id


def ask_for_run(work: Work, account_id: str) -> None:
    """Have the account's import run now. Raises InVain."""
    account_to_import(work, account_id)
    work.post(ImportDue(account_id=account_id, reason="now"), name=f"import-now:{account_id}")


def ask_for_order(work: Work, account_id: str, number: str) -> str:
    """Have one order fetched, whenever it was placed; returns Amazon's number of it. Raises InVain, SeveralOrders."""
    order_id = order_to_fetch(work, account_to_import(work, account_id), number)
    due = ImportDue(account_id=account_id, reason="order", order_id=order_id)
    work.post(due, name=f"fetch:{account_id}:{order_id}")
    return order_id


def ask_preview(work: Work, account_id: str) -> str:
    """Have the importer look what the next import would bring; returns the id of the event. Raises InVain."""
    account_to_import(work, account_id, enabled=False)
    return work.post(ImportDue(account_id=account_id, reason="dry_run"))


def find_preview(work: Work, account_id: str, asked: str) -> Preview | None:
    """What the importer has found, for the event of that id; None until it is through.

    Raises InVain where nothing will come of it. A preview that was under way already serves for a second one.
    """
    if not is_handled(work, asked):
        return None
    began = select(OutboxRow.posted_at).where(OutboxRow.event_id == asked).scalar_subquery()
    run_id = work.session.scalars(
        select(Run.run_id)
        .where(Run.account_id == account_id, Run.kind == "dry_run", Run.finished_at >= began)
        .order_by(Run.started_at.desc())
        .limit(1)
    ).first()
    if run_id is not None:
        return read_preview(work, run_id)
    _refuse_a_revoked_consent(work, account_id)
    return None


def read_preview(work: Work, run_id: str) -> Preview:
    """The log and the lines of a run that has ended."""
    log = ImportFinished.model_validate_json(work.session.get_one(Run, run_id).log or "")
    rows = work.session.scalars(
        select(RunLineRow.line).where(RunLineRow.run_id == run_id).order_by(RunLineRow.rank, RunLineRow.line_id)
    )
    return Preview(log, tuple(RunLine.model_validate_json(row) for row in rows))


def is_handled(work: Work, event_id: str) -> bool:
    """Whether the importer has handled our event, by its inbox. Raises InVain where it did not take it."""
    row = work.session.get(InboxRow, ("importer", SOURCE, event_id))
    if row is not None and row.outcome != "handled":
        raise InVain(f"The importer did not take it: {row.reason or row.outcome}.")
    return row is not None


def _refuse_a_revoked_consent(work: Work, account_id: str) -> None:
    for one in open_attentions(work, account_id):
        if one.trouble == CONSENT_REVOKED:
            raise InVain(f"{one.message} {one.what_to_do}")
