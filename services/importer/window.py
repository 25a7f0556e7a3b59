"""A run of an account's import: the span of Amazon's updates it reads, page by page, and what it has seen so far."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from pydantic import BaseModel

from orderbridge.accounts import ConnectedAccount
from schemas.base import Moment
from schemas.imports import ImportCounts, ImportFinished

OVERLAP = timedelta(minutes=10)
"""How far a run reaches back behind the last one: Amazon shows an update some minutes late (facts: 3 min and more)."""


class Window(BaseModel):
    """An open run, as it lies in `account_states.window` between two pages."""

    run_id: str
    started_at: Moment
    updated_after: Moment
    updated_before: Moment | None = None
    """Up to where Amazon looked, by its first answer: the next cursor."""
    next_token: str | None = None
    counts: ImportCounts = ImportCounts()
    amazon_calls: int = 0
    last_order_id: str | None = None
    problems: tuple[str, ...] = ()
    restarted: bool = False
    """It has started over once: its paging failed. A second time ends it, and the next slot tries again."""

    @classmethod
    def open(cls, account: ConnectedAccount, cursor: datetime | None, now: datetime) -> Window:
        """A new run: from the cursor less the overlap, the first one from the account's import date."""
        start = account.settings.import_from or account.connected_at or now
        after = cursor - OVERLAP if cursor is not None else start
        return cls(run_id=str(uuid.uuid4()), started_at=now, updated_after=min(after, now - timedelta(minutes=3)))

    def with_problem(self, problem: str) -> Window:
        """The run with one more thing that needs a person."""
        return self.model_copy(update={"problems": (*self.problems, problem)[-20:]})

    def start_over(self) -> Window:
        """The run from its first page again; what it has counted and found stays."""
        return self.model_copy(update={"next_token": None, "updated_before": None, "restarted": True})

    def finished(self, account_id: str, now: datetime) -> ImportFinished:
        """The run's log."""
        return ImportFinished(
            account_id=account_id,
            run_id=self.run_id,
            started_at=self.started_at,
            finished_at=now,
            updated_after=self.updated_after,
            updated_before=self.updated_before,
            counts=self.counts,
            amazon_calls=self.amazon_calls,
            problems=self.problems,
        )
