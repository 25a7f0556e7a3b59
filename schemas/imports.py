"""Running an account's import, and what a run did."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from schemas.base import AccountKeyed, Amount, Identifier, Model, OpenChoice, Text, Timestamp

RunKind = Annotated[Literal["search", "history", "reconciliation", "dry_run", "unknown"], OpenChoice()]
"""What a run reads:

- `search`: what Amazon changed since the last run;
- `history`: what lies further back, from Amazon's reports;
- `reconciliation`: a report, compared with what is here;
- `dry_run`: what `search` would read, to tell what it would do.
"""
Did = Annotated[Literal["imported", "updated", "unchanged", "skipped", "unreadable", "unknown"], OpenChoice()]
MOST_LINES = 500
"""Lines that travel with a run's log; all of them are in `orderbridge runs show`."""


class ImportDue(AccountKeyed):
    """Run the import of this account.

    - `slot`: its turn came; `now`: somebody asked for it;
    - `rest`: go on with the open run `run_id`;
    - `order`: fetch this one order, whenever it was placed;
    - `changed`: Amazon says that this order changed at `since`: fetch it, unless that is known already;
    - `history`: read what was placed since `since`;
    - `reconciliation`: compare the last `days` with Amazon's report;
    - `dry_run`: tell what a run would do, and do nothing.
    """

    event_type: ClassVar[str] = "import.due"
    sent_by = ("ticker", "console", "importer", "shipper", "listener")
    read_by = ("importer",)
    reason: Annotated[
        Literal["slot", "now", "rest", "order", "changed", "history", "reconciliation", "dry_run", "unknown"],
        OpenChoice(),
    ]
    order_id: Identifier | None = None
    run_id: Identifier | None = None
    since: Timestamp | None = None
    days: Annotated[int, Field(ge=1, le=30)] | None = None

    @model_validator(mode="after")
    def _names_what_it_means(self) -> ImportDue:
        if self.reason in ("order", "changed") and self.order_id is None:
            raise ValueError("an import of one order names its `order_id`")
        if self.reason == "changed" and self.since is None:
            raise ValueError("an order that changed names the moment in `since`")
        if self.reason == "history" and self.since is None:
            raise ValueError("an import of history names the moment it goes back to in `since`")
        return self


class ImportCounts(Model):
    """Orders by what became of them."""

    seen: int = 0
    imported: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    unreadable: int = 0


class SkippedBecause(Model):
    """How many orders were skipped for one reason, by its stable code."""

    reason: Text
    orders: int


class RunLine(Model):
    """What a run did with one order."""

    order_id: Text
    did: Did
    marketplace_id: Text | None = None
    status: Text | None = None
    """The store's status that was set."""
    total: Amount | None = None
    currency: Text | None = None
    missing: tuple[Text, ...] = ()
    """Amazon's words that no mapping knows (`shipping: SCHEDULED`), kept as they are."""
    reason: Text | None = None
    """Why it was skipped: a stable code."""
    problem: Text | None = None
    """What needs a person, in plain words, without personal data."""
    note: Text | None = None
    """What is worth knowing and needs nobody."""
    order_number: Text | None = None
    """In a dry run: the number that the store would see, with its prefix."""
    payment_type: Text | None = None
    """In a dry run: the store's payment option, by name."""
    shipping_method: Text | None = None
    """In a dry run: the store's shipping method, by name; Amazon's word where none is mapped."""


class ImportFinished(AccountKeyed):
    """The log of one run."""

    event_type: ClassVar[str] = "import.finished"
    sent_by = ("importer",)
    read_by = ("reporter",)
    run_id: Identifier
    kind: RunKind = "search"
    started_at: Timestamp
    finished_at: Timestamp
    updated_after: Timestamp
    updated_before: Timestamp | None = None
    counts: ImportCounts
    skipped_because: tuple[SkippedBecause, ...] = ()
    amazon_calls: int
    waited_seconds: Annotated[float, Field(ge=0)] = 0.0
    """How long the run waited for Amazon's quota, or for Amazon to be well again."""
    problems: tuple[Text, ...] = ()
    """What needs a person, in plain words, with what to do, without personal data."""
    lines: Annotated[tuple[RunLine, ...], Field(max_length=MOST_LINES)] = ()
    """A line for each order that was not left as it is: problems first, then what lacks a mapping."""
    lines_left_out: int = 0
