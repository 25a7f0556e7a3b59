"""The imports: whether each account's comes on, and what its last run met with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from sqlalchemy import select

from orderbridge.database.models import Run
from orderbridge.database.unit_of_work import Work
from orderbridge.doctor import Finding, error, ok, warning
from orderbridge.orders.read_up_to import read_up_to
from orderbridge.orders.runs import log_of

STANDS_AFTER: Final = timedelta(hours=3)
"""As the alert ImportStands has it."""
_LOOK: Final = "`orderbridge runs show {}` tells all of it. What lies there is read again by the next run."


def check_imports(work: Work) -> Iterator[Finding]:
    """Whether orders are read up to now, and whether the newest run that has ended is without a problem."""
    ill = False
    for account_id, moment in sorted(read_up_to(work).items()):
        late = work.now - moment > STANDS_AFTER
        run = _newest_ended(work, account_id)
        log = log_of(run) if run is not None else None
        problems = log.problems if log is not None else ()
        up_to = f"Its orders are read up to {moment:%Y-%m-%d %H:%M} UTC"
        ill = ill or late or bool(problems)
        if run is not None and problems:
            severe = error if late else warning
            what = f"{up_to}. Its last import met with a problem: {problems[-1]}"
            yield severe(f"account {account_id}", what, _LOOK.format(run.run_id))
        elif late:
            what_to_do = "`orderbridge runs list`: does a long run come on, or is nothing read?"
            yield warning(f"account {account_id}", f"{up_to} and no further.", what_to_do)
    if not ill:
        yield ok("imports", "Of each account that is switched on, all is read that Amazon changed.")


def _newest_ended(work: Work, account_id: str) -> Run | None:
    ended = select(Run).where(Run.account_id == account_id, Run.kind == "search", Run.finished_at.is_not(None))
    return work.session.scalars(ended.order_by(Run.started_at.desc()).limit(1)).first()
