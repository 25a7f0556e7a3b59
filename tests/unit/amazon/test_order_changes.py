"""A queue's message that an order has changed."""

from __future__ import annotations

import copy
import json
import traceback
from datetime import UTC, datetime
from typing import Any

import pytest

from orderbridge.amazon import ForeignMessage, OrderChange, order_change_message
from orderbridge.amazon.report_words import order_status

MESSAGE: dict[str, Any] = {
    "NotificationVersion": "1.0",
    "NotificationType": "ORDER_CHANGE",
    "PayloadVersion": "1.0",
    "EventTime": "2026-11-23T09:00:01.109Z",
    "Payload": {
        "OrderChangeNotification": {
            "NotificationLevel": "OrderLevel",
            "SellerId": "A3TH9S8BH6GOGM",
            "AmazonOrderId": "903-8868176-2219830",
            "OrderChangeType": "OrderStatusChange",
            "OrderChangeTrigger": {"TimeOfOrderChange": "2026-11-23T09:00:00.284Z", "ChangeReason": "Shipped"},
            "Summary": {
                "MarketplaceId": "ATVPDKIKX0DER",
                "OrderStatus": "PartiallyShipped",
                "DestinationPostalCode": "48110",
                "FulfillmentType": "MFN",
                "OrderItems": [],
            },
        }
    },
    "NotificationMetadata": {
        "ApplicationId": "app-1",
        "SubscriptionId": "s-1",
        "PublishTime": "2026-11-23T09:00:02Z",
        "NotificationId": "n-1",
    },
}


def changed(path: str, value: Any = None) -> str:
    """The message with the part at the path set, or taken away."""
    message = copy.deepcopy(MESSAGE)
    *parents, name = path.split(".")
    part = message
    for parent in parents:
        part = part[parent]
    if value is None:
        del part[name]
    else:
        part[name] = value
    return json.dumps(message)


def test_a_message_is_read_in_either_envelope() -> None:
    expected = OrderChange(
        notification_id="n-1",
        subscription_id="s-1",
        seller_id="A3TH9S8BH6GOGM",
        order_id="903-8868176-2219830",
        marketplace_id="ATVPDKIKX0DER",
        change_type="OrderStatusChange",
        order_status="PartiallyShipped",
        fulfillment_type="MFN",
        published_at=datetime(2026, 11, 23, 9, 0, 2, tzinfo=UTC),
        changed_at=datetime(2026, 11, 23, 9, 0, 0, 284_000, tzinfo=UTC),
    )

    assert order_change_message(json.dumps(MESSAGE)) == expected
    assert order_change_message(json.dumps({"detail-type": "ORDER_CHANGE", "detail": MESSAGE})) == expected
    assert order_status(expected.order_status or "") == "PARTIALLY_SHIPPED"
    assert "48110" not in repr(expected)


def test_what_is_not_needed_may_be_missing() -> None:
    notification = "Payload.OrderChangeNotification"
    for path in ("OrderChangeTrigger", "Summary.OrderStatus", "Summary.DestinationPostalCode"):
        assert order_change_message(changed(f"{notification}.{path}")).order_id == "903-8868176-2219830"
    assert order_change_message(changed(f"{notification}.OrderChangeTrigger", {"TimeOfOrderChange": None}))
    assert order_change_message(changed(f"{notification}.OrderChangeType", "Unheard")).change_type == "Unheard"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("", "not a JSON object"),
        ("48110", "not a JSON object"),
        ('{"48110', "not a JSON object"),
        ("[" * 100_000, "not a JSON object"),
        ("{}", "not a notification of the type ORDER_CHANGE"),
        (changed("NotificationType", "FEED_PROCESSING_FINISHED"), "not a notification of the type ORDER_CHANGE"),
        (changed("PayloadVersion", "2.0"), "version"),
        (changed("Payload"), "Payload: Field required"),
        (changed("NotificationMetadata.NotificationId"), "NotificationId"),
        (changed("NotificationMetadata.PublishTime", "48110x"), "PublishTime"),
        (
            changed("NotificationMetadata.PublishTime", "0001-01-01T00:00:00+14:00"),
            "PublishTime",
        ),  # no such year in UTC
        (changed("Payload.OrderChangeNotification.AmazonOrderId", ""), "AmazonOrderId"),
        (changed("Payload.OrderChangeNotification.Summary", "48110"), "Summary"),
    ],
)
def test_a_foreign_message_is_refused_and_not_told(body: str, says: str) -> None:
    with pytest.raises(ForeignMessage, match=says) as caught:
        order_change_message(body)

    assert isinstance(caught.value, ValueError)
    assert caught.value.__context__ is None
    told = [line for line in traceback.format_exception_only(caught.value) if "48110" in line]
    assert told == []
