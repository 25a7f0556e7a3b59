"""The database: this release's tables, a clock that agrees, no data that should be dead, no trouble that stands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from orderbridge.accounts.attentions import STOPS_WORK, open_attentions
from orderbridge.database.engine import database_time
from orderbridge.database.migrate import current_and_head, is_ahead
from orderbridge.database.models import PersonalDataRow, ServiceState
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.doctor import Finding, error, ok, warning

APART = timedelta(seconds=5)
FAR_APART = timedelta(minutes=5)
"""Amazon refuses what is signed or dated so wrongly; a redaction would come as much too late."""
LATE = timedelta(minutes=15)


def check_tables(database: Database) -> Iterator[Finding]:
    """Whether the tables are this release's. Without them nothing else can be looked at."""
    current, head = current_and_head(database.engine)
    if current == head:
        yield ok("database", f"Its tables are this release's ({head}).")
    elif is_ahead(database.engine):
        yield warning(
            "database",
            f"Its tables are at {current}, ahead of this release's ({head}): one release back may be.",
            "If this is the release before, nothing. An older one needs a backup of its own time.",
        )
    else:
        yield error(
            "database",
            f"Its tables are at {current or 'nothing'}, this release needs {head}.",
            "`orderbridge migrate`.",
        )


def check_clocks(database: Database) -> Iterator[Finding]:
    """This host's clock against the database's, by which everything is dated. SQLite has the host's."""
    if database.is_sqlite:
        return
    before = datetime.now(UTC)
    told = database_time(database.engine)
    apart = abs(told - before - (datetime.now(UTC) - before) / 2)
    seconds = f"{apart.total_seconds():.1f} s"
    if apart < APART:
        yield ok("clock", f"This host and the database are {seconds} apart.")
    else:
        severe = error if apart > FAR_APART else warning
        yield severe(
            "clock",
            f"This host and the database are {seconds} apart. All goes by the database's clock: if that is the wrong "
            "one, personal data dies at the wrong time.",
            "Let both keep time (NTP), the database's host first.",
        )


def check_personal_data(work: Work) -> Iterator[Finding]:
    """Whether every order was redacted on its day."""
    overdue = select(func.count(), func.min(PersonalDataRow.dies_at)).where(
        PersonalDataRow.redacted_at.is_(None), PersonalDataRow.dies_at < work.now - LATE
    )
    count, oldest = work.session.execute(overdue).one()
    if count:
        yield error(
            "personal data",
            f"{count} orders should have been redacted, the oldest on {oldest:%Y-%m-%d %H:%M} UTC.",
            "Do the ticker and the redactor run? After a restore of the database: `orderbridge recover`.",
        )
    else:
        yield ok("personal data", "Every order whose day has come is redacted.")


def check_troubles(work: Work) -> Iterator[Finding]:
    """Accounts that need somebody, and services that have paused themselves."""
    for one in open_attentions(work):
        severe = error if one.trouble in STOPS_WORK else warning
        yield severe(f"account {one.account_id}", one.message, one.what_to_do)
    for state in work.session.scalars(select(ServiceState).where(ServiceState.paused_at.is_not(None))):
        yield error(
            f"service {state.service}",
            f"It has paused itself: {state.reason or 'too many failures'}.",
            f"Mend the cause, then `orderbridge resume {state.service}`.",
        )
