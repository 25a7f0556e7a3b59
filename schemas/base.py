"""What all models of the contract share: strictness, money, times, open lists of values, and the event itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, get_args

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,4})?")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].+")


class Model(BaseModel):
    """Base of everything that travels.

    Fields that this version does not know are left aside, never fatal: a newer producer must not break an older
    consumer. An input value never appears in an error's text, since it might be personal data.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


def _amount(value: Any) -> Decimal:
    text = _plain(value) if isinstance(value, Decimal) else value
    if not isinstance(text, str) or not _AMOUNT.fullmatch(text):
        raise ValueError('expected a decimal string such as "19.98"')
    return Decimal(text)


def _plain(value: Decimal) -> str:
    return format(value, "f")  # str() would write 1E+2, which is no amount on the wire


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("expected an RFC 3339 moment whose year is 1 to 9999 in UTC too") from None


def _reckonable(value: datetime) -> datetime:
    if not 1970 <= value.year <= 9998:
        raise ValueError("expected a moment from the year 1970 to 9998")
    return value


def _storable(value: str) -> str:
    return _UNSTORABLE.sub("\ufffd", value)


def _rfc_3339(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _text_moment(value: Any) -> Any:
    # The form is checked, since pydantic would take a number in a string for Unix time.
    if not isinstance(value, datetime) and not (isinstance(value, str) and _MOMENT.fullmatch(value)):
        raise ValueError('expected an RFC 3339 moment such as "2026-11-24T09:00:00Z"')
    return value


def _one_line(value: str) -> str:
    if _CONTROL_CHARACTERS.search(value):
        raise ValueError("must not contain control characters or line breaks")
    return value


class OpenChoice:
    """Marks a `Literal` whose list may grow: a value that a newer producer invented is read as `unknown`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        known = get_args(source)

        def read(value: Any) -> Any:
            return value if value in known or not isinstance(value, str) else "unknown"

        return core_schema.no_info_before_validator_function(read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        known = handler(schema).get("enum", [])
        return {"type": "string", "x-known-values": known, "description": f"One of {', '.join(known)}; more may come."}


Amount = Annotated[
    Decimal,
    BeforeValidator(_amount),
    PlainSerializer(_plain, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": rf"^{_AMOUNT.pattern}$", "examples": ["19.98"]}),
]
"""Money without its currency: a decimal string on the wire, a Decimal in memory, never a float."""

Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_text_moment),
    AfterValidator(_utc),
    PlainSerializer(_rfc_3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment in UTC (RFC 3339 on the wire)."""

Timestamp = Annotated[Moment, AfterValidator(_reckonable)]
"""A moment to reckon with: days may be added to it and taken away, and it may be told in any time zone."""

Text = Annotated[str, AfterValidator(_storable)]
"""Text of any length, Amazon's or ours. NUL and halves of surrogate pairs, which PostgreSQL or UTF-8 do not take, are
replaced by U+FFFD."""

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=100, strict=True), AfterValidator(_one_line)]
"""An order's, account's or line's id: an opaque string."""

ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200, strict=True), AfterValidator(_one_line)]
"""One line of text that people or Amazon will read."""


class Event(Model):
    """Base of all events. The topic of an event is its type, its Kafka key is `key()`."""

    event_type: ClassVar[str]
    """CloudEvents `type`, and the topic's name."""
    sent_by: ClassVar[tuple[str, ...]] = ()
    read_by: ClassVar[tuple[str, ...]] = ()
    compacted: ClassVar[bool] = False
    """Kafka keeps only the newest event of each key."""

    def key(self) -> str:
        """The Kafka key: events with the same key stay in order."""
        raise TypeError(f"{type(self).__name__} names no key")

    def topic(self) -> str:
        """The topic, without the installation's prefix."""
        return self.event_type


class OrderKeyed(Event):
    """An event about one order, keyed by it."""

    order_id: Identifier

    def key(self) -> str:
        """The order's id."""
        return self.order_id


class AccountKeyed(Event):
    """An event about one Amazon account, keyed by it."""

    account_id: Identifier

    def key(self) -> str:
        """The account's id."""
        return self.account_id


def subclasses(event: type[Event]) -> Iterable[type[Event]]:
    """All event classes below `event` that have a type of their own, depth first."""
    for child in event.__subclasses__():
        if "event_type" in vars(child):
            yield child
        yield from subclasses(child)
