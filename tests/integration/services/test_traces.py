"""An order's way from its import to Amazon's confirmation is a trace, or traces that name each other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orderbridge import tracing
from schemas.orders import OrderImported
from schemas.shipments import ShipmentConfirmed
from tests.parts.in_process import System
from tests.parts.otlp import Collector, Span, collector

CONSUMER, PRODUCER, CLIENT = 5, 4, 3
KNOWN = {
    "messaging.system",
    "messaging.destination.name",
    "messaging.message.id",
    "messaging.consumer.group.name",
    "error.type",
    *(f"orderbridge.{name}" for name in ("failures", "outcome", "account", "order", "status", "request_id")),
}


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """Traces of this process, sent to a collector of its own."""
    with collector() as kept:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", kept.url)
        tracing.configure_tracing("test")
        yield kept
        tracing.stop_tracing()


def only(spans: list[Span]) -> Span:
    (span,) = spans
    return span


def test_an_order_is_followed_all_the_way(traces: Collector, system: System) -> None:
    (order_id,) = system.imported(count=1)
    system.store_says(order_id=order_id)
    system.advance(180)
    assert [event.order_id for event in system.events(ShipmentConfirmed)] == [order_id]
    tracing.stop_tracing()
    imported = only(traces.named("handle import.due"))
    assert (imported.kind, imported.service, imported.parent_id) == (CONSUMER, "orderbridge-test", "")
    search = traces.named("Amazon searchOrders")[0]
    published = only(traces.named("publish order.imported"))
    for child, kind in ((search, CLIENT), (published, PRODUCER)):
        assert (child.trace_id, child.parent_id, child.kind) == (imported.trace_id, imported.span_id, kind)

    shipped = only(traces.named("handle order.shipped"))
    assert shipped.linked == {imported.trace_id}, "the store named no trace"
    assert shipped.attributes["orderbridge.order"] == order_id
    confirm = only(traces.named("Amazon confirmShipment"))
    answer = only(traces.named("publish shipment.confirmed"))
    assert {confirm.trace_id, answer.trace_id} == {shipped.trace_id}
    assert answer.parent_id == confirm.parent_id != ""
    assert all(span.attributes["orderbridge.outcome"] for span in traces.spans if span.kind == CONSUMER)
    assert [span for span in traces.spans if span.failed] == []


def test_the_trace_of_a_store_is_gone_on_with(traces: Collector, system: System) -> None:
    (order_id,) = system.imported(count=1)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    said = system.store_says(order_id=order_id, event_id="e-1")
    headers = (*said.headers, ("ce_traceparent", f"00-{trace}-00f067aa0ba902b7-01".encode()))
    system._queue[-1] = said.model_copy(update={"headers": headers})
    system.advance(180)
    tracing.stop_tracing()
    shipped = only(traces.named("handle order.shipped"))
    assert (shipped.trace_id, shipped.parent_id, shipped.linked) == (trace, "00f067aa0ba902b7", frozenset())
    assert only(traces.named("Amazon confirmShipment")).trace_id == trace


@pytest.mark.parametrize("wrong", ["", "00-0-0-01", f"00-{'0' * 32}-00f067aa0ba902b7-01", "Wilhelmina", "00" * 500])
def test_what_is_no_trace_is_passed_over(traces: Collector, system: System, wrong: str) -> None:
    (order_id,) = system.imported(count=1)
    said = system.store_says(order_id=order_id, event_id="e-1")
    system._queue[-1] = said.model_copy(update={"headers": (*said.headers, ("ce_traceparent", wrong.encode()))})
    system.run_until_idle()
    tracing.stop_tracing()
    assert only(traces.named("handle order.shipped")).attributes["orderbridge.outcome"] == "handled"


def test_no_attribute_has_personal_data(traces: Collector, system: System) -> None:
    (order_id,) = system.imported(count=1)
    person = system.opened(order_id)
    system.store_says(order_id=order_id, event_id="Wilhelmina Vogelsang", tracking_number="1Z1")
    system.store_says(order_id="Wilhelmina Vogelsang")
    system.advance(180)
    tracing.stop_tracing()
    assert {name for span in traces.spans for name in span.attributes} <= KNOWN
    told = repr(traces.spans).lower()
    private = {text for text in _texts(person.model_dump()) if len(text) > 4} | {"wilhelmina"}
    assert len(private) > 3
    assert [text for text in private if text.lower() in told] == []


def test_a_refusal_of_amazon_is_seen(traces: Collector, system: System) -> None:
    system.fault("searchOrders", "503")
    system.imported(count=1)
    tracing.stop_tracing()
    first = traces.named("Amazon searchOrders")[0]
    assert (first.failed, first.attributes["error.type"], first.attributes["orderbridge.status"]) == (
        True,
        "Unwell",
        503,
    )


def test_without_an_endpoint_nothing_is_followed(system: System) -> None:
    system.imported(count=1)
    assert tracing.current_traceparent() is None
    assert system.events(OrderImported)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str):
        yield value
