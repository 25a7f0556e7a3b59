"""Being told of changed orders: Amazon's Notifications API v1, for ORDER_CHANGE by way of a queue in Amazon SQS.

A destination is the application's queue, and grantless: its functions need a `Connection` with a `GrantlessLogin`. A
subscription is a seller's, made with the seller's connection. Source: Amazon's model `notifications.json`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import Field

from orderbridge.amazon.answers import AmazonModel
from orderbridge.amazon.operations import (
    CREATE_DESTINATION,
    CREATE_SUBSCRIPTION,
    DELETE_DESTINATION,
    DELETE_SUBSCRIPTION,
    GET_DESTINATIONS,
    GET_SUBSCRIPTION,
)
from orderbridge.amazon.transport import Answer, Connection, read_answer

ORDER_CHANGE: Final = "ORDER_CHANGE"
PAYLOAD_VERSION: Final = "1.0"
ORDER_CHANGE_TYPES: Final = ("OrderStatusChange", "BuyerRequestedChange")
"""The changes that we subscribe to; Amazon knows a third, `DeliveryTipChange`."""

# A FIFO queue, whose name ends in .fifo, is not supported (docs repository, issue 845).
_QUEUE: Final = re.compile(r"arn:aws:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}")

Id = Annotated[str, Field(min_length=1)]


class SqsResource(AmazonModel):
    arn: str


class DestinationResource(AmazonModel):
    sqs: SqsResource | None = None


class Destination(AmazonModel):
    destination_id: Id
    name: str
    resource: DestinationResource


class EventFilter(AmazonModel):
    event_filter_type: str | None = None
    order_change_types: tuple[str, ...] = ()


class ProcessingDirective(AmazonModel):
    event_filter: EventFilter | None = None


class Subscription(AmazonModel):
    subscription_id: Id
    payload_version: str
    destination_id: str
    processing_directive: ProcessingDirective | None = None


class _DestinationResponse(AmazonModel):
    payload: Destination


class _DestinationsResponse(AmazonModel):
    payload: tuple[Destination, ...] = ()


class _SubscriptionResponse(AmazonModel):
    payload: Subscription


@dataclass(frozen=True, slots=True)
class DestinationAnswer:
    destination: Destination
    answer: Answer


@dataclass(frozen=True, slots=True)
class DestinationsAnswer:
    destinations: tuple[Destination, ...]
    answer: Answer


@dataclass(frozen=True, slots=True)
class SubscriptionAnswer:
    subscription: Subscription
    answer: Answer


def is_standard_queue(arn: str) -> bool:
    """Whether this is the ARN of an SQS queue that Amazon can send to: a standard one."""
    return _QUEUE.fullmatch(arn) is not None


def create_destination(connection: Connection, name: str, queue_arn: str) -> DestinationAnswer:
    """Makes the SQS queue known to Amazon. Grantless.

    The queue's policy must let Amazon's account 437568002678 SendMessage and GetQueueAttributes. Raises `AmazonError`,
    among them `Refused` with status 409 where there is one already, and ValueError for what is no standard queue.
    """
    if not is_standard_queue(queue_arn):
        raise ValueError("queue_arn must be the ARN of a standard SQS queue: arn:aws:sqs:region:account:name")
    if not name:
        raise ValueError("a destination needs a name")
    body = {"name": name, "resourceSpecification": {"sqs": {"arn": queue_arn}}}
    answer = connection.call(CREATE_DESTINATION, body=body)
    return DestinationAnswer(read_answer(CREATE_DESTINATION, _DestinationResponse, answer).payload, answer)


def get_destinations(connection: Connection) -> DestinationsAnswer:
    """All destinations of the application. Grantless. Raises `AmazonError`."""
    answer = connection.call(GET_DESTINATIONS)
    return DestinationsAnswer(read_answer(GET_DESTINATIONS, _DestinationsResponse, answer).payload, answer)


def delete_destination(connection: Connection, destination_id: str) -> Answer:
    """Makes Amazon forget a destination. Grantless. Raises `AmazonError`, `NotFound` where there is none."""
    return connection.call(DELETE_DESTINATION, path_parameters={"destinationId": destination_id})


def create_subscription(
    connection: Connection, destination_id: str, *, order_change_types: tuple[str, ...] = ORDER_CHANGE_TYPES
) -> SubscriptionAnswer:
    """Has the seller's changes of orders sent to a destination, from now on.

    Raises `AmazonError`, among them `Refused` with status 409 where there is one already, and ValueError without types.
    """
    if not order_change_types:
        raise ValueError("a subscription needs order_change_types")
    body: dict[str, Any] = {
        "payloadVersion": PAYLOAD_VERSION,
        "destinationId": destination_id,
        "processingDirective": {
            "eventFilter": {"eventFilterType": ORDER_CHANGE, "orderChangeTypes": list(order_change_types)}
        },
    }
    answer = connection.call(CREATE_SUBSCRIPTION, path_parameters={"notificationType": ORDER_CHANGE}, body=body)
    return SubscriptionAnswer(read_answer(CREATE_SUBSCRIPTION, _SubscriptionResponse, answer).payload, answer)


def get_subscription(connection: Connection) -> SubscriptionAnswer:
    """The seller's subscription to changes of orders. Raises `AmazonError`, `NotFound` where there is none."""
    answer = connection.call(
        GET_SUBSCRIPTION,
        path_parameters={"notificationType": ORDER_CHANGE},
        query={"payloadVersion": PAYLOAD_VERSION},
    )
    return SubscriptionAnswer(read_answer(GET_SUBSCRIPTION, _SubscriptionResponse, answer).payload, answer)


def delete_subscription(connection: Connection, subscription_id: str) -> Answer:
    """Ends a subscription, of whichever seller. Grantless. Raises `AmazonError`, `NotFound` where there is none."""
    return connection.call(
        DELETE_SUBSCRIPTION,
        path_parameters={"notificationType": ORDER_CHANGE, "subscriptionId": subscription_id},
    )
