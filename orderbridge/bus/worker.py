"""A service's worker: which events it reads, and who handles them.

worker = Worker("shipper", settings, database)
worker.on(OrderShipped, confirm_when_due, answer_rejected=answer)
worker.run()
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

import structlog

from orderbridge.bus.health import serve_health
from orderbridge.bus.pipeline import Pipeline, RetryPolicy
from orderbridge.bus.process_metrics import DiskMetric, LagMetric
from orderbridge.bus.progress import STUCK_AFTER, Progress
from orderbridge.bus.subscription import AnswerRejected, Handler, Subscription, Together
from orderbridge.database.engine import is_outage
from orderbridge.database.unit_of_work import Database
from orderbridge.heartbeat import heartbeat
from orderbridge.settings import Settings
from orderbridge.waiting import ended_by_sigterm
from schemas.base import Event

log = structlog.get_logger()
_TRY_AGAIN: Final = 0.5


class Worker:
    """Reads a service's events and hands each to its handler, once in effect."""

    def __init__(
        self,
        service: str,
        settings: Settings,
        database: Database,
        *,
        retries: RetryPolicy | None = None,
        stuck_after: float = STUCK_AFTER,
    ) -> None:
        self.service = service
        self._settings = settings
        self._database = database
        self._retries = retries
        self._stuck_after = stuck_after
        self._subscriptions: list[Subscription] = []
        self._at_start: list[Callable[[], object]] = []

    def at_start(self, step: Callable[[], object]) -> None:
        """Have this done once when the worker runs, before the first event; again while the database is away."""
        self._at_start.append(step)

    def on(
        self,
        event: type[Event],
        handler: Handler,
        *,
        answer_rejected: AnswerRejected | None = None,
        of_a_key: int = 1,
        together: Together | None = None,
    ) -> None:
        """Have `handler(event, work)` handle every event of this type.

        `answer_rejected(raw_body, rejected, work)` answers the sender of a bad one, and says whether it could. Where
        the order of a key's events says nothing, `of_a_key` of them may be handled at once. `together(events, work)`
        handles many that wait at once, of several keys, in one transaction which it does not end.
        """
        self._subscriptions.append(Subscription(event, handler, answer_rejected, of_a_key, together))

    def pipeline(self) -> Pipeline:
        """The pipeline alone, without Kafka: for tests, and for whoever brings messages in another way."""
        return Pipeline(
            self.service,
            self._database,
            self._subscriptions,
            topic_prefix=self._settings.topic_prefix,
            retries=self._retries,
        )

    def topics(self) -> list[str]:
        """The topics read, with the installation's prefix: one per event type, and the service's own retries."""
        types = [subscription.event.event_type for subscription in self._subscriptions]
        return [f"{self._settings.topic_prefix}{name}" for name in (*types, f"{self.service}.retry")]

    def run(self) -> None:
        """Work until SIGTERM or SIGINT. Does not return."""
        from orderbridge.bus import faust_app  # Faust takes a second to import: not for the command line's sake

        progress, pipeline = Progress(self._stuck_after), self.pipeline()
        settings = self._settings

        def report() -> dict[str, Any]:
            return _with_reasons_to_wait(progress.report(), pipeline)

        metrics = [LagMetric(self.service, settings.topic_prefix, lambda: progress.lag_of()), DiskMetric(settings)]
        server = serve_health(settings.health_host, settings.health_port, self.service, report, metrics)
        log.info("started", topics=self.topics(), health=f"http://{server.server_address[0]!s}:{server.server_port}")
        with heartbeat(self._database, self.service, report, settings.instance):
            with ended_by_sigterm():
                for step in self._at_start:
                    _do_with_database(step, progress)
            faust_app.run(settings, self.service, self.topics(), pipeline, progress)


def _do_with_database(step: Callable[[], object], progress: Progress) -> None:
    """A process that would die of a database that is away would be started again and again: so it waits."""
    while True:
        try:
            step()
        except Exception as error:
            if not is_outage(error):
                raise
            if progress.waiting_for is None:
                log.warning("waiting for the database", error=type(error).__name__)
            progress.waiting_for = "the database"
            threading.Event().wait(_TRY_AGAIN)
        else:
            progress.waiting_for = None
            return


def _with_reasons_to_wait(report: dict[str, Any], pipeline: Pipeline) -> dict[str, Any]:
    """A worker without a message in hand is not ready either while it is paused, or its database away."""
    if report["state"] != "ok":
        return report
    try:
        if not pipeline.self_pause.is_paused():
            return report
        return {**report, "state": "waiting", "waiting_for": "somebody to resume it"}
    except Exception as error:
        if not is_outage(error):
            raise
        return {**report, "state": "waiting", "waiting_for": "the database"}
