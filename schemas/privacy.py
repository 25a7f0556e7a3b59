"""What the services tell each other of personal data: seals to be made anew, data that must go, the nightly sweep."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from schemas.base import AccountKeyed, Event, Identifier, OrderKeyed, Timestamp

Count = Annotated[int, Field(ge=0, le=2**63 - 1)]


class SealsDue(AccountKeyed):
    """Look at the seals of the account's orders: its clock has changed, or the key ring was lost. A batch an event."""

    event_type: ClassVar[str] = "seals.due"
    sent_by = ("console", "importer")
    read_by = ("importer",)
    after: Identifier | None = None
    """Go on after this order."""
    fetch_from: Timestamp | None = None
    """When Amazon's quota has room for the next order that must be fetched again."""


class SealDue(OrderKeyed):
    """Look at this order's seal: it must die when the account's clock says, and its key must be in the ring."""

    event_type: ClassVar[str] = "seal.due"
    sent_by = ("importer",)
    read_by = ("importer",)
    account_id: Identifier


class RedactionDue(OrderKeyed):
    """This order's personal data must go at once, before its day: at the buyer's wish, or by Amazon's notice."""

    event_type: ClassVar[str] = "redaction.due"
    sent_by = ("console", "redactor")
    read_by = ("redactor",)


class SweepDue(Event):
    """Look for personal data and keys that should be dead and are not. A batch an event; the counts are its own."""

    event_type: ClassVar[str] = "sweep.due"
    sent_by = ("ticker", "redactor")
    read_by = ("redactor",)
    begun_at: Timestamp | None = None
    """When this sweep began; what has come due since is the next one's."""
    after_moment: Timestamp | None = None
    after_order: Identifier | None = None
    """Go on after the order of this moment of death and this id."""
    keys: Count = 0
    orders: Count = 0
    accounts: tuple[Identifier, ...] = ()
    """Whose orders they were."""

    @model_validator(mode="after")
    def _names_a_whole_place(self) -> SweepDue:
        if (self.after_moment is None) != (self.after_order is None):
            raise ValueError("a place is named by `after_moment` and `after_order` together")
        return self

    def key(self) -> str:
        """One sweep at a time."""
        return "sweep"
