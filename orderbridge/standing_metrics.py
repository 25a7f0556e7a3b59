"""What the database tells Prometheus of the whole: what waits, what is late, what is left.

Read when it is asked for, at most every `AT_MOST_EVERY` seconds, by the ticker that has the relay's lease: so each
number is told once, however many processes there are. They are those of the console's overview.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from orderbridge.database import quotas
from orderbridge.database.engine import is_outage
from orderbridge.database.models import Account, Attention, Mail, PersonalDataRow, Quota
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.doctor.database import LATE
from orderbridge.mail.late import late_since
from orderbridge.orders.read_up_to import read_up_to
from orderbridge.overview import Overview, overview
from orderbridge.telemetry import describe

log = structlog.get_logger()
AT_MOST_EVERY: Final = 5.0
"""Seconds."""


@dataclass(frozen=True)
class Standing:
    """What was read at one moment."""

    overview: Overview
    quotas: dict[tuple[str, str], tuple[int, int]]
    """Per account and operation: calls not used up, and at most."""
    attentions: list[tuple[str, str]]
    """Per account and trouble."""
    mails_waiting: int
    overdue: int
    read_up_to: dict[str, datetime]
    """Per account: `orderbridge.orders.read_up_to`."""


def read_standing(work: Work) -> Standing:
    """How the whole stands now."""
    seen = overview(work, with_told=False)
    of_accounts = select(Quota).where(Quota.account_id.in_(select(Account.account_id)))  # others are breakers alone
    left = {
        (row.account_id, row.operation): (quotas.not_used_up(row, work.now), row.burst)
        for row in work.session.scalars(of_accounts)
    }
    open_ones = select(Attention.account_id, Attention.trouble).where(Attention.ended_at.is_(None))
    late = select(func.count()).where(PersonalDataRow.redacted_at.is_(None), PersonalDataRow.dies_at < work.now - LATE)
    return Standing(
        overview=seen,
        quotas=left,
        attentions=[(account, trouble) for account, trouble in work.session.execute(open_ones)],
        mails_waiting=work.session.scalar(select(func.count(Mail.event_id)).where(late_since(work.now))) or 0,
        overdue=work.session.scalar(late) or 0,
        read_up_to=read_up_to(work),
    )


class StandingMetrics(Collector):
    """The gauges. They are told while `tells()`; not while the database is away: then their absence tells."""

    def __init__(self, database: Database | None, tells: Callable[[], bool]) -> None:
        self._database = database
        self._tells = tells
        self._lock = threading.Lock()
        self._read: Standing | None = None
        self._read_at = -AT_MOST_EVERY

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families of all gauges, without a number where nothing is told."""
        standing = self._standing() if self._tells() else None
        for name, (says, labels, values) in _GAUGES.items():
            family = GaugeMetricFamily(f"orderbridge_{name}", says, labels=labels)
            for label_values, value in values(standing) if standing is not None else ():
                family.add_metric(label_values, value)
            yield family

    def _standing(self) -> Standing | None:
        if self._database is None:
            return None
        with self._lock:
            if time.monotonic() - self._read_at >= AT_MOST_EVERY:
                self._read = _read_or_none(self._database)
                self._read_at = time.monotonic()
            return self._read


def _read_or_none(database: Database) -> Standing | None:
    try:
        with database.unit_of_work() as work:
            return read_standing(work)
    except Exception as error:
        if not is_outage(error):
            log.error("no metrics of the database", exception=describe(error))
        return None


Values = list[tuple[list[str], float]]
_Gauge = tuple[str, list[str], Callable[[Standing], Values]]


def _one(value: float | None) -> Values:
    return [] if value is None else [([], value)]


def _oldest_due(standing: Standing) -> float:
    since = standing.overview.oldest_due_at
    return 0.0 if since is None else max((standing.overview.at - since).total_seconds(), 0.0)


_GAUGES: Final[dict[str, _Gauge]] = {
    "processes": (
        "Processes of a service that have told of themselves within 20 s.",
        ["service"],
        lambda one: [([name], part.processes) for name, part in one.overview.parts.items()],
    ),
    "dead_letters_open": (
        "Dead letters that nobody has settled.",
        ["service"],
        lambda one: [([name], part.dead_letters) for name, part in one.overview.parts.items()],
    ),
    "outbox_due_events": (
        "Events that should have been published by now.",
        [],
        lambda one: _one(one.overview.due),
    ),
    "outbox_oldest_due_seconds": (
        "For how long the oldest of them has been due.",
        [],
        lambda one: _one(_oldest_due(one)),
    ),
    "quota_calls_left": (
        "Calls that Amazon's limit takes at once just now, whether it is asked or not.",
        ["account", "operation"],
        lambda one: [([*of], left) for of, (left, _) in one.quotas.items()],
    ),
    "quota_calls_most": (
        "Calls to Amazon that may be made at once when none was made for a while.",
        ["account", "operation"],
        lambda one: [([*of], most) for of, (_, most) in one.quotas.items()],
    ),
    "shipments": (
        "Packages on their way to Amazon, by state: waiting for a call, or held.",
        ["state"],
        lambda one: [
            (["waiting"], one.overview.shipments_waiting),
            (["held"], one.overview.shipments_held),
        ],
    ),
    "orders_late": (
        "Orders not shipped with a deadline near; more than 100 are not counted.",
        [],
        lambda one: _one(one.overview.late_soon),
    ),
    "personal_data_alive_orders": (
        "Orders whose personal data can be opened.",
        [],
        lambda one: _one(one.overview.alive),
    ),
    "personal_data_last_day_timestamp_seconds": (
        "When the last of it dies.",
        [],
        lambda one: _one(one.overview.last_day.timestamp() if one.overview.last_day else None),
    ),
    "personal_data_overdue_orders": (
        "Orders that should have been redacted a quarter of an hour ago: it should be none.",
        [],
        lambda one: _one(one.overdue),
    ),
    "attentions": (
        "1 for each trouble that a person must mend.",
        ["account", "trouble"],
        lambda one: [([*of], 1) for of in one.attentions],
    ),
    "mails_waiting": (
        "Events that should have been mailed by now, and those whose mail has failed and is tried again.",
        [],
        lambda one: _one(one.mails_waiting),
    ),
    "import_read_up_to_timestamp_seconds": (
        "Up to when the orders of an account that is switched on are read; at first, when it was connected.",
        ["account"],
        lambda one: [([account_id], moment.timestamp()) for account_id, moment in one.read_up_to.items()],
    ),
}
