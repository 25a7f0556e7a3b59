"""Dead letters of what a store said, as the API shows them to that store."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from schemas.base import Model, Moment


class StoreLetter(Model):
    """An event of a store's that a service gave up, and why."""

    id: str
    service: str
    topic: str
    place: str
    """`topic/partition/offset` at which it was first seen."""
    reason: str
    """A stable code."""
    message: str
    failed_at: Moment
    settled_as: str | None = None
    """`replayed`, `discarded`; none while it waits for somebody."""
    settled_at: Moment | None = None


class WholeLetter(StoreLetter):
    """The same, with what came: text, in which what is none stands as `\\xff`."""

    key: str | None = None
    headers: dict[str, str | None]
    value: str | None = None


class StoreLetters(Model):
    """A page of them, the newest first."""

    letters: tuple[StoreLetter, ...]
    next: int | None = None
    """`after` of the next page; a page may be short, or empty, and have a next one."""


class PageOfLetters(Model):
    """Which page. What is mistyped is refused, and not left aside."""

    model_config = ConfigDict(extra="forbid")
    after: Annotated[int | None, Field(ge=0, lt=2**63)] = None
    """`next` of the page before."""
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    """How many at most."""


class ReplayLetter(Model):
    """How a dead letter is replayed: as it came, or mended."""

    model_config = ConfigDict(extra="forbid")
    mended: Annotated[str | None, Field(max_length=524_288)] = None
    """The event's JSON as it should have been; it takes the old one's place."""
