"""Running an account's import, and what a run did."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import model_validator

from schemas.base import AccountKeyed, Identifier, Model, Moment, OpenChoice


class ImportDue(AccountKeyed):
    """Run the import of this account.

    - `slot`: its turn came; `now`: somebody asked for it;
    - `rest`: go on with an open window;
    - `order`: fetch this one order.
    """

    event_type: ClassVar[str] = "import.due"
    sent_by = ("ticker", "console", "importer", "shipper")
    read_by = ("importer",)
    reason: Annotated[Literal["slot", "now", "rest", "order", "unknown"], OpenChoice()]
    order_id: Identifier | None = None

    @model_validator(mode="after")
    def _names_the_order(self) -> ImportDue:
        if self.reason == "order" and self.order_id is None:
            raise ValueError("an import of one order names its `order_id`")
        return self


class ImportCounts(Model):
    """Orders by what became of them."""

    seen: int = 0
    imported: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    unreadable: int = 0


class ImportFinished(AccountKeyed):
    """The log of one run."""

    event_type: ClassVar[str] = "import.finished"
    sent_by = ("importer",)
    read_by = ("reporter",)
    run_id: Identifier
    started_at: Moment
    finished_at: Moment
    updated_after: Moment
    updated_before: Moment | None = None
    counts: ImportCounts
    amazon_calls: int
    problems: tuple[str, ...] = ()
    """What needs a person, in plain words, without personal data."""
