"""CloudEvents 1.0 on Kafka: written in binary mode, read in binary and structured mode, or as bare JSON.

Sources: CloudEvents 1.0.2; Kafka protocol binding for CloudEvents 1.0.2 §3.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, from_structured, to_binary
from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import ValidationError

from orderbridge.bus.outcomes import Rejected
from schemas.base import Event
from schemas.failures import Original

SOURCE = "orderbridge"
"""CloudEvents `source` of our own events."""
MAX_BODY = 512 * 1024
"""Bytes of an event's body that we read; a whole order of 1,000 lines is a quarter of it."""


E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Envelope:
    """What stands around an event's body. `type` and `time` are None where the sender left them out."""

    event_id: str
    source: str
    type: str | None
    time: datetime | None
    body: dict[str, Any]


def digest(original: Original) -> str:
    """SHA-256 of the body, to tell a repeated event from another under the same id."""
    return hashlib.sha256(original.value or b"").hexdigest()


def open_envelope(original: Original) -> Envelope:
    """Read a message in whichever form it came.

    Raises Rejected if it is too large, not JSON, not an object, or a broken CloudEvent.
    """
    value = original.value or b""
    if len(value) > MAX_BODY:
        raise Rejected("too_large", f"The event has {len(value)} bytes; at most {MAX_BODY} are read.")
    headers = {name.lower(): text for name, text in original.headers if text is not None}
    binary = any(name.startswith("ce_") for name in headers)
    if not binary:
        body = read_object(value)
        if "specversion" not in body:
            return Envelope(original.place(), original.topic, None, None, body)
    try:
        if binary:
            given = {name.removeprefix("ce_") for name in headers}
            event = from_binary(
                KafkaMessage(headers | {"content-type": b"application/json"}, None, b"{}"), JSONFormat()
            )
            body = read_object(value)
        else:
            given = set(body)
            event = from_structured(KafkaMessage(headers, None, value), JSONFormat())
            data = event.get_data()
            body = data if isinstance(data, dict) else {}
    except (BaseCloudEventException, ExceptionGroup, ValueError, AttributeError, TypeError, KeyError) as error:
        raise Rejected("broken_envelope", f"The CloudEvents attributes are wrong: {_words(error)}") from None
    # The library makes up an id and a time where the sender gave none; a made-up id would differ at each reading.
    return Envelope(
        event.get_id() if "id" in given else original.place(),
        event.get_source(),
        event.get_type(),
        _aware(event.get_time()) if "time" in given else None,
        body,
    )


def read_object(value: bytes) -> dict[str, Any]:
    """The JSON object in `value`. Raises Rejected, saying where it breaks, without quoting it."""
    try:
        body = json.loads(value.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Rejected("malformed", f"The value is not UTF-8: byte {error.start}.") from None
    except json.JSONDecodeError as error:
        raise Rejected(
            "malformed", f"The value is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise Rejected("malformed", "The value is nested too deeply.") from None
    if not isinstance(body, dict):
        raise Rejected("malformed", f"The value is a JSON {type(body).__name__}; an object was expected.")
    return body


def validate(event: type[E], body: dict[str, Any]) -> E:
    """The typed event. Raises Rejected naming each wrong field and what was expected, never its value."""
    try:
        return event.model_validate(body)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc'])) or 'the event'}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        raise Rejected("invalid", f"{event.event_type}: " + "; ".join(problems[:10])) from None


def binary_message(event_id: str, event_type: str, key: str, time: datetime, body: str) -> tuple[list[Any], bytes]:
    """Headers and value of one of our events in binary mode."""
    attributes = {
        "id": event_id,
        "source": SOURCE,
        "type": event_type,
        "specversion": "1.0",
        "time": time.astimezone(UTC),
        "subject": key,
        "datacontenttype": "application/json",
    }
    message = to_binary(CloudEvent(attributes, None), JSONFormat())
    return list(message.headers.items()), body.encode("utf-8")


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _words(error: Exception) -> str:
    if isinstance(error, BaseCloudEventException):
        return str(error)
    return type(error).__name__
