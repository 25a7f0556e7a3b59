"""`orderbridge events replay`: orders sent to the store again."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from time import monotonic, sleep
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from orderbridge.accounts import find_account
from orderbridge.cli.application import Json, done, errors, fail, open_database
from orderbridge.cli.events import events_app
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.orders.replaying import NOTHING, ReplayRefused, ReplayWish, ask_for_replay, plan_replay, progress_of
from orderbridge.plural import number_of
from schemas.base import Moment
from schemas.replays import ReplayAnswer

ASKS_ABOVE = 1000
"""So many orders are sent again without a question."""
_EVERY = 0.5
_TAKEN_UP_WITHIN = 15.0
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


@events_app.command()
def replay(
    order: Annotated[str | None, typer.Argument(help="One order: Amazon's number, ours, or the store's.")] = None,
    since: Annotated[
        str | None,
        typer.Option(help="What came or changed since this day or moment: 2026-11-24, or 2026-11-24T09:00:00Z."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only orders placed before this day or moment.")] = None,
    account: Annotated[
        str | None, typer.Option(help="Only this account's; its time zone says when a day begins.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All orders that there are.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help=f"Don't ask, also above {ASKS_ABOVE} orders.")] = False,
    wait: Annotated[
        bool | None, typer.Option("--wait/--no-wait", help="Wait until they are sent; so it is on a terminal.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Send orders to the store again, as they are now: for a store that lost them.

    They come on `order.imported`, with `replay: true` and the `sequence` that they have. A store that has an order
    already passes it over, one that lost it takes it in; nobody is alerted and no stock is moved twice. What is past
    its day arrives as "Amazon Replaced".

    A store that went back to a backup needs what came *or changed* since the backup was made: that is `--since`, with
    some minutes to spare. Orders placed long ago are among them where they changed since. Live events go on meanwhile.

    Example: `orderbridge events replay 114-3941689-8772232`, `orderbridge events replay --since 2026-11-24`,
    `orderbridge events replay --all --yes`

    Next: `orderbridge events tail order.imported` shows them go by; `orderbridge orders show ORDER` one of them.
    """
    if (order is not None) + everything + (since is not None or until is not None) != 1:
        raise typer.BadParameter("name one ORDER, or a time with --since or --until, or say --all")
    with open_database() as database:
        with database.unit_of_work() as work:
            zone = _zone(work, account)
            wish = ReplayWish(
                number=order,
                accounts=frozenset((account,)) if account is not None else None,
                since=_moment(since, zone, "--since"),
                until=_moment(until, zone, "--until"),
            )
            try:
                count = plan_replay(work, wish).total
            except ReplayRefused as refusal:
                fail(str(refusal))
        if count > ASKS_ABOVE and not yes:
            _confirm(count)
        with database.unit_of_work() as work:
            try:
                asked = ask_for_replay(work, wish)
            except ReplayRefused as refusal:
                fail(str(refusal))
        if wait if wait is not None else errors.is_terminal:
            asked = _watch(database, asked)
        words = "sent again" if asked.done else "are to be sent again"
        facts = asked.model_dump(exclude={"given_up"})
        done(f"{number_of(asked.orders, 'order')} {words}." if asked.orders else NOTHING, as_json, **facts)


def _confirm(count: int) -> None:
    told = f"{number_of(count, 'order')} would be sent again"
    if not errors.is_terminal:
        fail(f"{told}. Say --yes if they are to be.")
    typer.confirm(f"{told}. Go on?", abort=True, err=True)


def _watch(database: Database, asked: ReplayAnswer) -> ReplayAnswer:
    """Until all are sent: a bar on a terminal. That nobody has taken it up is said once."""
    begun, told_so = monotonic(), False
    columns = (TextColumn("Sending again"), BarColumn(), TextColumn("{task.completed} of {task.total}"))
    left = (TimeElapsedColumn(), TextColumn("left:"), TimeRemainingColumn())
    with Progress(*columns, *left, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("", total=asked.orders)
        try:
            while not asked.done:
                sleep(_EVERY)
                with database.unit_of_work() as work:
                    asked = progress_of(work, asked.replay_id) or fail("The replay cannot be found any more.")
                bar.update(task, completed=asked.sent)
                if asked.given_up is not None:
                    fail(f"{asked.given_up} `orderbridge dead-letters list` may say more.")
                if not told_so and not asked.sent and not asked.done and monotonic() > begun + _TAKEN_UP_WITHIN:
                    told_so = True
                    errors.print("Nobody has taken it up yet: do ticker and importer run?", soft_wrap=True)
        except KeyboardInterrupt:
            errors.print("It goes on by itself.", soft_wrap=True)
            raise typer.Exit(130) from None
    return asked


def _zone(work: Work, account_id: str | None) -> tzinfo:
    account = find_account(work, account_id) if account_id is not None else None
    return account.zone if account is not None else UTC


def _moment(text: str | None, zone: tzinfo, option: str) -> datetime | None:
    """A moment, or the beginning of a day in that zone."""
    if text is None:
        return None
    try:
        if len(text) == len("2026-11-24"):
            return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=zone).astimezone(UTC)
        return _MOMENT.validate_python(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is neither a day such as 2026-11-24 nor a moment such as 2026-11-24T09:00:00Z", param_hint=option
        ) from None
