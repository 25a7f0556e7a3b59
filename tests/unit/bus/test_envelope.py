"""The CloudEvents envelope: ours read by the official library, the library's by us, and garbage by nobody."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orderbridge.bus.envelope import SOURCE, binary_message, open_envelope, validate
from orderbridge.bus.outcomes import Rejected
from schemas.failures import Original
from schemas.shipments import OrderShipped

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
BODY = {"order_id": "114-1", "carrier": "ups", "tracking_number": "1Z"}
CANARY = "Canary-Bird-4711"


def message(value: bytes | None, headers: list[tuple[str, bytes | None]] | None = None) -> Original:
    return Original.model_construct(
        topic="order.shipped", partition=0, offset=7, timestamp=NOW, key=b"k", value=value, headers=tuple(headers or ())
    )


def test_the_official_library_reads_what_we_write() -> None:
    headers, value = binary_message("id-1", "order.imported", "114-1", NOW, json.dumps(BODY))
    event = from_kafka(KafkaMessage(dict(headers), None, value), JSONFormat())
    assert (event.get_id(), event.get_source(), event.get_type()) == ("id-1", SOURCE, "order.imported")
    assert (event.get_time(), event.get_subject(), event.get_specversion()) == (NOW, "114-1", "1.0")
    assert (event.get_datacontenttype(), event.get_data()) == ("application/json", BODY)


@pytest.mark.parametrize("mode", [to_binary, to_structured])
@pytest.mark.parametrize("data", [BODY, json.dumps(BODY).encode()], ids=["object", "bytes"])
def test_we_read_what_the_official_library_writes(mode: object, data: dict[str, str] | bytes) -> None:
    attributes = {"id": "id-1", "source": "store", "type": "order.shipped", "time": NOW, "extension": "x"}
    written = mode(CloudEvent(attributes, data), JSONFormat())  # type: ignore[operator]  # one of two functions
    envelope = open_envelope(message(written.value, list(written.headers.items())))
    assert (envelope.event_id, envelope.source, envelope.type, envelope.time) == ("id-1", "store", "order.shipped", NOW)
    assert envelope.body == BODY


def test_we_read_what_we_write() -> None:
    headers, value = binary_message("id-1", "order.shipped", "114-1", NOW, json.dumps(BODY))
    envelope = open_envelope(message(value, headers))
    assert (envelope.event_id, envelope.time, envelope.body) == ("id-1", NOW, BODY)


def test_a_bare_body_is_named_by_its_place() -> None:
    envelope = open_envelope(message(json.dumps(BODY).encode()))
    assert envelope.event_id == "order.shipped/0/7"
    assert envelope.source.startswith("order.shipped@")  # and when it was first seen: places are counted anew
    assert (envelope.type, envelope.time) == (None, None)


def test_an_id_that_the_sender_left_out_is_not_made_up() -> None:
    """The library would make up another at each reading, and a second copy would be handled again."""
    given = {"specversion": "1.0", "source": "store", "type": "order.shipped"}
    structured = json.dumps({**given, "data": BODY}).encode()
    headers: list[tuple[str, bytes | None]] = [(f"ce_{name}", value.encode()) for name, value in given.items()]
    for sent in (message(structured), message(json.dumps(BODY).encode(), headers)):
        assert open_envelope(sent).event_id == "order.shipped/0/7"
        assert open_envelope(sent).time is None


@pytest.mark.parametrize(
    "body",
    [
        BODY | {"carrier": [CANARY]},
        BODY | {"carrier": CANARY + "\n"},
        BODY | {"ship_date": CANARY},
        BODY | {"lines": [{"sku": CANARY, "quantity": CANARY}]},
        BODY | {"lines": CANARY},
        {"order_id": CANARY},
    ],
)
def test_a_validation_error_quotes_no_value(body: dict[str, object]) -> None:
    with pytest.raises(Rejected) as caught:
        validate(OrderShipped, body)
    assert caught.value.reason == "invalid"
    assert CANARY not in caught.value.message


def test_a_syntax_error_quotes_no_value() -> None:
    for value in (f'{{"name": {CANARY}}}', f'{{"specversion": "1.0", "id": 7, "subject": ["{CANARY}"]}}'):
        with pytest.raises(Rejected) as caught:
            open_envelope(message(value.encode()))
        assert CANARY not in caught.value.message


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)
)
NAMES = st.sampled_from(["specversion", "id", "source", "type", "time", "subject", "data", "data_base64", "x"])
DOCUMENTS = st.dictionaries(NAMES | st.text(max_size=5), JSON | st.just("1.0"), max_size=8)
VALUES = st.none() | st.binary() | DOCUMENTS.map(lambda document: json.dumps(document).encode())
TEXTS = st.none() | st.binary(max_size=20) | st.sampled_from([b"1.0", b"store", b"2026-11-24T09:00:00Z"])
HEADERS = st.lists(st.tuples(NAMES.map(lambda name: f"ce_{name}") | st.text(max_size=8), TEXTS), max_size=8)


@settings(max_examples=400)
@given(VALUES, HEADERS)
@example(b"[" * 200_000, [])
@example(b"1" * 5000, [])
@example(b"{}", [("ce_id", b"1"), ("ce_source", b"s"), ("ce_type", b"t"), ("ce_time", b"9999-12-31T24:00:00Z")])
@example(b'{"specversion":"1.0","id":"\\ud800","source":"s","type":"t","data":{}}', [])
def test_open_envelope_returns_or_raises_rejected(value: bytes | None, headers: list[tuple[str, bytes | None]]) -> None:
    with contextlib.suppress(Rejected):
        envelope = open_envelope(message(value, headers))
        for name in (envelope.event_id, envelope.source):
            assert 0 < len(name.encode()) <= 1200
            assert "\0" not in name


def test_where_json_breaks_is_said_in_a_sentence() -> None:
    with pytest.raises(Rejected) as refused:
        open_envelope(message(b'{"order_id": "114-'))
    assert refused.value.message == "The value is not JSON: Unterminated string starting at line 1, column 14."
