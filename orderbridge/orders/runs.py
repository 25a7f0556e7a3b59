"""Runs of the import, the latest first, and what one did: problems first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from orderbridge.database.models import WITH_PROBLEMS, Run, RunLineRow
from orderbridge.database.unit_of_work import Work
from orderbridge.orders.keyset import above, below
from schemas.imports import ImportFinished, RunLine

Place = tuple[datetime, str]
"""Where a page of runs ends: when its last run began, and that run's id."""
LinePlace = tuple[int, int]
"""Where a page of lines ends: the rank and the id of its last line."""


@dataclass(frozen=True)
class RunFilter:
    """Which runs; None is any."""

    account_id: str | None = None
    kind: str | None = None
    with_problems: bool = False


def latest_runs(work: Work, wanted: RunFilter, limit: int, after: Place | None = None) -> list[Run]:
    """The latest runs that pass the filter, at most `limit`, behind `after` where that is given."""
    statement = select(Run).order_by(Run.started_at.desc(), Run.run_id.desc()).limit(limit)
    if wanted.account_id is not None:
        statement = statement.where(Run.account_id == wanted.account_id)
    if wanted.kind is not None:
        statement = statement.where(Run.kind == wanted.kind)
    if wanted.with_problems:
        statement = statement.where(WITH_PROBLEMS)
    if after is not None:
        statement = statement.where(below((Run.started_at, Run.run_id), after))
    return list(work.session.scalars(statement))


def lines_of(work: Work, run_id: str, limit: int, after: LinePlace | None = None) -> list[tuple[LinePlace, RunLine]]:
    """What the run did with each order, each with its place: problems first, then what lacks a mapping."""
    statement = (
        select(RunLineRow).where(RunLineRow.run_id == run_id).order_by(RunLineRow.rank, RunLineRow.line_id).limit(limit)
    )
    if after is not None:
        statement = statement.where(above((RunLineRow.rank, RunLineRow.line_id), after))
    rows = work.session.scalars(statement)
    return [((row.rank, row.line_id), RunLine.model_validate_json(row.line)) for row in rows]


def number_of_lines(work: Work, run_id: str) -> int:
    """How many lines the run has."""
    return work.session.scalar(select(func.count()).where(RunLineRow.run_id == run_id)) or 0


def log_of(run: Run) -> ImportFinished | None:
    """The log of a run that has ended."""
    return ImportFinished.model_validate_json(run.log) if run.log else None


def summary_of(run: Run) -> dict[str, Any]:
    """How far an open run is, or what one that ended did."""
    told = json.loads(run.log or run.progress)
    return {
        "run_id": run.run_id,
        "account_id": run.account_id,
        "kind": run.kind,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "counts": told["counts"],
        "amazon_calls": told["amazon_calls"],
        "waited_seconds": round(told["waited_seconds"]),
        "problems": len(told["problems"]),
    }
