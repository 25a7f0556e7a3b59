"""Orders sent again to a store that lost them: the steps of a replay, and how one is asked for through the API."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from schemas.base import Event, Identifier, Model, Moment

Count = Annotated[int, Field(strict=True, ge=0, lt=2**63 - 1)]  # the one behind it is looked for, too


class OrdersReplay(Event):
    """Send the store the next batch of these orders again, as they are now. A batch an event; the counts are its own.

    Chosen are orders whose `sequence` lies behind `after_sequence` and not above `last_sequence`: what was told since
    goes to the store by itself.
    """

    event_type: ClassVar[str] = "orders.replay"
    sent_by = ("console", "api", "importer")
    read_by = ("importer",)
    replay_id: Identifier
    order_id: Identifier | None = None
    """This order alone."""
    accounts: tuple[Identifier, ...] | None = None
    """Only orders of these accounts."""
    placed_before: Moment | None = None
    after_sequence: Count = 0
    after_order: Identifier | None = None
    """Of the orders with `after_sequence` itself, go on after this one; without it they are left out."""
    last_sequence: Count
    total: Count
    sent: Count = 0

    def key(self) -> str:
        """The replay: its steps come in their order."""
        return self.replay_id


class ReplayRequest(Model):
    """Which orders are to be sent again: one order, or those that came or changed since a moment."""

    model_config = ConfigDict(extra="forbid")
    order_id: Identifier | None = None
    """One order, by Amazon's number, ours or the store's."""
    account_id: Identifier | None = None
    """Only this account's; without it all of the token's."""
    since: Moment | None = None
    """What came or changed since then; without it everything."""
    until: Moment | None = None
    """Only orders placed before."""


class ReplayAnswer(Model):
    """A replay, and how far it is."""

    replay_id: str
    orders: Count
    """How many it sends."""
    sent: Count
    done: bool
    given_up: str | None = None
    """Why the importer gave it up, if it did."""
