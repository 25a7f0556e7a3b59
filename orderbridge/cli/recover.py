"""`orderbridge recover`: after a restore of the database, sets right what it has forgotten."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from sqlalchemy import select

from orderbridge.accounts import connected_accounts
from orderbridge.accounts.onboarding import check_endpoints
from orderbridge.cli.application import Json, app, console, errors, fail, open_database, print_json
from orderbridge.database.models import Lease
from orderbridge.database.unit_of_work import Database
from orderbridge.recovery import OVERLAP, CannotRecover
from orderbridge.recovery.packages import Packages, packages_of
from orderbridge.recovery.reading import read_since
from orderbridge.recovery.redactions import Redactions, repair
from orderbridge.recovery.rewinding import Groups, Plan, groups_of
from orderbridge.recovery.unread import oldest_unread, store_topics
from orderbridge.settings import Settings, load_settings
from orderbridge.vault.key_ring import FolderKeyRing
from schemas.base import Moment
from schemas.imports import ImportDue

_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_GO_ON = "The same command goes on where it stopped. Start the services only after it is through."


@dataclass
class _Report:
    """What was done, or would be; its fields are what `--json` prints."""

    since: datetime
    read_from: datetime
    dry_run: bool
    unread_since: datetime | None = None
    """The oldest event that a worker, down or behind when the dump was made, had not read then."""
    orders_to_read: int = 0
    orders_read: int = 0
    packages_taken_over: int = 0
    packages_settled: int = 0
    orders_unknown: list[str] = field(default_factory=list)
    events_to_read_again: dict[str, int] = field(default_factory=dict)
    redactions: Redactions | None = None
    gaps: dict[str, datetime | None] = field(default_factory=dict)


@app.command()
def recover(
    since: Annotated[
        str, typer.Option(help="When the dump was begun: 2026-11-24T09:00:00Z, or a day (its beginning, UTC).")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do, and do nothing.")] = False,
    as_json: Json = False,
) -> None:
    """After a restore of the database, bring it together again with Kafka, Amazon and the key ring. Stop all services.

    Reads from Amazon which packages it has, so that none is confirmed twice; has orders redacted again whose day has
    come; and takes the services back to MOMENT, less ten minutes, so that they read again what the database has
    forgotten. What is repeated does nothing. An earlier MOMENT than needed costs time alone.

    Amazon is asked about one order every two seconds, after a burst of 30. Ctrl-C loses nothing: the same command goes
    on.

    Example: `orderbridge recover --since 2026-11-24T09:00:00Z`

    Next: start the services.
    """
    settings = load_settings()
    moment = _moment(since)
    if settings.kafka_embedded:
        fail(
            "`orderbridge up` has a broker that forgets everything at its end: nothing of it is ahead of the database. "
            "There is nothing to recover; `orderbridge up` publishes again by itself."
        )
    try:
        with open_database() as database, groups_of(settings) as groups:
            if moment > database.clock.now():
                raise typer.BadParameter(f"{since} lies ahead", param_hint="--since")
            check_endpoints(settings, database)
            _refuse_while_services_run(settings, database, groups)
            report = _recover(settings, database, groups, _Report(moment, moment - OVERLAP, dry_run))
    except CannotRecover as error:
        fail(str(error))
    except KeyboardInterrupt:
        errors.print(_GO_ON, highlight=False, soft_wrap=True)
        raise typer.Exit(130) from None
    _print(report, as_json)


def _moment(text: str) -> datetime:
    try:
        return _MOMENT.validate_python(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text)
    except ValidationError:
        raise typer.BadParameter(
            "expected when the dump was begun, as 2026-11-24T09:00:00Z or as a day, 2026-11-24", param_hint="--since"
        ) from None


def _refuse_while_services_run(settings: Settings, database: Database, groups: Groups) -> None:
    """A service that was stopped just now is missed by Kafka only after its session's end: so long it is waited."""
    end = monotonic() + settings.session_timeout_seconds + 5
    with errors.status("Looking whether all services have stopped"):
        while running := _running(database, groups):
            if monotonic() > end:
                fail(
                    f"Still running: {', '.join(running)}. Stop all services of this installation (importer, shipper, "
                    "redactor, reporter, ticker), and recover then: they would go on meanwhile with what the database "
                    "has forgotten."
                )
            sleep(0.5)


def _running(database: Database, groups: Groups) -> list[str]:
    with database.unit_of_work() as work:
        relay = work.session.scalars(select(Lease).where(Lease.name == "relay", Lease.until > work.now)).first()
    return [*groups.members(), *(["the ticker"] if relay is not None else [])]


def _recover(settings: Settings, database: Database, groups: Groups, report: _Report) -> _Report:
    """First the packages, last the offsets: cut off in between, nothing is read again before all is ready for it."""
    packages = packages_of(settings, database, report.since)
    report.unread_since = _unread_since(settings, database, groups, report.read_from)
    if report.unread_since is not None:
        report.read_from = min(report.read_from, report.unread_since - OVERLAP)
    plan = groups.plan(report.read_from, database.clock.now())
    report.gaps = {gap.topic: gap.begins_at for gap in plan.gaps}
    report.events_to_read_again = _events(plan)
    _read_packages(settings, packages, report)
    with database.unit_of_work() as work:
        if settings.key_ring.is_dir():
            report.redactions = repair(work, FolderKeyRing(settings.key_ring, None, settings.key_ring_grid))
        if report.dry_run:
            work.rollback()
            return report
        for account in connected_accounts(work):
            if account.settings.enabled:
                due = ImportDue(account_id=account.account_id, reason="now")
                work.post(due, name=f"recover:import:{account.account_id}")
    groups.rewind(plan.steps)
    return report


def _unread_since(settings: Settings, database: Database, groups: Groups, before: datetime) -> datetime | None:
    """When the oldest event was published that was unread at the dump, if it would not be read again anyway."""
    first = before - timedelta(days=settings.topic_retention_days)
    with errors.status("Looking what was unread when the dump was made"):
        said = [one for one in read_since(settings, store_topics(), first) if one.timestamp < before]
    with database.unit_of_work() as work:
        oldest = oldest_unread(work, said, groups.workers(), first, settings.topic_prefix)
    return oldest if oldest is not None and oldest < before else None


def _events(plan: Plan) -> dict[str, int]:
    counts: dict[str, int] = {}
    for step in plan.steps:
        counts[step.group] = counts.get(step.group, 0) + step.committed - step.target
    return counts


def _read_packages(settings: Settings, packages: Packages, report: _Report) -> None:
    with errors.status("Reading the topics"):
        orders = packages.orders(read_since(settings, packages.topics, report.read_from))
    report.orders_to_read = len(orders)
    if report.dry_run:
        return
    with _bar() as bar:
        for order in bar.track(orders, description="Asking Amazon, order by order"):
            found = packages.read(order, _wait)
            report.orders_read += found.is_known
            report.packages_taken_over += found.taken_over
            report.packages_settled += found.settled
            if not found.is_known:
                report.orders_unknown.append(order.order_id)


def _wait(until: datetime) -> None:
    sleep(min(max((until - datetime.now(UTC)).total_seconds(), 0.05), 60.0))


def _bar() -> Progress:
    columns = (BarColumn(), TextColumn("{task.completed} of {task.total}"), TimeElapsedColumn())
    left = (TextColumn("left:"), TimeRemainingColumn(elapsed_when_finished=False))
    return Progress(TextColumn("{task.description}"), *columns, *left, console=errors, transient=True)


def _print(report: _Report, as_json: bool) -> None:
    redactions = report.redactions
    if as_json:
        shown: dict[str, Any] = {**vars(report), "redactions": vars(redactions) if redactions is not None else None}
        print_json(shown)
        return
    would = "would be " if report.dry_run else ""
    minutes = OVERLAP // timedelta(minutes=1)
    what = "the dump" if report.unread_since is None else "that"
    start = f"{report.read_from:%Y-%m-%d %H:%M:%S} UTC, {minutes} minutes before {what} to be safe"
    lines = [f"What was said since {start}, {would or 'is '}read again."]
    if report.unread_since is not None:
        lines.insert(
            0,
            "When the dump was made, a service was down or behind: what was said since "
            f"{report.unread_since:%Y-%m-%d %H:%M:%S} UTC it had not read yet.",
        )
    if report.dry_run:
        lines.append(f"Amazon would be asked about {report.orders_to_read} orders.")
    else:
        lines.append(
            f"Amazon was asked about {report.orders_to_read} orders. Of their packages {report.packages_taken_over} "
            f"were forgotten and are taken over, {report.packages_settled} still waited and are settled."
        )
    if report.orders_unknown:
        lines.append(
            f"Of these orders {len(report.orders_unknown)} are unknown to every connected account: "
            f"{', '.join(report.orders_unknown[:10])}. Is an account disconnected? Connect it, and recover again."
        )
    for group, count in report.events_to_read_again.items():
        lines.append(f"{group} {would or 'is '}taken back by {count} events.")
    if redactions is None:
        lines.append("There is no key ring at ORDERBRIDGE_KEY_RING here: its marks of redactions were not looked at.")
    else:
        lines.append(
            f"{redactions.overdue + redactions.marked} orders {would or 'are '}redacted again, {redactions.marked} of "
            "them before their day."
        )
        if redactions.without_key:
            lines.append(
                f"{redactions.without_key} orders have personal data whose key is not in the ring: nobody can open it. "
                "`orderbridge privacy reseal` fetches them again once the services run."
            )
    for topic, begins_at in report.gaps.items():
        first = f"begins at {begins_at:%Y-%m-%d %H:%M:%S} UTC" if begins_at is not None else "is empty"
        lines.append(
            f"What {topic} held before is gone: it {first}, by its retention. What the store said between the dump and "
            "then must be sent again by the store, with its package_id."
        )
    lines.append("Nothing was done." if report.dry_run else "Now start the services.")
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
