"""Logs and metrics. Neither ever carries personal data: only ids, codes and numbers are passed to them.

What a process counts is declared here. What it tells of its state is in `orderbridge/bus/process_metrics.py`, what is
read from the database in `orderbridge/standing_metrics.py`; docs/operations/metrics.md is made from all three.
"""

from __future__ import annotations

import errno
import logging
import sys
import threading
from typing import Any

import structlog
from prometheus_client import Counter, Gauge, Histogram

from orderbridge.kafka_tries import KafkaTries
from orderbridge.settings import Settings

EVENTS = Counter(
    "orderbridge_events",
    "Events handled, by what became of them: handled, repeated, skipped, rejected, dead-letter, given-back or failed.",
    ["service", "type", "outcome"],
)
EVENT_SECONDS = Histogram(
    "orderbridge_event_seconds", "Time from taking up an event to its committed outcome.", ["service", "type"]
)
DEAD_LETTERS = Counter("orderbridge_dead_letters", "Events given up, by the reason they carry.", ["service", "reason"])
DATABASE_OUTAGES = Counter("orderbridge_database_outages", "Times an event had to wait for the database.", ["service"])
AMAZON_CALLS = Counter(
    "orderbridge_amazon_calls",
    "Calls to Amazon. Outcome: done, or the kind of error; status: HTTP's, none where there was no answer.",
    ["operation", "outcome", "status"],
)
AMAZON_SECONDS = Histogram("orderbridge_amazon_seconds", "Duration of calls to Amazon.", ["operation"])
NOTIFICATIONS = Counter(
    "orderbridge_notifications",
    "Messages of Amazon's queues, by what became of them: posted, repeated, known, disabled, not-wanted, foreign, "
    "unreadable or failed.",
    ["outcome"],
)
SHIPMENTS_DUE_SOON = Counter(
    "orderbridge_shipments_due_soon",
    "Orders that were not shipped when a deadline came near: ship_by_near or personal_data_dies.",
    ["reason"],
)
SHIPMENTS_REJECTED = Counter(
    "orderbridge_shipments_rejected",
    "Shipments that Amazon or a rule refused, without those that a newer event of the store's took the place of.",
)
OPENINGS = Counter(
    "orderbridge_openings",
    "Seals that stores had opened, by purpose and what became of them: open, redacted, expired or refused.",
    ["purpose", "state"],
)
SWEPT = Counter(
    "orderbridge_swept",
    "What the nightly sweep found alive past its day, order or key: it should be nothing.",
    ["kind"],
)
MAILS = Counter(
    "orderbridge_mails",
    "Mails to sellers, by what became of a try to send one: sent, failed (tried again), refused, or dropped (its "
    "address is no longer wanted).",
    ["outcome"],
)
PUBLISHED = Counter("orderbridge_published", "Events published by the relay, by type.", ["type"])
PUBLISH_FAILURES = Counter("orderbridge_publish_failures", "Events the broker did not take.", ["type"])
PAUSED = Gauge("orderbridge_paused", "1 while the service has paused itself.", ["service"])


def configure_logging(settings: Settings, service: str) -> None:
    """Send structlog's and the libraries' logs to standard error, as text or JSON, a line an event."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _says(service),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_values,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
    )
    handler = KafkaTries.on_standard_error()
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)
    sys.excepthook = lambda _kind, error, _trace: _crashed(error)
    threading.excepthook = lambda crash: _crashed(crash.exc_value)


def _crashed(error: BaseException | None) -> None:
    """What nobody caught: Python itself would print its text, which might quote an input."""
    if not isinstance(error, KeyboardInterrupt | SystemExit | None):
        structlog.get_logger().critical("crashed", exc_info=error)


def _says(service: str) -> Any:
    """Every line names its service, whichever thread it comes from (context variables stay in theirs)."""

    def add(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        return {**event, "service": service}

    return add


def _without_values(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """An exception becomes its type and the places it came through: its text might quote an input."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["exception"] = describe(error)
    return event


def describe(error: BaseException) -> str:
    """An exception's type, the system's code (ENOSPC), cause and places (file:line): its text might hold values."""
    parts = []
    seen: BaseException | None = error
    while seen is not None:
        frames = []
        trace = seen.__traceback__
        while trace is not None:
            frames.append(f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}")
            trace = trace.tb_next
        if len(frames) > 12:  # the handler's own stand before the libraries'
            frames[8:-4] = ["…"]
        code = f" {errno.errorcode.get(seen.errno or 0, '')}".rstrip() if isinstance(seen, OSError) else ""
        parts.append(f"{type(seen).__module__}.{type(seen).__qualname__}{code} at {' > '.join(frames) or '?'}")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return "; caused by ".join(parts)
