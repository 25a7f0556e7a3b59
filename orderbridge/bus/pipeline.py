"""What becomes of one message: read, checked against the inbox, validated, handled, its outcome committed.

Plain and synchronous; knows neither Faust nor threads. `process` raises only where the database is away (then the
message waits in place) or where the pipeline itself is broken (then the worker stops rather than lose a message).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from orderbridge.bus.cause import cause_of
from orderbridge.bus.envelope import (
    MAX_MESSAGE,
    MAX_ORIGINAL,
    Envelope,
    body_of,
    digest,
    first_sighting,
    open_envelope,
    storable_name,
    validate,
)
from orderbridge.bus.following import follow_the_order, followed
from orderbridge.bus.outcomes import NotYet, Rejected, Skipped
from orderbridge.bus.self_pause import SelfPause
from orderbridge.bus.sharing import handle_together
from orderbridge.bus.subscription import AnswerRejected, Subscription
from orderbridge.database import inbox
from orderbridge.database.engine import is_outage
from orderbridge.database.models import HandlerFailure
from orderbridge.database.unit_of_work import Cause, Database, Work
from orderbridge.telemetry import DEAD_LETTERS, EVENT_SECONDS, EVENTS, describe
from schemas.failures import DeadLetter, GivenBack, Original

log = structlog.get_logger()
_GIVEN_UP = "handler_failed"


@dataclass(frozen=True)
class RetryPolicy:
    """When an event whose handler failed is tried again: `first`, then ever longer, and how often at most."""

    first: timedelta = timedelta(seconds=5)
    factor: float = 4.0
    longest: timedelta = timedelta(hours=1)
    attempts: int = 8

    def next_delay(self, failures: int) -> timedelta | None:
        """The wait after the `failures`-th failure; None if the event is to be given up."""
        if failures >= self.attempts:
            return None
        return min(self.first * self.factor ** (failures - 1), self.longest)


class _HandledElsewhere(Exception):
    """Another process has committed the same event meanwhile: this one's effect is rolled back."""


class _IdReused(Rejected):
    """The id stands in the inbox already, for another event."""


def _reused(event_id: str) -> _IdReused:
    return _IdReused(
        "event_id_reused",
        f"The event id {event_id!r} was used before, for another event.",
        "Give every event an id of its own, or none at all.",
    )


class Pipeline:
    """Handles the messages of one service."""

    def __init__(
        self,
        service: str,
        database: Database,
        subscriptions: list[Subscription],
        *,
        topic_prefix: str = "",
        retries: RetryPolicy | None = None,
        self_pause: SelfPause | None = None,
    ) -> None:
        self.service = service
        self.database = database
        self.retries = retries or RetryPolicy()
        self.self_pause = self_pause or SelfPause(service, database)
        self._prefix = topic_prefix
        self._by_type = {subscription.event.event_type: subscription for subscription in subscriptions}

    def _subscription_to(self, topic: str) -> Subscription | None:
        return self._by_type.get(topic.removeprefix(self._prefix))

    def of_a_key(self, topic: str) -> int:
        """How many messages of one key may be handled at once."""
        subscription = self._subscription_to(topic)
        return subscription.of_a_key if subscription is not None else 1

    def shares_transactions(self, topic: str) -> bool:
        """Whether messages of the topic may be handled together."""
        return getattr(self._subscription_to(topic), "together", None) is not None

    def process_together(self, originals: Sequence[Original]) -> list[bool]:
        """Handle messages of one such topic in one transaction; False for each that is to be processed by itself."""
        with suppress(Exception):  # whether it is paused is asked again for each
            subscription = self._subscription_to(originals[0].topic)
            if not self.self_pause.is_paused():
                return handle_together(self.service, self.database, subscription, originals)
        return [False] * len(originals)

    def process_unless_paused(self, original: Original) -> bool:
        """Handle one message for good; False, and nothing done, while the service has paused itself."""
        if self.self_pause.is_paused():
            return False
        self.process(original)
        return True

    def process(self, original: Original) -> str:
        """Handle one message for good; returns its outcome. Raises if the database is away."""
        started = time.perf_counter()
        failures = 0
        if original.topic.removeprefix(self._prefix) == f"{self.service}.retry":
            try:
                given_back = validate(GivenBack, open_envelope(original, most=MAX_ORIGINAL).body)
                storable_name("original", first_sighting(given_back.original))
            except Rejected as rejected:
                return self._reject(original, 0, None, None, rejected)
            original, failures = given_back.original, given_back.failures
        if original.seen_at is None:
            original = original.model_copy(update={"seen_at": self.database.clock.now()})
        event_type = original.topic.removeprefix(self._prefix)
        outcome = self._process(original, failures)
        EVENTS.labels(self.service, event_type, outcome).inc()
        EVENT_SECONDS.labels(self.service, event_type).observe(time.perf_counter() - started)
        return outcome

    def _process(self, original: Original, failures: int) -> str:
        subscription = self._subscription_to(original.topic)
        try:
            envelope = open_envelope(original)
        except Rejected as rejected:
            return self._reject(original, failures, None, subscription, rejected)
        with followed(self.service, original, envelope, failures) as doing:
            outcome = self._outcome(original, failures, envelope, subscription)
            doing.tell(outcome=outcome)
            return outcome

    def _outcome(self, original: Original, failures: int, envelope: Envelope, subscription: Subscription | None) -> str:
        try:
            try:
                return self._handle(original, failures, envelope, subscription)
            except _HandledElsewhere:  # its row is there now, and tells a copy from another event under the same id
                return self._handle(original, failures, envelope, subscription)
        except Rejected as rejected:
            return self._reject(original, failures, envelope, subscription, rejected)
        except Skipped as skipped:
            return self._record(original, failures, envelope, "skipped", str(skipped))
        except NotYet as not_yet:
            log.info("given back", place=original.place(), until=not_yet.until.isoformat(), why=not_yet.why)
            return self._give_back(original, failures, not_yet.until)
        except Exception as error:
            if is_outage(error):
                raise
            return self._failed(original, failures + 1, envelope, error)

    def _handle(self, original: Original, failures: int, envelope: Envelope, subscription: Subscription | None) -> str:
        with self.database.unit_of_work(self._cause(original, envelope, failures)) as work:
            body_digest = digest(original)
            seen = inbox.look_up(work, self.service, body_digest)
            if seen == "repeated":
                return "repeated"
            if seen == "reused":
                raise _reused(envelope.event_id)
            if subscription is None or envelope.type not in (None, subscription.event.event_type):
                raise Rejected("unexpected_type", f"No event of this type is read from {original.topic}.")
            event = validate(subscription.event, envelope.body)
            follow_the_order(event, work, envelope)
            subscription.handler(event, work)
            if not inbox.record(work, self.service, body_digest, "handled"):
                raise _HandledElsewhere
        return "handled"

    def _reject(
        self,
        original: Original,
        failures: int,
        envelope: Envelope | None,
        subscription: Subscription | None,
        rejected: Rejected,
    ) -> str:
        cause = self._cause(original, envelope, failures)
        if isinstance(rejected, _IdReused):
            # Its own id stands in the inbox for another event.
            cause = replace(cause, event_id=original.place(), source=first_sighting(original))
        answer = subscription.answer_rejected if subscription else None
        try:
            return self._close_rejected(original, failures, cause, rejected, body_of(original, envelope), answer)
        except _IdReused as reused:
            if isinstance(rejected, _IdReused):
                return "repeated"  # even its place was used before: forged
            return self._reject(original, failures, envelope, subscription, reused)
        except Exception as error:
            if is_outage(error):
                raise
            log.error("could not answer", place=original.place(), exception=describe(error))
        # Without the answer, and under the one name that is ours and not the sender's.
        cause = self._cause(original, None, failures)
        with suppress(_IdReused):
            return self._close_rejected(original, failures, cause, rejected, {}, None)
        return "repeated"

    def _close_rejected(
        self,
        original: Original,
        failures: int,
        cause: Cause,
        rejected: Rejected,
        body: dict[str, Any],
        answer: AnswerRejected | None,
    ) -> str:
        with self.database.unit_of_work(cause) as work:
            outcome: inbox.Outcome = "rejected"
            if answer is None or not answer(body, rejected, work):
                outcome = "dead-letter"
                work.post(self._dead_letter(original, failures, rejected.reason, rejected.message, None, work.now))
            if not inbox.record(work, self.service, digest(original), outcome, rejected.reason):
                work.rollback()
                if inbox.look_up(work, self.service, digest(original)) == "reused":
                    raise _reused(cause.event_id)
                return "repeated"
        if outcome == "dead-letter":
            DEAD_LETTERS.labels(self.service, rejected.reason).inc()
        log.warning("event refused", outcome=outcome, reason=rejected.reason, place=original.place())
        return outcome

    def _record(
        self, original: Original, failures: int, envelope: Envelope | None, outcome: inbox.Outcome, reason: str
    ) -> str:
        with self.database.unit_of_work(self._cause(original, envelope, failures)) as work:
            inbox.record(work, self.service, digest(original), outcome, reason)
        return outcome

    def _give_back(self, original: Original, failures: int, until: datetime) -> str:
        with self.database.unit_of_work() as work:
            self._post_again(work, original, failures, until)
        return "given-back"

    def _failed(self, original: Original, failures: int, envelope: Envelope | None, error: Exception) -> str:
        """A bug of the handler: tried again with backoff, given up in the end, and counted against the worker."""
        description = describe(error)
        delay = self.retries.next_delay(failures)
        log.error("handler failed", place=original.place(), failures=failures, exception=description)
        with self.database.unit_of_work(self._cause(original, envelope, failures)) as work:
            now = work.now
            work.session.add(
                HandlerFailure(service=self.service, place=original.place(), exception=description, failed_at=now)
            )
            given_up = delay is None and inbox.record(work, self.service, digest(original), "dead-letter", _GIVEN_UP)
            if delay is not None:
                self._post_again(work, original, failures, now + delay)
            elif given_up:
                message = f"The {self.service} failed {failures} times on this event."
                work.post(self._dead_letter(original, failures, _GIVEN_UP, message, description, now))
        if given_up:
            DEAD_LETTERS.labels(self.service, _GIVEN_UP).inc()
        self.self_pause.consider()
        if delay is not None:
            return "failed"
        # Its id stands in the inbox meanwhile: whether for a copy or for another event, the look-up tells.
        return "dead-letter" if given_up else self._process(original, failures)

    def _cause(self, original: Original, envelope: Envelope | None, failures: int) -> Cause:
        return cause_of(original, envelope, failures, self.database.clock.now())

    def _post_again(self, work: Work, original: Original, failures: int, at: datetime) -> None:
        event = GivenBack(service=self.service, original=original, failures=failures)
        work.post(event, at=at, name=f"retry:{self.service}:{first_sighting(original)}")

    def _dead_letter(
        self, original: Original, failures: int, reason: str, message: str, exception: str | None, now: datetime
    ) -> DeadLetter:
        if original.size() > MAX_MESSAGE:  # no topic would take the letter, which would be tried for ever
            original, message = original.without_content(), f"{message} It was not kept: ask its sender for it."
        return DeadLetter(
            service=self.service,
            original=original,
            failures=failures,
            reason=reason,
            message=message,
            exception=exception,
            failed_at=now,
        )
