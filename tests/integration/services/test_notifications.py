"""Amazon tells of a changed order: it reaches the store in seconds, by the import's own rules, however it was told."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from orderbridge.accounts.attentions import CONSENT_REVOKED, open_attentions, raise_attention
from orderbridge.accounts.disconnecting import disconnect_account
from orderbridge.accounts.subscriptions import SubscriptionError, subscribe, subscriptions, unsubscribe
from orderbridge.amazon.notifications import get_destinations
from orderbridge.amazon.operations import GET_DESTINATIONS
from orderbridge.amazon_calls import AmazonCalls
from orderbridge.database.models import InboxRow, OutboxRow
from sandbox.notifications import Notifications
from schemas.orders import OrderImported, OrderUpdated
from services.listener.messages import Outcome, take
from tests.integration.services.conftest import Start
from tests.parts.hand_clock import START
from tests.parts.in_process import ACCOUNT, System

ARN = "arn:aws:sqs:us-east-1:123456789012:orders"


def listening(system: System) -> System:
    """The account is subscribed."""
    subscribe(system.settings, system.database, ACCOUNT, ARN)
    return system


def messages(system: System) -> list[str]:
    """The bodies that Amazon has sent since this was asked last."""
    sent = system.amazon.notifications.queues.messages
    bodies = [message.body for message in sent]
    sent.clear()
    return bodies


def listen(system: System) -> list[Outcome]:
    """The listener takes what was sent."""
    return [take(system.database, body) for body in messages(system)]


def with_value(body: str, value: Any, *path: str) -> str:
    message = json.loads(body)
    at = message
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return json.dumps(message)


def cancel(system: System, order_id: str) -> None:
    system.amazon.change_order(order_id, lambda order, now: order.cancel("buyer", "mistake", now))


def test_an_order_reaches_the_store_in_seconds_by_one_call(system: System) -> None:
    listening(system)
    (order_id,) = system.place_orders()
    assert listen(system) == ["posted"]
    system.advance(3)
    assert system.store.orders[order_id].amazon_status == "unshipped"
    assert system.opened(order_id)
    system.advance(60)
    cancel(system, order_id)
    assert listen(system) == ["posted"]
    system.advance(3)
    assert system.store.orders[order_id].amazon_status == "cancelled"
    assert (system.calls("getOrder"), system.calls("searchOrders")) == ({"200": 2}, {})


def test_a_burst_of_one_order_is_one_call(system: System) -> None:
    listening(system)
    (order_id,) = system.place_orders()
    assert listen(system) == ["posted"]
    system.advance(1)
    system.amazon.change_order(order_id, lambda order, now: order.request_cancel("mistake", now))
    cancel(system, order_id)
    assert listen(system) == ["posted", "posted"]
    system.advance(3)
    assert system.store.orders[order_id].amazon_status == "cancelled"
    assert system.calls("getOrder") == {"200": 1}


def test_a_message_that_comes_twice_or_late_does_nothing(system: System) -> None:
    listening(system)
    (order_id,) = system.place_orders()
    (body,) = messages(system)
    assert take(system.database, body) == "posted"
    system.advance(3)
    assert take(system.database, body) == "repeated"
    assert take(system.database, with_value(body, "0", "EventTime")) == "repeated"
    assert take(system.database, with_value(body, "another", "NotificationMetadata", "NotificationId")) == "known"
    system.advance(60)
    assert len(system.events(OrderImported)) == 1
    assert system.calls("getOrder") == {"200": 1}
    assert order_id in system.store.orders


def test_a_fraction_of_a_second_makes_no_change_newer(system: System) -> None:
    """Amazon's messages tell milliseconds, and the orders themselves whole seconds."""
    listening(system)
    system.place_orders()
    (body,) = messages(system)
    trigger = ("Payload", "OrderChangeNotification", "OrderChangeTrigger", "TimeOfOrderChange")
    told = json.loads(body)["Payload"]["OrderChangeNotification"]["OrderChangeTrigger"]["TimeOfOrderChange"]
    within = f"{datetime.fromisoformat(told):%Y-%m-%dT%H:%M:%S}.284Z"
    system.advance(180)
    system.import_now()
    assert take(system.database, with_value(body, within, *trigger)) == "known"


def test_what_the_search_has_met_meanwhile_needs_no_call(system: System) -> None:
    """It was told of before the search came, and is taken up after it: both times nothing is left to fetch."""
    listening(system)
    system.place_orders()
    listen(system)
    with system.database.unit_of_work() as work:  # no ticker ran for a while
        work.session.execute(update(OutboxRow).values(due_at=START + timedelta(minutes=20)))
    system.advance(180)
    system.import_now()
    cancelled = system.place_orders(fulfilled_by="AMAZON")[0]
    (body,) = messages(system)
    assert take(system.database, with_value(body, "MFN", *_SUMMARY, "FulfillmentType")) == "posted"
    with system.database.unit_of_work() as work:
        work.session.execute(update(OutboxRow).values(due_at=START + timedelta(minutes=20)))
    system.advance(900)
    system.import_now()
    system.advance(900)
    assert cancelled not in system.store.orders  # left alone by the search, by the rules
    assert system.calls("getOrder") == {}
    assert len(system.events(OrderImported)) == 1


_SUMMARY = ("Payload", "OrderChangeNotification", "Summary")


def test_what_is_not_ours_is_taken_away(system: System) -> None:
    listening(system)
    system.place_orders()
    (body,) = messages(system)
    foreign = with_value(body, "another", "NotificationMetadata", "SubscriptionId")
    assert take(system.database, foreign) == "foreign"
    assert take(system.database, "<html>") == "unreadable"
    assert take(system.database, with_value(body, "FEED_PROCESSING_FINISHED", "NotificationType")) == "unreadable"
    for name in ("NotificationId", "SubscriptionId"):
        nul = with_value(body, "1\0", "NotificationMetadata", name)
        assert take(system.database, nul) == "unreadable"
    system.set_account(enabled=False)
    assert take(system.database, body) == "disabled"
    with system.database.unit_of_work() as work:
        assert work.session.scalars(select(OutboxRow).where(OutboxRow.topic == "import.due")).all() == []
        assert [row.reason for row in work.session.scalars(select(InboxRow))] == ["disabled"]


def test_an_import_that_was_switched_off_meanwhile_fetches_nothing(system: System) -> None:
    listening(system)
    system.place_orders()
    listen(system)
    system.set_account(enabled=False)
    system.advance(5)
    assert system.calls("getOrder") == {}
    assert system.outcomes_of("import.due") == ["skipped"]


def test_the_imports_rules_hold(start: Start) -> None:
    """An order from before the import date must not come in because something has touched it."""
    system = listening(start(import_from=START.isoformat()))
    (old,) = system.place_orders(created_at=START - timedelta(days=2))
    fba, _ = system.place_orders(count=2, fulfilled_by="AMAZON")
    assert listen(system) == ["posted", "not-wanted", "not-wanted"]
    system.advance(5)
    assert old not in system.store.orders
    assert fba not in system.store.orders
    assert system.calls("getOrder") == {"200": 1}
    assert system.outcomes_of("import.due") == ["handled"]


def test_an_order_that_amazon_does_not_show_is_left_to_the_search(system: System) -> None:
    listening(system)
    system.place_orders()
    (body,) = messages(system)
    unknown = with_value(body, "114-0000000-0000000", "Payload", "OrderChangeNotification", "AmazonOrderId")
    assert take(system.database, unknown) == "posted"
    system.advance(60)
    assert system.outcomes_of("import.due") == ["skipped"]


def test_more_changes_than_the_quota_carries(system: System) -> None:
    """A hundred at once: as fast as Amazon allows, without a 429, and without all of them trying all the time."""
    listening(system)
    order_ids = system.place_orders(count=100)
    assert set(listen(system)) == {"posted"}
    system.advance(1_200)
    assert set(system.store.orders) == set(order_ids)
    assert system.calls("getOrder") == {"200": 100}
    given_back = Counter(outcome for _, outcome in system.outcomes)["given-back"]
    assert given_back < 10 * len(order_ids)
    assert system.events(OrderUpdated) == []


def test_subscriptions_come_and_go(system: System) -> None:
    first = subscribe(system.settings, system.database, ACCOUNT, ARN)
    assert first.queue_url == "https://sqs.us-east-1.amazonaws.com/123456789012/orders"
    again = subscribe(system.settings, system.database, ACCOUNT, ARN, "https://vpce-1.sqs.us-east-1.vpce.example/1/o")
    assert (again.destination_id, again.subscription_id) == (first.destination_id, first.subscription_id)
    assert system.calls("createDestination") == {"200": 1}
    with pytest.raises(SubscriptionError, match="another queue already"):
        subscribe(system.settings, system.database, ACCOUNT, f"{ARN}-2")
    with system.database.unit_of_work() as work:
        (row,) = subscriptions(work)
    assert row.queue_url == again.queue_url
    system.advance(60)  # Amazon allows five calls at once
    assert unsubscribe(system.settings, system.database, ACCOUNT)
    with system.database.unit_of_work() as work:
        assert subscriptions(work) == []
    notifications: Notifications = system.amazon.notifications
    (left,) = notifications.get_destinations(system.amazon_account().client_id)["payload"]
    assert left["resource"]["sqs"]["arn"] == f"{ARN}-2"  # nobody's yet
    system.advance(60)
    assert not unsubscribe(system.settings, system.database, ACCOUNT)
    system.place_orders()
    assert messages(system) == []


def test_a_call_without_a_seller_says_nothing_of_the_sellers_consent(system: System) -> None:
    """The application finds its own destination, and then is told that the account's consent has ended."""
    listening(system)
    with system.database.unit_of_work() as work:
        raise_attention(work, ACCOUNT, CONSENT_REVOKED, "Ended.", "Authorise again.")
    with system.database.unit_of_work() as work:
        calls = AmazonCalls(system.settings, system.database)
        calls.make(work, ACCOUNT, GET_DESTINATIONS, "a test", get_destinations)
    with system.database.unit_of_work() as work:
        assert [one.trouble for one in open_attentions(work, ACCOUNT)] == [CONSENT_REVOKED]


def test_what_cannot_be_subscribed_says_what_to_do(system: System) -> None:
    for arn, expected in (
        (f"{ARN}.fifo", "FIFO"),
        ("orders", "arn:aws:sqs:REGION:ACCOUNT:NAME"),
    ):
        with pytest.raises(SubscriptionError, match=expected):
            subscribe(system.settings, system.database, ACCOUNT, arn)
    with pytest.raises(SubscriptionError, match="other is not connected"):
        subscribe(system.settings, system.database, "other", ARN)
    system.fault("createDestination", "400")
    with pytest.raises(SubscriptionError, match="orderbridge notifications policy"):
        subscribe(system.settings, system.database, ACCOUNT, ARN)


def test_the_quota_of_the_notifications_api_is_kept(system: System) -> None:
    for _ in range(4):
        subscribe(system.settings, system.database, ACCOUNT, ARN)
    with pytest.raises(SubscriptionError, match="Try again then"):
        subscribe(system.settings, system.database, ACCOUNT, ARN)
    assert "429" not in system.calls("getDestinations")


def test_a_disconnected_account_is_not_listened_to(system: System) -> None:
    listening(system)
    system.place_orders()
    assert disconnect_account(system.settings, system.database, ACCOUNT)
    with system.database.unit_of_work() as work:
        assert subscriptions(work) == []
    assert listen(system) == ["foreign"]
