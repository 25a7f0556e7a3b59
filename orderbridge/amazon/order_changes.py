"""A message of Amazon's that an order has changed, as a queue delivers it.

Source: Amazon's schema `OrderChangeNotification.json`. A message may come twice, late or never, and whether it comes
for a new order is disputed (docs repository, issue 3278): it is a reason to look at the order, and no more than that.
The postal code that it carries is not read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal

from orderbridge.amazon.answers import AmazonModel, Moment, describe
from orderbridge.amazon.notifications import ORDER_CHANGE

LONGEST_MESSAGE: Final = 1024 * 1024
"""Characters: as much as Amazon SQS takes in bytes."""


class ForeignMessage(ValueError):
    """A message that is no ORDER_CHANGE of payload version 1. Its text tells what is wrong and no value."""


@dataclass(frozen=True, slots=True)
class OrderChange:
    """One message. `notification_id` is the same when it comes again; `published_at` is UTC.

    `subscription_id` names the subscription, and with it the account, through which it came.

    `change_type` is `OrderStatusChange`, `BuyerRequestedChange` or `DeliveryTipChange`; `order_status` a word of
    Orders API v0, such as `PartiallyShipped` or `Canceled`, which `report_words.order_status` reads; `fulfillment_type`
    `AFN` for Amazon or `MFN` for the merchant. `changed_at` is when Amazon says that it happened, if it says.
    """

    notification_id: str
    subscription_id: str
    seller_id: str
    order_id: str
    marketplace_id: str
    change_type: str
    order_status: str | None
    fulfillment_type: str | None
    published_at: datetime
    changed_at: datetime | None


class _Part(AmazonModel):
    """Notifications are in PascalCase, unlike the answers of the API."""

    model_config = ConfigDict(alias_generator=to_pascal, validate_by_name=True, validate_by_alias=True)


_Id = Annotated[str, Field(min_length=1, max_length=200)]


class _Summary(_Part):
    marketplace_id: _Id
    order_status: str | None = None
    fulfillment_type: str | None = None


class _Trigger(_Part):
    time_of_order_change: Moment | None = None


class _Notification(_Part):
    seller_id: _Id
    amazon_order_id: _Id
    order_change_type: _Id
    order_change_trigger: _Trigger | None = None
    summary: _Summary


class _Payload(_Part):
    order_change_notification: _Notification


class _Metadata(_Part):
    notification_id: _Id
    subscription_id: _Id
    publish_time: Moment


class _Message(_Part):
    payload: _Payload
    notification_metadata: _Metadata


def order_change_message(body: str) -> OrderChange:
    """Reads the body of an SQS message: Amazon's own envelope, or EventBridge's with it as `detail`.

    Raises `ForeignMessage`, a ValueError, for any other; its text holds no value of the message.
    """
    content = _content(body)
    if content.get("NotificationType") != ORDER_CHANGE:
        raise ForeignMessage("not a notification of the type ORDER_CHANGE")
    if str(content.get("PayloadVersion", "1.0")).split(".")[0] != "1":
        raise ForeignMessage("a payload version that is not known")
    try:
        message = _Message.model_validate(content)
    except ValidationError as error:
        problem = describe(error)
    else:
        told, metadata = message.payload.order_change_notification, message.notification_metadata
        trigger = told.order_change_trigger
        return OrderChange(
            notification_id=metadata.notification_id,
            subscription_id=metadata.subscription_id,
            seller_id=told.seller_id,
            order_id=told.amazon_order_id,
            marketplace_id=told.summary.marketplace_id,
            change_type=told.order_change_type,
            order_status=told.summary.order_status,
            fulfillment_type=told.summary.fulfillment_type,
            published_at=metadata.publish_time,
            changed_at=trigger.time_of_order_change if trigger else None,
        )
    raise ForeignMessage(problem)


def _content(body: str) -> dict[str, Any]:
    if len(body) > LONGEST_MESSAGE:
        raise ForeignMessage(f"more than {LONGEST_MESSAGE} characters")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        # Raised below, outside of this block: the decoder's exception carries the whole body along.
        content = None
    if isinstance(content, dict) and isinstance(content.get("detail"), dict):
        content = content["detail"]
    if not isinstance(content, dict):
        raise ForeignMessage("not a JSON object")
    return content
