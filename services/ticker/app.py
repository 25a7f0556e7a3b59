"""The ticker: the only clock of the system. Plans import slots and the nightly sweep, publishes what is due, prunes."""

from __future__ import annotations

import signal
import threading
import time
import uuid
from contextlib import suppress
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from orderbridge.bus.connecting import wait_for_kafka
from orderbridge.bus.health import serve_health
from orderbridge.bus.publisher import Publisher
from orderbridge.database.engine import is_outage
from orderbridge.database.unit_of_work import Database
from orderbridge.doctor.at_start import warn_of_needless_sight
from orderbridge.heartbeat import heartbeat
from orderbridge.settings import Settings, load_settings
from orderbridge.standing_metrics import StandingMetrics
from orderbridge.telemetry import PUBLISHED, configure_logging
from schemas.events import EVENTS
from services.ticker.prune import prune
from services.ticker.relay import Publish, Relay, Tick
from services.ticker.republish import republish_after_restart
from services.ticker.slots import plan_slots, plan_sweep
from services.ticker.wake import waker_for

log = structlog.get_logger()
_PLAN_EVERY = 1.0
_PRUNE_EVERY = 3600.0
_STUCK_AFTER = 60.0


class Ticker:
    """Ticks until it is told to stop."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._database = database
        self._waker = waker_for(settings.database_url)
        self._stop = threading.Event()
        self._ticked_at = time.monotonic()
        self._planned_at = 0.0
        self._pruned_at = -_PRUNE_EVERY  # at the start, then every hour
        self._waiting_for: str | None = None
        self.is_active = False
        """Whether it is this ticker that publishes: it alone tells how the whole stands."""

    def run(self, publish: Publish) -> None:
        """Tick until `stop`, publishing with `publish`."""
        relay = Relay(self._database, publish, holder=str(uuid.uuid4()))
        while not self._stop.is_set():
            try:
                self._plan()
                tick = relay.tick()
                self.is_active = tick.active
                if tick.active:
                    self._prune()
                self._waiting_for = None
            except Exception as error:
                if not is_outage(error):
                    raise
                if self._waiting_for is None:
                    log.warning("waiting for the database", error=type(error).__name__)
                self._waiting_for = "the database"
                self._stop.wait(0.5)
                continue
            finally:
                self._ticked_at = time.monotonic()
            if not tick.more:
                self._waker.wait(self._pause(tick))
        with suppress(SQLAlchemyError):  # the database may be stopped with us: then the lease runs out
            relay.end()
        self._waker.close()

    def wait_for(self, what: str | None) -> None:
        """Before it runs: it is alive, and waits for this."""
        self._waiting_for, self._ticked_at = what, time.monotonic()

    def stop(self, *_: Any) -> None:
        """Stop after the tick at hand."""
        self._stop.set()

    def report(self) -> dict[str, Any]:
        """The state for the health page."""
        standing = time.monotonic() - self._ticked_at
        state = "stuck" if standing > _STUCK_AFTER else "waiting" if self._waiting_for else "ok"
        return {"state": state, "waiting_for": self._waiting_for, "seconds_since_tick": round(standing, 1)}

    def _plan(self) -> None:
        if time.monotonic() - self._planned_at >= _PLAN_EVERY:
            plan_slots(self._database)
            plan_sweep(self._database)
            self._planned_at = time.monotonic()

    def _prune(self) -> None:
        """Old rows, by the ticker that holds the lease alone: two would only wait for each other."""
        if time.monotonic() - self._pruned_at >= _PRUNE_EVERY and prune(self._database) == 0:
            self._pruned_at = time.monotonic()  # a long backlog goes on with the next tick

    def _pause(self, tick: Tick) -> float:
        """Until the next event is due, at most a second: a lease has to be renewed and slots planned."""
        if tick.next_due is None:
            return 1.0
        return min(max((tick.next_due - self._database.clock.now()).total_seconds(), 0.001), 1.0)


def main() -> None:
    """Run the ticker until SIGTERM or SIGINT."""
    settings = load_settings()
    configure_logging(settings, "ticker")
    warn_of_needless_sight(settings)
    database = Database(settings.database_url)
    if settings.kafka_embedded:
        republish_after_restart(database)
    for event_type in EVENTS:  # told as 0 from the start: what is first told as 1 looks like no rise to Prometheus
        PUBLISHED.labels(event_type)
    ticker = Ticker(settings, database)
    metrics = [StandingMetrics(database, lambda: ticker.is_active)]
    server = serve_health(settings.health_host, settings.health_port, "ticker", ticker.report, metrics)
    log.info("started", health=f"http://{server.server_address[0]!s}:{server.server_port}")
    with heartbeat(database, "ticker", ticker.report, settings.instance):
        wait_for_kafka(settings, ticker.wait_for)
        publisher = Publisher(settings)
        signal.signal(signal.SIGTERM, ticker.stop)
        signal.signal(signal.SIGINT, ticker.stop)
        ticker.run(publisher.publish)
    publisher.close()
    database.close()
