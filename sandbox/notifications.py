"""Notifications v1: destinations, subscriptions, and who is told when an order changes.

Rules: notifications.json; FIFO queues are not supported, as sellers report. Only ORDER_CHANGE to SQS. Whether Amazon
notifies of a brand-new order is disputed: here it does.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from sandbox.accounts import Account
from sandbox.clock import Clock
from sandbox.errors import AmazonError, invalid_input
from sandbox.order_change import CHANGE_TYPES, order_change
from sandbox.orders import Order
from sandbox.queues import Queues
from sandbox.records import Records

ORDER_CHANGE = "ORDER_CHANGE"
_ARN = re.compile(r"arn:aws:sqs:[^\s:]+:[^\s:]+:[^\s:]+")


class Notifications:
    """Answers the operations of Notifications v1, and sends."""

    def __init__(self, records: Records, clock: Clock, queues: Queues) -> None:
        self.queues = queues
        self._records = records
        self._clock = clock

    # --- destinations, which are an application's

    def create_destination(self, body: Any, client_id: str) -> dict[str, Any]:
        """CreateDestinationResponse; raises AmazonError 400, or 409 if the queue is a destination already."""
        name = body.get("name") if isinstance(body, dict) else None
        specification = body.get("resourceSpecification") if isinstance(body, dict) else None
        queue = specification.get("sqs") if isinstance(specification, dict) else None
        if not isinstance(name, str) or not name or not isinstance(queue, dict):
            raise invalid_input("name and resourceSpecification.sqs must be provided.")
        arn = queue.get("arn")
        if not isinstance(arn, str) or not _ARN.fullmatch(arn):
            raise invalid_input("resourceSpecification.sqs.arn is not the ARN of an SQS queue.")
        if arn.endswith(".fifo"):
            raise invalid_input("FIFO queues are not supported.")
        if any(other["resource"]["sqs"]["arn"] == arn for other in self._records.all("destination", client_id)):
            raise AmazonError(409, "Conflict", "A destination for this queue already exists.")
        destination_id = str(uuid.uuid4())
        destination = {"destinationId": destination_id, "name": name, "resource": {"sqs": {"arn": arn}}}
        self._records.save("destination", destination_id, client_id, destination)
        return {"payload": destination}

    def get_destinations(self, client_id: str) -> dict[str, Any]:
        """GetDestinationsResponse."""
        return {"payload": self._records.all("destination", client_id)}

    def get_destination(self, destination_id: str, client_id: str) -> dict[str, Any]:
        """GetDestinationResponse; raises AmazonError 404."""
        return {"payload": self._destination(destination_id, client_id)}

    def delete_destination(self, destination_id: str, client_id: str) -> dict[str, Any]:
        """DeleteDestinationResponse; raises AmazonError 404. Subscriptions to it tell nobody any more."""
        self._destination(destination_id, client_id)
        self._records.delete("destination", destination_id)
        return {}

    # --- subscriptions, which are a seller's

    def create_subscription(self, kind: str, body: Any, account: Account) -> dict[str, Any]:
        """CreateSubscriptionResponse; raises AmazonError 400, 404 for no such destination, 409 for a second one."""
        _check_kind(kind)
        if not isinstance(body, dict) or body.get("payloadVersion") != "1.0":
            raise invalid_input("payloadVersion must be 1.0.")
        destination_id = body.get("destinationId")
        if not isinstance(destination_id, str):
            raise invalid_input("destinationId is missing.")
        self._destination(destination_id, account.client_id)
        directive = body.get("processingDirective")
        _check_directive(directive)
        if self._subscription_of(account) is not None:
            raise AmazonError(409, "Conflict", "A subscription to this notification type already exists.")
        subscription = {
            "subscriptionId": str(uuid.uuid4()),
            "payloadVersion": "1.0",
            "destinationId": destination_id,
            **({"processingDirective": directive} if directive else {}),
        }
        record = {"shown": subscription, "client_id": account.client_id}
        self._records.save("subscription", subscription["subscriptionId"], account.account, record)
        return {"payload": subscription}

    def get_subscription(self, kind: str, account: Account) -> dict[str, Any]:
        """GetSubscriptionResponse; raises AmazonError 404."""
        _check_kind(kind)
        record = self._subscription_of(account)
        if record is None:
            raise _not_found("subscription")
        return {"payload": record["shown"]}

    def get_subscription_by_id(self, kind: str, subscription_id: str, client_id: str) -> dict[str, Any]:
        """GetSubscriptionByIdResponse; raises AmazonError 404."""
        return {"payload": self._subscription(kind, subscription_id, client_id)["shown"]}

    def delete_subscription(self, kind: str, subscription_id: str, client_id: str) -> dict[str, Any]:
        """DeleteSubscriptionByIdResponse; raises AmazonError 404."""
        self._subscription(kind, subscription_id, client_id)
        self._records.delete("subscription", subscription_id)
        return {}

    # --- sending

    def listener(self, account: Account) -> Callable[[Order, str], None] | None:
        """What tells the account's queue of an order and its change type; None if nobody subscribed."""
        record = self._subscription_of(account)
        if record is None:
            return None
        shown = record["shown"]
        destination = self._records.find("destination", shown["destinationId"])
        if destination is None:
            return None
        wanted = shown.get("processingDirective", {}).get("eventFilter", {}).get("orderChangeTypes") or CHANGE_TYPES
        arn = destination["resource"]["sqs"]["arn"]

        def tell(order: Order, change_type: str) -> None:
            if change_type in wanted:
                now = self._clock.now()
                message = order_change(
                    order, change_type, account.seller_id, shown["subscriptionId"], record["client_id"], now
                )
                self.queues.send(arn, json.dumps(message))

        return tell

    def repeat(self) -> bool:
        """Send the last message once more, as SQS may; False if there is none."""
        if not self.queues.messages:
            return False
        last = self.queues.messages[-1]
        self.queues.send(last.arn, last.body)
        return True

    def _destination(self, destination_id: str, client_id: str) -> dict[str, Any]:
        destination = self._records.find("destination", destination_id, client_id)
        if destination is None:
            raise _not_found("destination")
        return destination

    def _subscription(self, kind: str, subscription_id: str, client_id: str) -> dict[str, Any]:
        _check_kind(kind)
        record = self._records.find("subscription", subscription_id)
        if record is None or record["client_id"] != client_id:
            raise _not_found("subscription")
        return record

    def _subscription_of(self, account: Account) -> dict[str, Any] | None:
        records = self._records.all("subscription", account.account)
        return next((record for record in records if record["client_id"] == account.client_id), None)


def _not_found(what: str) -> AmazonError:
    return AmazonError(404, "NotFound", f"The {what} was not found.")


def _check_kind(kind: str) -> None:
    if kind != ORDER_CHANGE:
        raise invalid_input(f"Notification type {kind} is not supported by the sandbox.")


def _check_directive(directive: Any) -> None:
    if directive is None:
        return
    chosen = directive.get("eventFilter") if isinstance(directive, dict) else None
    if not isinstance(chosen, dict) or chosen.get("eventFilterType") != ORDER_CHANGE:
        raise invalid_input("processingDirective.eventFilter.eventFilterType must be ORDER_CHANGE.")
    types = chosen.get("orderChangeTypes", [])
    if not isinstance(types, list) or not set(map(str, types)) <= set(CHANGE_TYPES):
        raise invalid_input("processingDirective.eventFilter.orderChangeTypes has an invalid value.")
