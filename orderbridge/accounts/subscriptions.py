"""Subscribes an account to Amazon's ORDER_CHANGE, and ends that: what the command line and the console both use.

A destination is the application's, for each queue one; a subscription is a seller's, one at a time. What is there
already is taken up, so that asking twice does nothing more. An account without a subscription is imported all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, TypeVar

from sqlalchemy import delete, func, select

from orderbridge.accounts import find_account
from orderbridge.amazon import (
    AmazonError,
    Answer,
    Connection,
    NotFound,
    Operation,
    Refused,
    create_destination,
    create_subscription,
    delete_destination,
    delete_subscription,
    get_destinations,
    get_subscription,
)
from orderbridge.amazon import operations as op
from orderbridge.amazon.notifications import Destination, is_standard_queue
from orderbridge.amazon_calls import AmazonCalls, Answered, CallFailed
from orderbridge.database.models import Subscription
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.settings import Settings

AMAZONS_ACCOUNT: Final = "437568002678"
"""Amazon's own account at AWS, from which notifications are sent."""
_OURS: Final = "orderbridge"
"""The name of the destinations that we make, and may remove."""

Result = TypeVar("Result", bound="Answered | Answer")


class SubscriptionError(Exception):
    """It cannot be done; the message says why and what to do."""


@dataclass(frozen=True)
class Subscribed:
    """An account's subscription."""

    account_id: str
    queue_url: str
    destination_id: str
    subscription_id: str
    created_at: datetime


def queue_policy(queue_arn: str) -> dict[str, Any]:
    """The policy that the queue needs at AWS, so that Amazon may send to it. Raises SubscriptionError for no queue."""
    _check_queue(queue_arn)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AmazonSellingPartnerApi",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{AMAZONS_ACCOUNT}:root"},
                "Action": ["sqs:SendMessage", "sqs:GetQueueAttributes"],
                "Resource": queue_arn,
            }
        ],
    }


def queue_url(queue_arn: str, endpoint: str | None = None) -> str:
    """Where the queue answers: at AWS, or at another endpoint. Raises SubscriptionError for no queue."""
    _check_queue(queue_arn)
    region, owner, name = queue_arn.split(":")[3:6]
    return f"{(endpoint or f'https://sqs.{region}.amazonaws.com').rstrip('/')}/{owner}/{name}"


def subscriptions(work: Work) -> list[Subscribed]:
    """All subscriptions, by account."""
    rows = work.session.scalars(select(Subscription).order_by(Subscription.account_id))
    return [
        Subscribed(row.account_id, row.queue_url, row.destination_id, row.subscription_id, row.created_at)
        for row in rows
    ]


def subscribe(
    settings: Settings, database: Database, account_id: str, queue_arn: str, url: str | None = None
) -> Subscribed:
    """Have Amazon send the account's changed orders to the queue. Raises SubscriptionError, AmazonError."""
    url = url or queue_url(queue_arn, settings.sqs_url)
    _check_queue(queue_arn)
    ask = _Asking(settings, database, account_id)
    destination = _destination(ask, queue_arn)
    try:
        made = ask(op.CREATE_SUBSCRIPTION, lambda at: create_subscription(at, destination.destination_id)).subscription
    except Refused as error:
        if error.status != HTTPStatus.CONFLICT:
            raise
        made = ask(op.GET_SUBSCRIPTION, get_subscription).subscription
        if made.destination_id != destination.destination_id:
            raise SubscriptionError(
                f"Amazon sends the orders of {account_id} to another queue already (destination "
                f"{made.destination_id}). End that first: `orderbridge notifications unsubscribe {account_id}`."
            ) from None
    with database.unit_of_work() as work:
        if (account := find_account(work, account_id)) is None or not account.connected:
            raise SubscriptionError(f"{account_id} was disconnected meanwhile.")
        subscribed = Subscribed(account_id, url, destination.destination_id, made.subscription_id, work.now)
        values = {name: value for name, value in vars(subscribed).items() if name != "account_id"}
        work.session.execute(
            work.insert(Subscription)
            .values(account_id=account_id, **values)
            .on_conflict_do_update(index_elements=["account_id"], set_=values)
        )
    return subscribed


def unsubscribe(settings: Settings, database: Database, account_id: str) -> bool:
    """End the account's subscription at Amazon and here; a destination that we made goes with its last one.

    False if there is none. Raises SubscriptionError, AmazonError.
    """
    ask = _Asking(settings, database, account_id)
    try:
        there = ask(op.GET_SUBSCRIPTION, get_subscription).subscription
        ask(op.DELETE_SUBSCRIPTION, lambda at: delete_subscription(at, there.subscription_id))
    except NotFound:
        there = None
    with database.unit_of_work() as work:
        row = work.session.get(Subscription, account_id)
        destination_id = there.destination_id if there else row.destination_id if row else None
        work.session.execute(delete(Subscription).where(Subscription.account_id == account_id))
        others = select(func.count()).select_from(Subscription).where(Subscription.destination_id == destination_id)
        in_use = work.session.scalars(others).one()
    if destination_id is None:
        return False
    if not in_use:
        _remove_destination(ask, destination_id)
    return True


class _Asking:
    """Makes calls for one account, each within its quota."""

    def __init__(self, settings: Settings, database: Database, account_id: str) -> None:
        self._calls = AmazonCalls(settings, database)
        self._database = database
        self._account_id = account_id

    def __call__(self, operation: Operation, call: Callable[[Connection], Result]) -> Result:
        """Raises AmazonError; SubscriptionError where there is no such account, or no quota for a while."""
        try:
            with self._database.unit_of_work() as work:
                not_before = self._calls.reserve(work, self._account_id, operation)
                if not_before is not None:
                    raise SubscriptionError(
                        f"Amazon allows no more {operation.name} until {not_before:%H:%M:%S} UTC. Try again then."
                    )
                return self._calls.make(work, self._account_id, operation, self._account_id, call)
        except LookupError:
            raise SubscriptionError(
                f"{self._account_id} is not connected. `orderbridge accounts list` shows which are."
            ) from None
        except CallFailed as failed:
            raise failed.error from None


def _destination(ask: _Asking, queue_arn: str) -> Destination:
    """The destination of this queue, made if there is none."""
    found = _find(ask, queue_arn)
    if found is not None:
        return found
    try:
        return ask(op.CREATE_DESTINATION, lambda at: create_destination(at, _OURS, queue_arn)).destination
    except Refused as error:
        if error.status == HTTPStatus.CONFLICT and (found := _find(ask, queue_arn)) is not None:
            return found  # made by somebody else meanwhile
        if error.status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT):
            raise
        raise SubscriptionError(
            f"Amazon does not take the queue: {error.message} The queue must exist, be a standard one, and let Amazon "
            f"send to it. Give it the policy that this prints: `orderbridge notifications policy {queue_arn}`."
        ) from None


def _find(ask: _Asking, queue_arn: str) -> Destination | None:
    known = ask(op.GET_DESTINATIONS, get_destinations).destinations
    return next((one for one in known if one.resource.sqs and one.resource.sqs.arn == queue_arn), None)


def _remove_destination(ask: _Asking, destination_id: str) -> None:
    """One that is not ours may serve others; one that Amazon keeps does no harm and is taken up again."""
    known = ask(op.GET_DESTINATIONS, get_destinations).destinations
    if any(one.destination_id == destination_id and one.name == _OURS for one in known):
        try:
            ask(op.DELETE_DESTINATION, lambda at: delete_destination(at, destination_id))
        except AmazonError as error:
            if not isinstance(error, Refused):
                raise


def _check_queue(queue_arn: str) -> None:
    if queue_arn.endswith(".fifo"):
        raise SubscriptionError("Amazon does not send to FIFO queues. Make a standard queue in SQS, and name that.")
    if not is_standard_queue(queue_arn):
        raise SubscriptionError("Expected the ARN of a standard SQS queue: arn:aws:sqs:REGION:ACCOUNT:NAME")
