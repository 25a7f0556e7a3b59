"""Faust in the one shape that loses nothing. The only module that imports Faust.

Its defaults acknowledge a message whatever happened to it (docs/decisions/0002). So: raw bytes in, one actor per
partition, `noack()`, and `event.ack()` only when the pipeline has committed an outcome of this message and of all
before it (`lanes.py`).
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import faust
import structlog
from faust.transport.drivers import aiokafka as drivers

from orderbridge.bus.connecting import wait_for_kafka
from orderbridge.bus.gathering import AT_ONCE, Gathering
from orderbridge.bus.header_names import read_any_header_name
from orderbridge.bus.lag import has_coordinator, lag
from orderbridge.bus.lanes import SIDE_BY_SIDE, Lanes
from orderbridge.bus.pipeline import Pipeline
from orderbridge.bus.progress import Progress
from orderbridge.bus.topics import group_of
from orderbridge.database.engine import is_outage
from orderbridge.kafka_access import tls_context, uses_sasl, uses_tls
from orderbridge.settings import Settings
from orderbridge.telemetry import DATABASE_OUTAGES, describe
from schemas.failures import Original

log = structlog.get_logger()
COMMIT_SECONDS, COMMIT_EVERY = 1.0, 100
"""So many seconds, or messages, offsets may wait to be committed: that is read again after a crash or a rebalance."""
THREADS = 32
"""As many as a process has connections to PostgreSQL."""
_SWITCH_SECONDS = 0.0005
"""How long a thread keeps Python's lock while others want it: by default 5 ms, at each of a handler's statements."""
_EMBEDDED_FETCH_WAIT_MS = 20
"""librdkafka's broker answers a long poll only at its end, and Faust fixes that at 1.5 s."""
_FOREVER = 30 * 86400.0
"""Seconds. A worker that waits in place, paused perhaps, must not leave its group: whoever took over would wait too."""
END_SECONDS = 90.0
"""A worker that stops, asked or crashed, ends within: a call to Amazon in hand takes up to 85 s."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _CannotGoOn(Exception):
    """No outcome of a message could be recorded; says which exception came from where, without its values."""


def run(settings: Settings, service: str, topics: list[str], pipeline: Pipeline, progress: Progress) -> None:
    """Consume `topics` until SIGTERM or SIGINT; handlers run in at most `THREADS` threads. Ends the process."""
    read_any_header_name()
    drivers.Transport.Consumer = _Consumer
    if settings.kafka_embedded:
        _ConsumerThread.fetch_wait_ms = _EMBEDDED_FETCH_WAIT_MS
    app = faust.App(
        group_of(settings.topic_prefix, service),
        broker=[f"kafka://{server}" for server in settings.kafka_bootstrap_servers.split(",")],
        broker_credentials=_credentials(settings),
        datadir=Path(tempfile.gettempdir()) / f"orderbridge-{service}-faust",
        web_enabled=False,
        topic_allow_declare=False,  # `orderbridge topics` creates them
        topic_disable_leader=False,
        broker_commit_interval=COMMIT_SECONDS,
        broker_commit_every=COMMIT_EVERY,
        broker_session_timeout=settings.session_timeout_seconds,
        broker_heartbeat_interval=max(0.5, settings.session_timeout_seconds / 5),
        broker_max_poll_interval=_FOREVER,
        broker_request_timeout=max(40.0, settings.session_timeout_seconds + 10),
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.instance,
        producer_acks=-1,
        producer_request_timeout=30.0,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        worker_redirect_stdouts=False,
    )
    wait_for_kafka(settings, partial(setattr, progress, "waiting_for"), reads=topics)
    sys.setswitchinterval(_SWITCH_SECONDS)
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix=service)
    for topic in topics:
        _agent(app, topic, pipeline, progress, pool)
    progress.lag_of = lambda: lag(app)
    progress.has_broker = lambda: has_coordinator(app)
    worker = _Worker(app, quiet=True, override_logging=False, loglevel="WARNING")
    worker.spinner = None
    worker.execute_from_commandline()


def _credentials(settings: Settings) -> Any:
    """In Faust's words; it takes the protocol from what it is given."""
    if settings.kafka_embedded:
        return None
    context = tls_context(settings) if uses_tls(settings) else None
    if uses_sasl(settings):
        return faust.SASLCredentials(
            username=settings.kafka_sasl_username,
            password=settings.need("kafka_sasl_password"),
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None


def _agent(app: faust.App, topic: str, pipeline: Pipeline, progress: Progress, pool: ThreadPoolExecutor) -> None:
    channel = app.topic(topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    shares = pipeline.shares_transactions(topic)

    async def process_together(originals: list[Original]) -> list[bool]:
        return await asyncio.get_running_loop().run_in_executor(pool, pipeline.process_together, originals)

    gathering = Gathering(process_together)

    async def handle(event: Any) -> None:
        original = _original(event.message)
        try:
            with progress.at_work():
                if not (shares and await gathering.put(original)):
                    await _until_done(original, pipeline, progress, pool)
        except Exception as error:
            # No outcome could be recorded: going on would skip the message, so the worker stops and another, or its own
            # next start, reads it again.
            log.critical("cannot go on", place=original.place(), exc_info=error)
            await app.crash(_CannotGoOn(describe(error)))  # Faust logs it with its text, which may hold values
            await asyncio.Event().wait()

    @app.agent(channel, name=f"{app.conf.id}.{topic}", concurrency=1, isolated_partitions=True)
    async def consume(stream: Any) -> None:
        side_by_side = AT_ONCE if shares else SIDE_BY_SIDE
        lanes = Lanes(handle, _acknowledge, of_a_key=pipeline.of_a_key(topic), side_by_side=side_by_side)
        try:
            async for event in stream.noack().events():
                await lanes.put(event.message.key, event)
        finally:
            lanes.close()


def _acknowledge(event: Any) -> None:
    event.ack()


async def _until_done(original: Original, pipeline: Pipeline, progress: Progress, pool: ThreadPoolExecutor) -> None:
    """Handle one message, waiting in place while the service is paused or the database away."""
    loop = asyncio.get_running_loop()
    wait = 0.1
    while True:
        try:
            if await loop.run_in_executor(pool, pipeline.process_unless_paused, original):
                progress.waiting_for = None
                return
            progress.waiting_for = "somebody to resume it"
            await asyncio.sleep(1.0)
        except Exception as error:
            if not is_outage(error):
                raise
            if progress.waiting_for is None:
                log.warning("waiting for the database", place=original.place(), error=type(error).__name__)
                DATABASE_OUTAGES.labels(pipeline.service).inc()
            progress.waiting_for = "the database"
            await asyncio.sleep(wait)
            wait = min(wait * 2, 2.0)


def _original(message: Any) -> Original:
    return Original.model_construct(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp=_moment(message.timestamp),
        key=message.key,
        value=message.value,
        headers=tuple(message.headers or ()),
    )


def _moment(seconds: float | None) -> datetime:
    """A record's time, which its producer may set to anything: 1970 where it is none."""
    try:
        return _EPOCH + timedelta(seconds=seconds or 0)
    except (OverflowError, ValueError):
        return _EPOCH


class _Worker(faust.Worker):
    """Ends for certain. Faust's, once stopped, waits for its consumer, its tasks and every handler without a bound.

    A crashed one that never ended stood there, took no signal, and nobody started it again. Whatever it has in hand is
    read again. Where its tasks and threads stand is told, without any values.
    """

    _ends = False

    def _crash(self, reason: BaseException) -> None:
        self._end_within_bound()
        super()._crash(reason)

    async def stop(self) -> None:
        """What SIGTERM calls, and the end of a crash."""
        self._end_within_bound()
        await super().stop()

    def _end_within_bound(self) -> None:
        if self._ends:
            return
        self._ends = True
        if sys.stderr is not None:  # closed by whoever started us, perhaps
            faulthandler.dump_traceback_later(END_SECONDS, exit=True)
        end = threading.Timer(END_SECONDS + 1, os._exit, (1,))  # where nobody reads what is told
        end.daemon = True
        end.start()
        # A crash may come from the consumer's thread.
        self.loop.call_soon_threadsafe(self.loop.call_later, 0.9 * END_SECONDS, self._tell_where_tasks_stand)

    def _tell_where_tasks_stand(self) -> None:
        for task in asyncio.all_tasks(self.loop):
            awaits: Any = task.get_coro()
            places = []
            while (frame := getattr(awaits, "cr_frame", None)) is not None:
                places.append(f"{frame.f_code.co_qualname}:{frame.f_lineno}")
                awaits = awaits.cr_await
            log.error("has not ended", task=task.get_name(), stands_at=" > ".join(places))


class _ConsumerThread(drivers.AIOKafkaConsumerThread):
    """Faust's consumer, mended."""

    fetch_wait_ms: int | None = None

    def _create_consumer(self, loop: Any) -> Any:
        consumer = super()._create_consumer(loop)
        if self.fetch_wait_ms is not None:
            consumer._fetch_max_wait_ms = self.fetch_wait_ms
        return consumer

    async def seek_to_committed(self) -> Any:
        """Back to what is committed, and to the beginning where nothing is yet.

        Faust throws away what it fetches while partitions are handed out, and relies on this to read it again. Its own
        leaves the position as it is where nothing was ever committed: in a new group's first second such a message
        was never handled.
        """
        return await self.call_thread(self._seek, self._ensure_consumer())

    async def commit(self, offsets: Any) -> bool:
        """Commit, in this thread; False where it ends before it has: then those messages are read again.

        Faust's own waits for the answer of a thread that takes no more questions. In a crash it ends by itself, while
        the consumer still means to commit: such a worker never ended.
        """
        commits = asyncio.ensure_future(super().commit(offsets))
        try:
            while not commits.done() and self._thread is not None and self._thread.is_alive():
                await asyncio.wait({commits}, timeout=0.1)
            return commits.done() and commits.result()
        finally:
            commits.cancel()

    async def _seek(self, consumer: Any) -> Any:
        offsets = await consumer.seek_to_committed()
        for partition, offset in offsets.items():
            if not offset and partition in consumer.assignment():
                consumer.seek(partition, 0)  # if the topic begins later by now, Kafka says so and it goes there
        return offsets


class _Consumer(drivers.Consumer):
    def _new_consumer_thread(self) -> Any:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)
