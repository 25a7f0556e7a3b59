"""What Amazon's models of reports and notifications say it answers, we read; what is no such answer is one error."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orderbridge.amazon import (
    AmazonError,
    BadAnswer,
    Connection,
    GrantlessLogin,
    Refused,
    create_destination,
    create_report,
    create_subscription,
    delete_destination,
    delete_subscription,
    get_destinations,
    get_marketplace_participations,
    get_order,
    get_report,
    get_report_document,
    get_subscription,
    operations,
    order_change_message,
    search_orders,
    wire,
)
from tests.contract.amazon.test_answers import (
    NOTIFICATIONS,
    REPORTS,
    Swagger,
    assert_nothing_is_lost,
    definition_of,
    examples,
)
from tests.unit.amazon.loopback import LOGIN_PATH, START, Loopback, Said, said, then

pytestmark = pytest.mark.models

QUEUE = "arn:aws:sqs:us-east-2:444455556666:queue1"
LATER = START + timedelta(days=1)
SECRET = "Grace Hopper"

CALLS: dict[str, Callable[[Connection], Any]] = {
    "searchOrders": lambda connection: search_orders(connection, created_after=START),
    "getOrder": lambda connection: get_order(connection, "1"),
    "getMarketplaceParticipations": get_marketplace_participations,
    "createReport": lambda connection: create_report(connection, "A", ("B",), START, LATER),
    "getReport": lambda connection: get_report(connection, "1").report,
    "getReportDocument": lambda connection: get_report_document(connection, "1").document,
    "createDestination": lambda connection: create_destination(connection, "ours", QUEUE).destination,
    "getDestinations": lambda connection: get_destinations(connection).destinations,
    "deleteDestination": lambda connection: delete_destination(connection, "1"),
    "createSubscription": lambda connection: create_subscription(connection, "1").subscription,
    "getSubscription": lambda connection: get_subscription(connection).subscription,
    "deleteSubscriptionById": lambda connection: delete_subscription(connection, "1"),
}
OPERATIONS = {value.name: value for value in vars(operations).values() if isinstance(value, operations.Operation)}


@pytest.fixture
def call(amazon: Loopback) -> Callable[[str, Said], Any]:
    """Calls an operation of Amazon's that answers so."""

    def make(name: str, answer: Said) -> Any:
        amazon.api = then(answer)
        connection = amazon.connection()
        if OPERATIONS[name].grantless:
            login = GrantlessLogin(amazon.url + LOGIN_PATH, "client", "s3cr3t", timeout=(2, 0.5))
            connection = Connection(amazon.url, login, before_call=lambda: None, now=lambda: START, timeout=(2, 2))
        return CALLS[name](connection)

    return make


def found_in(swagger: Swagger, name: str, *, success: bool) -> Iterator[tuple[int, Any]]:
    for status, response in definition_of(swagger, OPERATIONS[name])["responses"].items():
        if (status < "300") is success:
            for content in examples(response):
                yield int(status), content


@pytest.mark.parametrize("name", [*REPORTS, *NOTIFICATIONS])
def test_every_example_is_read(swagger: Swagger, call: Callable[[str, Said], Any], name: str) -> None:
    found = list(found_in(swagger, name, success=True))
    assert found

    for status, content in found:
        read = call(name, said(content, status))
        if name.startswith("delete"):
            assert read.status == status
        elif name == "createReport":
            assert (read.report_id, read.answer.status) == (content["reportId"], 202)
        else:
            assert_nothing_is_lost(read, content.get("payload", content))


@pytest.mark.parametrize("name", [name for name in CALLS if name in REPORTS])
def test_every_example_of_a_refusal_is_one(swagger: Swagger, call: Callable[[str, Said], Any], name: str) -> None:
    found = list(found_in(swagger, name, success=False))
    assert found

    for status, content in found:
        with pytest.raises(Refused) as caught:
            call(name, said(content, status))
        assert (caught.value.status, caught.value.code) == (status, content["errors"][0]["code"])


def test_the_example_of_a_message_is_read(amazon_models: Path) -> None:
    schema = json.loads((amazon_models / "OrderChangeNotification.json").read_text("utf-8"))
    (example,) = schema["examples"]
    notification = example["Payload"]["OrderChangeNotification"]
    read = order_change_message(json.dumps(example))

    assert (read.order_id, read.seller_id) == (notification["AmazonOrderId"], notification["SellerId"])
    assert read.marketplace_id == notification["Summary"]["MarketplaceId"]
    assert (read.change_type, read.order_status, read.fulfillment_type) == ("BuyerRequestedChange", "Unshipped", "MFN")
    assert read.notification_id == example["NotificationMetadata"]["NotificationId"]
    assert read.published_at.isoformat() == "2020-07-13T19:42:04.284000+00:00"
    assert notification["Summary"]["DestinationPostalCode"] not in repr(read)


def bad_answers() -> list[Said]:
    text = json.dumps({"payload": SECRET, "orders": SECRET, "order": SECRET, "reportId": [SECRET]})
    deep = '{"payload": ' + "[" * 100_000
    noise = "".join(random.Random(7).choices(string.printable, k=2_000))
    return [
        Said(200, text.encode()),
        Said(200, text[:-10].encode()),
        Said(200, b""),
        Said(200, b"null"),
        Said(200, b"[]"),
        Said(200, b"{}"),
        Said(200, json.dumps([{"buyerName": SECRET}]).encode()),
        Said(200, f"<!doctype html><title>{SECRET}</title>".encode(), {"Content-Type": "text/html"}),
        Said(200, deep.encode()),
        Said(200, (noise + SECRET).encode()),
        Said(200, b'{"order": "' + SECRET.encode() * (wire.LARGEST_BODY // len(SECRET)) + b'"}'),
        Said(200, SECRET.encode().center(wire.LARGEST_BODY + 1)),
        Said(200, SECRET.encode("utf-16")),
    ]


@pytest.mark.parametrize("answer", bad_answers(), ids=lambda said: f"{len(said.body)} bytes: {said.body[:12]!r}")
@pytest.mark.parametrize("name", [name for name in CALLS if not name.startswith("delete")])
def test_a_bad_answer_is_an_error_that_tells_no_value(
    call: Callable[[str, Said], Any], name: str, answer: Said
) -> None:
    if name == "getDestinations" and answer.body == b"{}":  # the model requires nothing of this answer
        assert call(name, answer) == ()
        return
    with pytest.raises(BadAnswer) as caught:
        call(name, answer)

    error: AmazonError = caught.value
    assert (error.operation, error.status) == (name, 200)
    assert not any(word in str(error) for word in SECRET.split())
    assert error.__context__ is None, "the parser's exception holds the values"
    assert len(str(error)) < 800
