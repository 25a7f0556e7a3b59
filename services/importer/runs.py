"""A run of an account's import, as it lies in the table `runs`: what it has seen so far, its lines, and its end."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self, TypeVar

import structlog
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, insert, select

from orderbridge.database.models import AccountState, Run, RunLineRow
from orderbridge.database.unit_of_work import Work
from schemas.base import Moment
from schemas.imports import MOST_LINES, ImportCounts, ImportDue, ImportFinished, RunKind, RunLine, SkippedBecause

log = structlog.get_logger()
_MOST_PROBLEMS = 20
_PROBLEM, _MISSING, _REST = 0, 1, 2


class Progress(BaseModel):
    """Where an open run stands between two steps; each kind of run adds what it needs."""

    model_config = ConfigDict(frozen=True)

    run_id: str = Field(default_factory=lambda: str(uuid.uuid4()))
    kind: RunKind
    account_id: str
    started_at: Moment
    updated_after: Moment
    """From where it reads."""
    updated_before: Moment | None = None
    """Up to where it has read, or is to read."""
    counts: ImportCounts = ImportCounts()
    skipped_because: dict[str, int] = {}
    amazon_calls: int = 0
    waited_seconds: float = 0.0
    waits_until: Moment | None = None
    """Up to when `waited_seconds` counts."""
    problems: tuple[str, ...] = ()
    last_order_id: str | None = None

    def with_problem(self, problem: str) -> Self:
        """The run with one more thing that needs a person; the same one is said once."""
        if problem in self.problems:
            return self
        return self.model_copy(update={"problems": (*self.problems, problem)[-_MOST_PROBLEMS:]})

    def counted(self, lines: Iterable[RunLine]) -> Self:
        """The run after it has done these."""
        counts, because = self.counts.model_dump(), dict(self.skipped_because)
        for line in lines:
            counts["seen"] += 1
            counts[line.did] += 1
            if line.reason is not None:
                because[line.reason] = because.get(line.reason, 0) + 1
        return self.model_copy(update={"counts": ImportCounts(**counts), "skipped_because": because})

    def with_call(self) -> Self:
        """The run after one more call to Amazon."""
        return self.model_copy(update={"amazon_calls": self.amazon_calls + 1})


P = TypeVar("P", bound=Progress)


def find_open(work: Work, account_id: str, kind: str) -> Run | None:
    """The account's open run of a kind."""
    open_runs = select(Run).where(Run.account_id == account_id, Run.kind == kind, Run.finished_at.is_(None))
    return work.session.scalars(open_runs.execution_options(populate_existing=True)).one_or_none()


def save(work: Work, progress: Progress) -> None:
    """Keep where the run stands; a new one is opened thereby."""
    values: dict[str, Any] = {"progress": progress.model_dump_json(), "problems": len(progress.problems)}
    work.session.execute(
        work.insert(Run)
        .values(
            run_id=progress.run_id,
            account_id=progress.account_id,
            kind=progress.kind,
            started_at=progress.started_at,
            **values,
        )
        .on_conflict_do_update(index_elements=["run_id"], set_=values)
    )


def add_lines(work: Work, run_id: str, lines: Iterable[RunLine]) -> None:
    """Keep what the run did with these orders; nothing is kept of those that were left as they are."""
    rows = [
        {"run_id": run_id, "rank": _rank(line), "line": line.model_dump_json(exclude_defaults=True)}
        for line in lines
        if line.did != "unchanged" or line.problem
    ]
    if rows:
        work.session.execute(insert(RunLineRow), rows)


def without_told(work: Work, run_id: str, lines: list[RunLine]) -> list[RunLine]:
    """Those of the lines that say something new in a run that reads some orders a second time."""
    rows = work.session.scalars(select(RunLineRow.line).where(RunLineRow.run_id == run_id))
    told = {line.order_id: line for line in map(RunLine.model_validate_json, rows)}
    return [
        line for line in lines if line.order_id not in told or line.did not in ("unchanged", told[line.order_id].did)
    ]


def go_on(work: Work, progress: Progress, at: datetime) -> None:
    """Keep where the run stands, and go on at a moment; until then it waits for Amazon."""
    waits_since = max(work.now, progress.waits_until or work.now)  # a slot may meet a run that waits already
    waits = max((at - waits_since).total_seconds(), 0.0)
    waited = {"waited_seconds": progress.waited_seconds + waits, "waits_until": max(at, waits_since)}
    save(work, progress.model_copy(update=waited))
    rest = ImportDue(account_id=progress.account_id, reason="rest", run_id=progress.run_id)
    work.post(rest, at=at, name=f"import-rest:{progress.run_id}")


def wake(work: Work, account_id: str, kinds: Iterable[str]) -> None:
    """Go on with the account's open runs of these kinds, unless that is planned already.

    A `rest` carries them, and may be skipped while the account is switched off, or end as a dead letter.
    """
    open_runs = select(Run.run_id).where(
        Run.account_id == account_id, Run.kind.in_(tuple(kinds)), Run.finished_at.is_(None)
    )
    for run_id in work.session.scalars(open_runs):
        rest = ImportDue(account_id=account_id, reason="rest", run_id=run_id)
        work.post_once(rest, at=work.now, name=f"import-rest:{run_id}")


def finish(work: Work, progress: Progress) -> None:
    """End the run and tell its log."""
    save(work, progress)
    run = work.session.get_one(Run, progress.run_id, populate_existing=True)
    run.finished_at = work.now
    rows = work.session.scalars(
        select(RunLineRow.line)
        .where(RunLineRow.run_id == progress.run_id)
        .order_by(RunLineRow.rank, RunLineRow.line_id)
        .limit(MOST_LINES)
    ).all()
    lines = tuple(RunLine.model_validate_json(row) for row in rows)
    kept = select(func.count()).select_from(RunLineRow).where(RunLineRow.run_id == progress.run_id)
    told = ImportFinished(
        **progress.model_dump(include=set(ImportFinished.model_fields) - {"skipped_because"}),
        skipped_because=tuple(
            SkippedBecause(reason=reason, orders=orders) for reason, orders in sorted(progress.skipped_because.items())
        ),
        finished_at=work.now,
        lines=lines,
        lines_left_out=work.session.scalars(kept).one() - len(lines),
    )
    run.log = told.model_dump_json(exclude={"lines"}, exclude_none=True)
    run.progress = "{}"
    work.withdraw(f"import-rest:{progress.run_id}")
    if progress.kind != "dry_run":
        work.post(told)
    log.info("import finished", account=progress.account_id, kind=progress.kind, **progress.counts.model_dump())


def state_of(work: Work, account_id: str) -> AccountState:
    """Where the account's import stands; the first asking makes the row."""
    state = work.session.get(AccountState, account_id, populate_existing=True)
    if state is None:
        state = AccountState(account_id=account_id)
        work.session.add(state)
    return state


def _rank(line: RunLine) -> int:
    return _PROBLEM if line.problem else _MISSING if line.missing else _REST
