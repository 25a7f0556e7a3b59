"""A search run: the span of Amazon's updates it reads, page by page, and where it has come to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal

from orderbridge.accounts import ConnectedAccount
from orderbridge.database.models import AccountState
from schemas.base import Moment
from schemas.imports import ImportCounts
from services.importer.runs import Progress

OVERLAP: Final = timedelta(minutes=10)
"""How far a run reaches back behind the last one: Amazon shows an update some minutes late (facts: 3 min and more)."""
SEARCHED: Final = timedelta(days=30)
"""What lies further back has no personal data left to read, and comes from Amazon's reports."""
MOST_PAGES: Final = 200
"""Of one window: a paging token lives for 24 hours, and a call comes every 179 s (484 a day)."""
_AMAZON_KEEPS_BACK: Final = timedelta(minutes=3)


def imported_from(account: ConnectedAccount, state: AccountState | None) -> datetime | None:
    """An order placed before this and unknown to us is not imported."""
    if state is not None and state.imported_from is not None:
        return state.imported_from
    return account.imports_from


class Window(Progress):
    """An open search. It reads one window of time after another; each has its own pages and moves the cursor."""

    kind: Literal["search", "dry_run"] = "search"
    marketplace_ids: tuple[str, ...]
    window_after: Moment
    window_before: Moment | None = None
    """Where this window is cut, because all would not fit into one; None is as far as Amazon tells."""
    next_token: str | None = None
    pages: int = 0
    newest: Moment | None = None
    """The newest update seen in this window, while its pages come in the order of updates."""
    in_order: bool = True
    unchanged: int = 0
    """Of this window's orders so far, those that were left as they are."""
    reads_again: bool = False
    """Some pages are read a second time: what has a line in the run's log already is not counted again."""
    restarted: bool = False
    """It has started over once: its paging failed. A second time ends the run, and the next slot tries again."""
    bad_answers: int = 0
    """Answers in a row that could not be read; each halves the next page, which may be too large for us."""
    left_out: tuple[str, ...] = ()
    """Data sets that Amazon refuses just now: what lacks them is read again when it refuses none."""
    without_addresses: bool = False
    """Some of its orders came without addresses: the role for them was missing."""
    suspects: tuple[str, ...] = ()
    """Amazon refuses one of these marketplaces: each is asked alone."""
    refused: tuple[str, ...] = ()
    """The suspects that were refused so far."""

    @classmethod
    def open(
        cls,
        account: ConnectedAccount,
        state: AccountState | None,
        now: datetime,
        *,
        kind: Literal["search", "dry_run"] = "search",
        marketplace_ids: tuple[str, ...] | None = None,
    ) -> Window:
        """A new run: from the cursor less the overlap, the first one from the account's import date."""
        if state is not None and state.cursor is not None:
            after = state.cursor - OVERLAP
        else:
            after = max(imported_from(account, state) or now, now - SEARCHED)
        if state is not None and state.read_again_from is not None:
            after = min(after, state.read_again_from)  # however long ago that was asked for
        after = min(after, now - _AMAZON_KEEPS_BACK)
        return cls(
            account_id=account.account_id,
            kind=kind,
            started_at=now,
            marketplace_ids=account.marketplace_ids if marketplace_ids is None else marketplace_ids,
            updated_after=after,
            window_after=after,
        )

    @property
    def end(self) -> datetime:
        """Up to where it reads. Amazon need not say so (`lastUpdatedBefore`): then all but what it keeps back."""
        return self.window_before or self.updated_before or self.started_at - _AMAZON_KEEPS_BACK

    def start_over(self) -> Window:
        """This window from its first page again; what the run has done and found stays."""
        return self._again(restarted=True)

    def _again(self, **update: object) -> Window:
        counts = self.counts.model_dump()
        counts |= {name: counts[name] - self.unchanged for name in ("seen", "unchanged")}
        again = {"counts": ImportCounts(**counts), "reads_again": True, "updated_before": None}
        return self.model_copy(update={**again, **_FIRST_PAGE, **update})

    def saw(self, updates: list[datetime], unchanged: int) -> Window:
        """The window after one more page, whose orders were updated at these moments; so many were left as they are."""
        newest, in_order = self.newest, self.in_order
        for update in updates:
            in_order = in_order and (newest is None or update >= newest)
            newest = update if newest is None else max(update, newest)
        page = {"pages": self.pages + 1, "unchanged": self.unchanged + unchanged}
        return self.model_copy(update={"newest": newest, "in_order": in_order, **page})

    def cut(self) -> Window:
        """The window that is to be read instead of the rest of this one, which is too long for one token.

        Where pages came in the order of updates it begins at the newest one seen: nothing is read twice but what was
        updated in that very second. Else (Amazon promises no order) this one is halved and read again. A window
        of a second or two cannot be cut, and stays.
        """
        if self.in_order and self.newest is not None and self.newest > self.window_after:
            return self.model_copy(update={"window_after": self.newest, **_FIRST_PAGE})
        middle = (self.window_after + (self.end - self.window_after) / 2).replace(microsecond=0)
        if middle <= self.window_after:
            return self.model_copy(update={"pages": 0})
        return self._again(window_before=middle)

    def next_window(self) -> Window | None:
        """The window after this one, which was cut; None if it was not."""
        if self.window_before is None:
            return None
        return self.model_copy(
            update={"window_after": self.window_before, "window_before": None, "updated_before": None, **_FIRST_PAGE}
        )


_FIRST_PAGE: Final = {"next_token": None, "pages": 0, "newest": None, "in_order": True, "unchanged": 0}
