"""CloudEvents 1.0 on Kafka: written in binary mode, read in binary and structured mode, or as bare JSON.

Sources: CloudEvents 1.0.2; Kafka protocol binding for CloudEvents 1.0.2 §3.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, from_structured, to_binary
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import ValidationError

from orderbridge.bus.outcomes import Rejected
from orderbridge.tracing import well_formed
from schemas.base import Event
from schemas.failures import Original

SOURCE = "orderbridge"
"""CloudEvents `source` of our own events."""
MAX_BODY = 512 * 1024
"""Bytes of an event's body that we read; a whole order of 1,000 lines is a quarter of it."""
MAX_MESSAGE = 2 * MAX_BODY
"""Bytes of a message, key and headers and all: Kafka's own default. A broker counts them as they were compressed, so
that a larger one may come; no topic would take its dead letter."""
MAX_PARTS = 50_000
"""Values in a body, counted by its commas: each wrong one costs a kilobyte to tell."""
MAX_ORIGINAL = 8 * MAX_MESSAGE
"""Bytes of a retry or a dead letter: a whole message, in base64 and JSON."""
MAX_NAME = 300
"""Characters of an event's id and of its source; the inbox keeps both."""
_ATTRIBUTES = frozenset({"id", "source", "type", "specversion", "time", "subject", "datacontenttype", "dataschema"})
_DATA = ("data", "data_base64")

E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Envelope:
    """What stands around an event's body. `type` and `time` are None where the sender left them out."""

    event_id: str
    source: str
    type: str | None
    time: datetime | None
    body: dict[str, Any]
    traceparent: str | None = None
    """The sender's trace (CloudEvents extension "distributed tracing")."""


def original_of(message: Any) -> Original:
    """A record as kafka-python read it. Its time is its producer's word: now where that is none."""
    try:
        timestamp = datetime.fromtimestamp(message.timestamp / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        timestamp = datetime.now(UTC)
    return Original.model_construct(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp=timestamp,
        key=message.key,
        value=message.value,
        headers=tuple(message.headers),
    )


def digest(original: Original) -> str:
    """SHA-256 of the body, to tell a repeated event from another under the same id."""
    return hashlib.sha256(original.value or b"").hexdigest()


def open_envelope(original: Original, *, most: int = MAX_BODY) -> Envelope:
    """Read a message of at most `most` bytes in whichever form it came.

    Raises Rejected if it is too large, not JSON, not an object, or a broken CloudEvent.
    """
    value = original.value or b""
    if len(value) > most:
        raise Rejected("too_large", f"The event has {len(value)} bytes; at most {most} are read.")
    if (size := original.size()) > 2 * most:
        raise Rejected("too_large", f"The message has {size} bytes with key and headers; at most {2 * most} are read.")
    headers = {name.lower(): text for name, text in original.headers if text is not None}
    body = read_object(value)
    if any(name.startswith("ce_") for name in headers):
        given = {name.removeprefix("ce_") for name in headers}
        event = _cloud_event(from_binary, headers | {"content-type": b"application/json"}, b"{}")
    elif "specversion" in body:
        # JSON format 1.0.2 §2.2: an attribute that is null is one that is not set.
        attributes = {name: given for name, given in body.items() if given is not None and name not in _DATA}
        given = set(attributes)
        event = _cloud_event(from_structured, {}, json.dumps(attributes).encode())
        body = _structured_data(body)
    else:
        source = f"{original.topic}@{_sighted_ms(original)}{_mended(original)}"
        return Envelope(original.place(), source, None, None, body)
    # The library makes up an id and a time where the sender gave none; a made-up id would differ at each reading.
    source = event.get_source() if "id" in given else f"{event.get_source()}@{_sighted_ms(original)}"
    source += _mended(original)
    return Envelope(
        storable_name("id", event.get_id()) if "id" in given else original.place(),
        storable_name("source", source),
        event.get_type(),
        _aware(event.get_time()) if "time" in given else None,
        body,
        well_formed(event.get_extension("traceparent")),
    )


def identity(original: Original, envelope: Envelope | None) -> tuple[str, str]:
    """Source and id under which the inbox knows a message; by its place where its envelope cannot be read."""
    if envelope is None:
        return first_sighting(original), original.place()
    return envelope.source, envelope.event_id


def first_sighting(original: Original) -> str:
    """Where and when a message was first seen.

    The place alone is not enough: a topic that was made anew counts from 0 again (so does the embedded broker).
    """
    return f"{original.place()}@{_sighted_ms(original)}"


def _sighted_ms(original: Original) -> int:
    return int(original.timestamp.timestamp() * 1000)


def _mended(original: Original) -> str:
    """Sets what was mended apart from what stood there before: the sender's id stays, so that he knows the answer."""
    return f"#{int(original.mended_at.timestamp() * 1000)}" if original.mended_at is not None else ""


def _cloud_event(read: Callable[..., BaseCloudEvent], headers: dict[str, bytes], value: bytes) -> BaseCloudEvent:
    try:
        return read(KafkaMessage(headers, None, value), JSONFormat())
    except Exception as error:  # the library and its date parser raise what they come across
        raise Rejected("broken_envelope", f"The CloudEvents attributes are wrong: {_words(error)}") from None


def storable_name(attribute: str, text: str) -> str:
    """An id, a source or a place, if the inbox can keep it. Raises Rejected else."""
    if len(text) > MAX_NAME or not text.isprintable():
        expected = f"at most {MAX_NAME} printable characters were expected"
        raise Rejected("broken_envelope", f"The CloudEvents attributes are wrong: {attribute}: {expected}.")
    return text


def _structured_data(body: dict[str, Any]) -> dict[str, Any]:
    """The data of a structured event: JSON, or JSON in base64 as the libraries write it for bytes."""
    data = body.get("data")
    if data is None and isinstance(body.get("data_base64"), str):
        try:
            return read_object(base64.b64decode(body["data_base64"], validate=True))
        except ValueError:
            raise Rejected("malformed", "data_base64 is not base64.") from None
    return _object("data", data)


def read_object(value: bytes) -> dict[str, Any]:
    """The JSON object in `value`. Raises Rejected, saying where it breaks, without quoting it."""
    if value.count(b",") > MAX_PARTS:
        raise Rejected("too_large", f"The event has more than {MAX_PARTS} parts.")
    try:
        body = json.loads(value.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Rejected("malformed", f"The value is not UTF-8: byte {error.start}.") from None
    except json.JSONDecodeError as error:
        raise Rejected(
            "malformed",
            f"The value is not JSON: {error.msg.removesuffix(' at')} at line {error.lineno}, column {error.colno}.",
        ) from None
    except ValueError:  # Python reads no integer of more than 4,300 digits
        raise Rejected("malformed", "The value holds a number with too many digits.") from None
    except RecursionError:
        raise Rejected("malformed", "The value is nested too deeply.") from None
    return _object("value", body)


def body_of(original: Original, envelope: Envelope | None) -> dict[str, Any]:
    """The raw body, as far as it can be read at all."""
    if envelope is not None:
        return envelope.body
    try:
        return read_object(original.value or b"")
    except Rejected:
        return {}


def _object(what: str, found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise Rejected("malformed", f"The {what} is a JSON {type(found).__name__}; an object was expected.")
    return found


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


def binary_message(
    event_id: str, event_type: str, key: str, time: datetime, body: str, traceparent: str | None = None
) -> tuple[list[Any], bytes]:
    """Headers and value of one of our events in binary mode."""
    attributes = {
        "id": event_id,
        "source": SOURCE,
        "type": event_type,
        "specversion": "1.0",
        "time": time.astimezone(UTC),
        "subject": key,
        "datacontenttype": "application/json",
        **({"traceparent": traceparent} if traceparent else {}),
    }
    message = to_binary(CloudEvent(attributes, None), JSONFormat())
    return list(message.headers.items()), body.encode("utf-8")


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _words(error: Exception) -> str:
    """What is wrong, without values, nor names that the sender made up."""
    if isinstance(error, CloudEventValidationError):
        wrong = [str(problem) for name, problems in error.errors.items() if name in _ATTRIBUTES for problem in problems]
        return "; ".join(wrong) or "an extension's name is not of lower-case letters and digits"
    return type(error).__name__
