"""`orderbridge import`: asks the importer for a run or for one order, and waits until it is through."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Annotated

import typer
from pydantic import ValidationError
from sqlalchemy import select

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.setting_values import earliest_import
from orderbridge.cli import following
from orderbridge.cli.application import (
    Json,
    app,
    console,
    done,
    fail,
    open_database,
    print_json,
    show,
    wrong_values,
)
from orderbridge.cli.runs import preview_cells, print_log
from orderbridge.database.models import OrderRow, OutboxRow, UnknownOrder
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.import_requests import InVain, Preview, account_to_import, ask_preview, order_to_fetch
from orderbridge.orders.numbers import SeveralOrders
from orderbridge.plural import number_of
from schemas.imports import ImportDue, ImportFinished
from schemas.orders import OrderImported, OrderUpdated


@app.command(name="import")
def import_orders(
    account: Annotated[str, typer.Option(help="The account to import.")] = "main",
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="Also what was placed since this day, up to two years ago."),
    ] = None,
    order: Annotated[str | None, typer.Option(help="One order by any of its numbers, whenever it was placed.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what a run would do, and do nothing; the import may be off.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Wait until the import is through.")] = True,
    as_json: Json = False,
) -> None:
    """Import Amazon's orders now, one order, or what was placed long ago. A run that is open is gone on with.

    With `--from` what is older than 30 days comes from Amazon's reports, without personal data. It takes minutes, goes
    on without this command (Ctrl-C ends only the watching), and the same command shows again how far it is.

    Ends with status 1 if the run met with a problem, which it names.

    Example: `orderbridge import`, `orderbridge import --order 114-3941689-8772232`,
    `orderbridge import --from 2025-12-01`, `orderbridge import --dry-run`

    Next: `orderbridge runs show last` has the log, a line per order; `orderbridge orders show NUMBER` one order.
    """
    if sum((since is not None, order is not None, dry_run)) > 1:
        raise typer.BadParameter("choose one of --from, --order and --dry-run")
    if dry_run and not wait:
        raise typer.BadParameter("--dry-run only tells something to whoever waits for it")
    with open_database() as database:
        with database.unit_of_work() as work:
            try:
                found = account_to_import(work, account, enabled=not dry_run)
                order = order_to_fetch(work, found, order) if order else order
                began = work.now
                due = _due(found, order, None if since is None else _day(found, since, began))
                asked = ask_preview(work, account) if dry_run else work.post(due)
            except (InVain, SeveralOrders) as refusal:
                fail(str(refusal))
            position = work.session.scalars(select(OutboxRow.position).where(OutboxRow.event_id == asked)).one()
            if since is not None:
                work.post(ImportDue(account_id=account, reason="now"))
        if not wait:
            done("The import is asked for.", as_json, account=account, event_id=asked)
        elif order is not None:
            _report_order(database, account, order, asked, position, began, as_json)
        elif dry_run:
            _report_preview(following.preview(database, account, asked), as_json)
        elif due.since is not None:
            _report(following.history(database, account, asked, began), as_json)
        else:
            _report([following.search(database, account, asked, position)], as_json)


def _due(account: ConnectedAccount, order: str | None, since: datetime | None) -> ImportDue:
    reason = "order" if order is not None else "history" if since is not None else "now"
    try:
        return ImportDue.model_validate(
            {"account_id": account.account_id, "reason": reason, "order_id": order, "since": since}
        )
    except ValidationError as error:
        raise wrong_values(error) from None


def _day(account: ConnectedAccount, since: datetime, now: datetime) -> datetime:
    """The beginning of the day in the account's time zone."""
    begins = since.replace(tzinfo=account.zone)
    if begins >= now:
        raise typer.BadParameter(f"{since:%Y-%m-%d} lies ahead", param_hint="--from")
    oldest = earliest_import(now, account).astimezone(account.zone)
    if begins < oldest:
        raise typer.BadParameter(
            f"Amazon tells of orders for two years only: {oldest:%Y-%m-%d} at the earliest", param_hint="--from"
        )
    return begins


def _report_order(
    database: Database, account: str, order: str, asked: str, position: int, began: datetime, as_json: bool
) -> None:
    following.until_handled(database, account, asked)
    with database.unit_of_work() as work:
        unknown = work.session.get(UnknownOrder, (account, order))
        found = work.session.get(OrderRow, order)
        told = _told_of(work, order, position)
    if unknown is not None and unknown.asked_at >= began:
        fail(f"{order}: {unknown.why}")
    if found is None:
        fail(f"{order}: the importer took it up and stored nothing; see its log.")
    changes = list(told.changes) if isinstance(told, OrderUpdated) else []
    what = f"changed: {', '.join(changes)}" if changes else "nothing has changed" if told is None else "imported now"
    done(
        f"{order} is here: {found.amazon_status}, {what.replace('_', ' ')}.",
        as_json,
        order_id=order,
        amazon_status=found.amazon_status,
        imported=isinstance(told, OrderImported),
        changes=changes,
    )


def _told_of(work: Work, order: str, position: int) -> OrderImported | OrderUpdated | None:
    """What the store is told of the order since we asked: it is new, or what is new in it."""
    kinds: dict[str, type[OrderImported | OrderUpdated]] = {
        kind.event_type: kind for kind in (OrderImported, OrderUpdated)
    }
    row = work.session.scalars(
        select(OutboxRow)
        .where(OutboxRow.position > position, OutboxRow.topic.in_(kinds), OutboxRow.key == order)
        .order_by(OutboxRow.position)
        .limit(1)
    ).one_or_none()
    return None if row is None else kinds[row.topic].model_validate_json(row.body)


def _report(runs: list[ImportFinished], as_json: bool) -> None:
    for run in runs:
        counts = run.counts.model_dump()
        told = ", ".join(f"{number} {name}" for name, number in counts.items() if number or name == "seen")
        up_to = f" up to {run.updated_before:%Y-%m-%d %H:%M:%S} UTC" if run.updated_before is not None else ""
        head = "The import ended with a problem" if run.problems else f"Imported{up_to}"
        facts = run.model_dump(
            mode="json",
            include={"account_id", "run_id", "kind", "updated_before", "counts", "skipped_because", "problems"},
        )
        done(f"{head}: {told}.", as_json, **facts)
        if not as_json:
            print_log(run, problems=False)
            _print_missing(run)
    problems = [problem for run in runs for problem in run.problems]
    if problems:
        fail("\n".join(problems))


def _print_missing(run: ImportFinished) -> None:
    """Amazon's words that no mapping has, and how to map them."""
    missing = Counter(word for line in run.lines for word in line.missing)
    for word, orders in sorted(missing.items()):
        kind, _, amazons = word.partition(": ")
        setting = f"{'shipping_methods' if kind == 'shipping' else 'payment_types'}.{amazons}"
        console.print(
            f"No mapping for {word} ({number_of(orders, 'order')}): "
            f"orderbridge settings set {run.account_id} {setting}=...",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def _report_preview(preview: Preview, as_json: bool) -> None:
    """What a run would do, order by order."""
    log, lines = preview.log, preview.lines
    if as_json:
        told = log.model_dump(mode="json", exclude={"lines", "lines_left_out"})
        print_json({**told, "lines": [line.model_dump(mode="json") for line in lines]})
    else:
        show([preview_cells(line) for line in lines], False, "Nothing: no order has changed since the last run.")
        counts = ", ".join(f"{number} {name}" for name, number in log.counts.model_dump().items() if number)
        _print_missing(log.model_copy(update={"lines": lines}))
        console.print(f"A run would do this: {counts or 'nothing'}. Nothing was done.", markup=False, highlight=False)
        print_log(log, problems=False)
    if log.problems:
        fail("\n".join(log.problems))
