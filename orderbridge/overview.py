"""How the whole system stands, at a glance: its parts, what flows between them, and what waits. For people to see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy import func, select

from orderbridge.accounts import ConnectedAccount, read_account
from orderbridge.amazon.operations import CONFIRM_SHIPMENT, SEARCH_ORDERS
from orderbridge.database import quotas
from orderbridge.database.models import (
    Account,
    AccountState,
    HandlerFailure,
    OutboxRow,
    PackageRow,
    PersonalDataRow,
    ProcessRow,
    ServiceState,
)
from orderbridge.database.models.messages import DEAD_LETTER
from orderbridge.database.unit_of_work import Work
from orderbridge.heartbeat import SILENT_AFTER
from orderbridge.orders.late import late_orders
from orderbridge.plural import number_of

State = Literal["well", "waiting", "bad", "off"]
NEEDED: Final = ("importer", "shipper", "redactor", "ticker")
"""Without one of these nothing goes on."""
SERVICES: Final = (*NEEDED, "reporter", "listener", "api", "console")
PAUSED: Final = "has paused itself"
WAITS_FOR: Final = "waits for"
LATELY: Final = timedelta(hours=1)
LATE_COUNTED: Final = 100
"""More late orders than these are not counted."""
_BEHIND: Final = 1_000
"""So many events not handled yet are worth a look."""
_SLOW: Final = timedelta(minutes=1)
"""So long an event waits to be published only if something is wrong."""


@dataclass(frozen=True)
class Part:
    """A service: how it is, in a word for colours and in a sentence, and what it met with."""

    service: str
    state: State
    says: str
    processes: int
    lag: int | None
    """Events it has not handled yet; None where it reads none."""
    last_error: str | None
    last_error_at: datetime | None
    dead_letters: int


@dataclass(frozen=True)
class AccountView:
    """Where an account's import stands."""

    account_id: str
    enabled: bool
    connected: bool
    last_order: str | None
    last_run_at: datetime | None
    next_import_at: datetime | None
    calls_left: dict[str, tuple[int, int]]
    """Per operation: how many calls may be made at once just now, and how many at most."""


@dataclass(frozen=True)
class Overview:
    """All of it, at one moment."""

    at: datetime
    parts: dict[str, Part]
    told: Counter[str]
    """Events published within the last hour, per topic."""
    due: int
    """Events that should have been published by now."""
    oldest_due_at: datetime | None
    shipments_waiting: int
    shipments_held: int
    late_soon: int
    """At most `LATE_COUNTED`."""
    alive: int
    """Orders whose personal data can be opened."""
    last_day: datetime | None
    """When the last of it dies."""
    accounts: tuple[AccountView, ...]


def overview(work: Work, *, with_told: bool = True) -> Overview:
    """How everything stands now; `told`, which takes longest after a busy hour, only where it is wanted."""
    now = work.now
    session = work.session
    told: Counter[str] = Counter()
    lately = select(OutboxRow.topic, func.count()).where(OutboxRow.published_at > now - LATELY)
    for topic, count in session.execute(lately.group_by(OutboxRow.topic)) if with_told else ():
        told[topic] = count
    due = select(func.count(), func.min(OutboxRow.due_at)).where(
        OutboxRow.published_at.is_(None), OutboxRow.due_at <= now
    )
    due_count, oldest_due_at = session.execute(due).one()
    packages = select(PackageRow.state, func.count()).where(PackageRow.state.in_(("waiting", "held")))
    waiting = {row[0]: row[1] for row in session.execute(packages.group_by(PackageRow.state))}
    alive = select(func.count(), func.max(PersonalDataRow.dies_at)).where(
        PersonalDataRow.redacted_at.is_(None), PersonalDataRow.dies_at > now, PersonalDataRow.seal.is_not(None)
    )
    alive_count, last_day = session.execute(alive).one()
    return Overview(
        at=now,
        parts=read_parts(work, oldest_due_at),
        told=told,
        due=due_count,
        oldest_due_at=oldest_due_at,
        shipments_waiting=waiting.get("waiting", 0),
        shipments_held=waiting.get("held", 0),
        late_soon=len(late_orders(work, most=LATE_COUNTED)),
        alive=alive_count,
        last_day=last_day,
        accounts=tuple(_accounts(work)),
    )


def read_parts(work: Work, oldest_due_at: datetime | None = None) -> dict[str, Part]:
    """Each service by its name. `oldest_due_at`: when the event that has waited longest should have been published."""
    now = work.now
    rows: dict[str, list[ProcessRow]] = {service: [] for service in SERVICES}
    for row in work.session.scalars(select(ProcessRow).order_by(ProcessRow.started_at)):
        rows.setdefault(row.service, []).append(row)
    paused = set(work.session.scalars(select(ServiceState.service).where(ServiceState.paused_at.is_not(None))))
    unsettled = select(OutboxRow.topic, func.count()).where(DEAD_LETTER, OutboxRow.settled_at.is_(None))
    letters = {row[0]: row[1] for row in work.session.execute(unsettled.group_by(OutboxRow.topic))}
    newest = select(func.max(HandlerFailure.failure_id)).group_by(HandlerFailure.service)
    failures = {
        one.service: one
        for one in work.session.scalars(select(HandlerFailure).where(HandlerFailure.failure_id.in_(newest)))
    }
    parts = {}
    for service, processes in rows.items():
        fresh = [row for row in processes if row.seen_at > now - SILENT_AFTER]
        lags = [row.lag for row in fresh if row.lag is not None]
        lag = sum(lags) if lags else None
        late = service == "ticker" and oldest_due_at is not None and now - oldest_due_at > _SLOW
        state, says = _state(service, processes, fresh, lag, paused=service in paused, late=late)
        failure = failures.get(service)
        parts[service] = Part(
            service=service,
            state=state,
            says=says,
            processes=len(fresh),
            lag=lag,
            last_error=failure.exception if failure else None,
            last_error_at=failure.failed_at if failure else None,
            dead_letters=letters.get(f"{service}.dead-letter", 0),
        )
    return parts


def _state(
    service: str,
    processes: Sequence[ProcessRow],
    fresh: Sequence[ProcessRow],
    lag: int | None,
    *,
    paused: bool,
    late: bool,
) -> tuple[State, str]:
    running = number_of(len(fresh), "process")
    if not fresh:
        if processes:
            return "bad", f"silent since {max(row.seen_at for row in processes):%Y-%m-%d %H:%M} UTC"
        return ("bad", "not running") if service in NEEDED else ("off", "not running")
    if paused:
        return "bad", PAUSED
    if any(row.state == "stuck" for row in fresh):
        return "bad", "is stuck"
    waiting = [row.waiting_for for row in fresh if row.state == "waiting" and row.waiting_for]
    if waiting:
        return "waiting", f"{WAITS_FOR} {waiting[0]}"
    if late:
        return "waiting", "events are late"
    if lag is not None and lag > _BEHIND:
        return "waiting", f"{lag:,} behind"
    return "well", running if lag is None else f"{running}, {lag:,} behind"


def _accounts(work: Work) -> list[AccountView]:
    states = {state.account_id: state for state in work.session.scalars(select(AccountState))}
    views = []
    for account in map(read_account, work.session.scalars(select(Account).order_by(Account.account_id))):
        state = states.get(account.account_id)
        views.append(
            AccountView(
                account_id=account.account_id,
                enabled=account.settings.enabled,
                connected=account.connected,
                last_order=state.last_order_id if state else None,
                last_run_at=state.last_run_at if state else None,
                next_import_at=next_import(account, work.now),
                calls_left={
                    operation.name: quotas.calls_left(work, account.account_id, operation.name)
                    or (operation.burst - 1, operation.burst - 1)
                    for operation in (SEARCH_ORDERS, CONFIRM_SHIPMENT)
                },
            )
        )
    return views


def next_import(account: ConnectedAccount, now: datetime) -> datetime | None:
    """When the ticker asks for the account's import next; None while it is off."""
    if not (account.connected and account.settings.enabled):
        return None
    every = timedelta(minutes=account.settings.import_every_minutes)
    epoch = datetime(1970, 1, 1, tzinfo=now.tzinfo)
    return now + every - (now - epoch) % every
