"""Events that a worker gave back or gave up: the original, byte for byte, and what happened to it."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Annotated, Any, ClassVar

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema

from schemas.base import Event, Identifier, Model, Moment, Text


def _from_base64(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError("expected base64 text")
    return base64.b64decode(value, validate=True)


Bytes = Annotated[
    bytes,
    PlainValidator(_from_base64),
    PlainSerializer(lambda value: base64.b64encode(value).decode("ascii"), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]


_LONGEST_KEY = 300
"""Bytes of a key that is kept as it is: an index of PostgreSQL's takes no text of 3 kB."""
_HEADER = len('["",null],')
"""Bytes that JSON takes for a header without a name: empty ones must not come for nothing."""


class Original(Model):
    """A Kafka message as it was first seen."""

    topic: Text
    partition: int
    offset: int
    timestamp: Moment
    key: Bytes | None = None
    value: Bytes | None = None
    headers: tuple[tuple[Text, Bytes | None], ...] = ()
    seen_at: Moment | None = None
    """When it was first read, by our clock; none in what an older version gave back."""
    mended_at: Moment | None = None
    """When a person put another value in its place: it counts as said then, and as an event of its own."""

    def place(self) -> str:
        """`topic/partition/offset`: names the message where it has no id of its own."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    def size(self) -> int:
        """Bytes of its key, value and headers, with what JSON adds to each header."""
        headers = sum(_HEADER + len(name.encode()) + len(text or b"") for name, text in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers

    def without_content(self) -> Original:
        """The same without value and headers, and with the beginning of its key: for one too large to be kept."""
        key = self.key[:_LONGEST_KEY] if self.key is not None else None
        return self.model_copy(update={"key": key, "value": None, "headers": ()})


class GivenBack(Event):
    """An event that a service gave back, to be tried again by that service alone."""

    event_type: ClassVar[str] = "{service}.retry"
    service: Identifier
    original: Original
    failures: Annotated[int, Field(ge=0)]
    """How often its handler failed; giving back because it was not yet time counts nothing."""

    def key(self) -> str:
        """The original's key, so that an order's events stay together; its place where it had none.

        A long one's SHA-256.
        """
        return _key_of(self.original)

    def topic(self) -> str:
        """The service's own retry topic."""
        return f"{self.service}.retry"


class DeadLetter(Event):
    """An event that a service gave up, and why. Kept until it is replayed or discarded, at most 30 days."""

    event_type: ClassVar[str] = "{service}.dead-letter"
    service: Identifier
    original: Original
    failures: Annotated[int, Field(ge=0)]
    reason: str
    message: str
    exception: str | None = None
    """The exception's type and where it was raised, without values."""
    failed_at: Moment

    def key(self) -> str:
        """The original's key, as of one that is given back."""
        return _key_of(self.original)

    def topic(self) -> str:
        """The service's own dead-letter topic."""
        return f"{self.service}.dead-letter"


def _key_of(original: Original) -> str:
    if len(original.key or b"") > _LONGEST_KEY:
        return sha256(original.key or b"").hexdigest()
    # PostgreSQL takes no NUL in a text; Java's numeric serializers make keys that are full of them.
    return (original.key or b"").decode("utf-8", "replace").replace("\0", "\ufffd") or original.place()
