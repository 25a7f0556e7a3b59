"""One breaker for each of Amazon's endpoints: a region that hangs is asked by a single probe, not by every account.

A call that hangs holds up whatever stands behind it on its partition, other accounts' work too. So time-outs are
counted over all accounts of an endpoint: after three in a row none of them calls, and one probes ever more seldom.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, select, update

from orderbridge.database import quotas
from orderbridge.database.models import Quota
from orderbridge.database.unit_of_work import Work

_ALL = "*"
_RATE, _BURST = 1000.0, 1000
"""No limit: the row is there for its breaker."""


def hangs_until(work: Work, api_url: str) -> datetime | None:
    """When a probe may go to an endpoint that hangs; None while it is well. Locks nothing, and takes nothing."""
    found = work.session.execute(select(Quota.faults, Quota.closed_until_us).where(*_row(api_url))).one_or_none()
    if found is None or found.faults < quotas.FAULTS_TO_CLOSE:
        return None
    return quotas.closed_until(work, found.closed_until_us)


def take_probe(work: Work, api_url: str) -> datetime | None:
    """Be the one that asks whether the endpoint is there again: None, or when the next one may ask."""
    return quotas.reserve(work, _name(api_url), _ALL, rate_per_second=_RATE, burst=_BURST)


def timed_out(work: Work, api_url: str) -> None:
    """A call was not answered."""
    if work.session.execute(select(Quota.faults).where(*_row(api_url))).first() is None:
        take_probe(work, api_url)  # makes the row
    quotas.faulted(work, _name(api_url), _ALL)


def answered(work: Work, api_url: str) -> None:
    """A call was answered, whatever it said."""
    work.session.execute(
        update(Quota)
        .where(*_row(api_url), Quota.faults > 0)
        .values(faults=0, closed_until_us=0)
        .execution_options(synchronize_session=False)
    )


def _row(api_url: str) -> tuple[ColumnElement[bool], ...]:
    return (Quota.account_id == _name(api_url), Quota.operation == _ALL)


def _name(api_url: str) -> str:
    return f"@{api_url}"[:100]
