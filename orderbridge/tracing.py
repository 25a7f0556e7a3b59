"""Traces that follow an order across topics: OpenTelemetry, sent by OTLP over HTTP where an endpoint is set.

On where `OTEL_EXPORTER_OTLP_ENDPOINT` (or `…_TRACES_ENDPOINT`) names one; the other `OTEL_…` variables mean what they
mean everywhere. Off, nothing of OpenTelemetry is imported, and each function here returns at once.

A trace travels as W3C `traceparent`: with the event's row in the outbox, then in the message, as the CloudEvents
extension "distributed tracing". No attribute ever carries personal data: only ids, codes and numbers are passed here.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context §3.2, version 00."""
_LAST_SECONDS: Final = 2.0
"""At the end of a process; by itself the exporter would try for half a minute."""
_tracer: Tracer | None = None
_stop: Callable[[], None] | None = None

Attributes = dict[str, str | int]
Kind = Literal["CONSUMER", "PRODUCER", "CLIENT"]


class Doing:
    """A piece of work while it is done: what became of it is told at its end. Does nothing while tracing is off."""

    def __init__(self, span: Span | None) -> None:
        self._span = span

    def tell(self, **attributes: str | int | None) -> None:
        """Say more of it."""
        for name, value in attributes.items():
            if self._span is not None and value is not None:
                self._span.set_attribute(f"orderbridge.{name}", value)

    def fail(self, error: str) -> None:
        """It failed: the error's type, not its text."""
        if self._span is not None:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_attribute("error.type", error)
            self._span.set_status(Status(StatusCode.ERROR))

    def link(self, traceparent: str) -> None:
        """It belongs with another trace."""
        if self._span is not None:
            from opentelemetry.trace import get_current_span

            self._span.add_link(get_current_span(_context(traceparent)).get_span_context())


_NOTHING: Final = Doing(None)


def configure_tracing(service: str) -> None:
    """Send the traces of this process, as `orderbridge-SERVICE`, if the environment names an endpoint."""
    global _tracer, _stop
    if (
        not any(os.environ.get(name) for name in _ENDPOINTS)
        or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    ):
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)  # of each batch that is lost, not of each try
    name = os.environ.get("OTEL_SERVICE_NAME") or f"orderbridge-{service}"
    provider = TracerProvider(resource=Resource.create({"service.name": name}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = provider.get_tracer("orderbridge")
    _stop = provider.shutdown
    atexit.register(stop_tracing)


def stop_tracing() -> None:
    """Send what is left, and be off. A collector that is away keeps nobody from ending: it is given two seconds."""
    global _tracer, _stop
    _tracer, stop, _stop = None, _stop, None
    if stop is not None:
        last = threading.Thread(target=stop, name="last-spans", daemon=True)
        last.start()
        last.join(_LAST_SECONDS)


def is_on() -> bool:
    """Whether traces are sent."""
    return _tracer is not None


def well_formed(traceparent: object) -> str | None:
    """A sender's traceparent, where it is one."""
    return traceparent if isinstance(traceparent, str) and _TRACEPARENT.fullmatch(traceparent) else None


@contextmanager
def doing(name: str, kind: Kind, attributes: Attributes, *, parent: str | None = None) -> Iterator[Doing]:
    """A span around the block: a child of `parent`, else of what this thread is doing, else a new trace."""
    if _tracer is None:
        yield _NOTHING
        return
    from opentelemetry.trace import SpanKind

    with _tracer.start_as_current_span(
        name,
        context=_context(parent) if parent is not None else None,
        kind=SpanKind[kind],
        attributes=attributes,
        record_exception=False,  # its text might quote an input
        set_status_on_exception=False,
    ) as span:
        try:
            yield Doing(span)
        except Exception as error:
            Doing(span).fail(type(error).__name__)
            raise


def done(
    name: str, kind: Kind, attributes: Attributes, *, parent: str | None, began_ns: int, error: str | None
) -> None:
    """A span of what was done since `began_ns` (`time.time_ns`), as a child of `parent`; none without a parent."""
    if _tracer is None or parent is None:
        return
    from opentelemetry.trace import SpanKind

    span = _tracer.start_span(
        name, context=_context(parent), kind=SpanKind[kind], attributes=attributes, start_time=began_ns
    )
    if error is not None:
        Doing(span).fail(error)
    span.end()


def here() -> Doing:
    """What this thread is doing."""
    if _tracer is None:
        return _NOTHING
    from opentelemetry.trace import get_current_span

    return Doing(get_current_span())


def current_traceparent() -> str | None:
    """What this thread is doing, for whoever goes on with it; None outside of a trace."""
    if _tracer is None:
        return None
    from opentelemetry.trace import get_current_span

    here = get_current_span().get_span_context()
    return f"00-{here.trace_id:032x}-{here.span_id:016x}-{here.trace_flags:02x}" if here.is_valid else None


def _context(traceparent: str) -> Context:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": traceparent})
