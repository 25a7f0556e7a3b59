"""Reports 2021-06-30: how a report is asked for, and what is made of its state."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from orderbridge.amazon import BadAnswer, NotFound, create_report, get_report, get_report_document
from orderbridge.amazon.reports import ORDERS_BY_LAST_UPDATE
from tests.unit.amazon.loopback import START, Loopback, Said, refused, said, then

REPORT = {
    "reportId": "50001",
    "reportType": ORDERS_BY_LAST_UPDATE,
    "createdTime": "2026-11-23T09:00:00+00:00",
    "processingStatus": "IN_QUEUE",
}


def test_a_report_is_asked_for_in_amazons_form(amazon: Loopback) -> None:
    amazon.api = then(Said(202, b'{"reportId": "50001"}', {"x-amzn-RateLimit-Limit": "0.0167"}))
    requested = create_report(
        amazon.connection(),
        ORDERS_BY_LAST_UPDATE,
        ("ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"),
        datetime(2026, 11, 22, 1, 0, tzinfo=timezone(timedelta(hours=1))),
        datetime(2026, 11, 23, tzinfo=UTC),
    )

    (call,) = amazon.api_calls
    assert (call.method, call.target) == ("POST", "/reports/2021-06-30/reports")
    assert json.loads(call.body) == {
        "reportType": ORDERS_BY_LAST_UPDATE,
        "marketplaceIds": ["ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"],
        "dataStartTime": "2026-11-22T00:00:00Z",
        "dataEndTime": "2026-11-23T00:00:00Z",
    }
    assert (requested.report_id, requested.answer.status, requested.answer.rate_limit) == ("50001", 202, 0.0167)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"report_type": ""}, "report_type"),
        ({"marketplace_ids": ()}, "marketplaces"),
        ({"marketplace_ids": ("A",) * 26}, "marketplaces"),
        ({"end": START}, "before its end"),
        ({"start": START.replace(tzinfo=None), "end": START.replace(tzinfo=None, year=2027)}, "time zone"),
    ],
)
def test_a_report_that_amazon_rules_out_is_not_asked_for(amazon: Loopback, wrong: dict[str, Any], says: str) -> None:
    right: dict[str, Any] = {
        "report_type": ORDERS_BY_LAST_UPDATE,
        "marketplace_ids": ("ATVPDKIKX0DER",),
        "start": START,
        "end": START + timedelta(days=1),
    }
    with pytest.raises(ValueError, match=says):
        create_report(amazon.connection(), **(right | wrong))
    assert amazon.calls == []


def test_a_report_tells_how_far_it_is(amazon: Loopback) -> None:
    done = REPORT | {"processingStatus": "DONE", "reportDocumentId": "doc/1", "dataStartTime": "2026-11-22T00:00:00Z"}
    amazon.api = then(said(REPORT), said(done), said(REPORT | {"processingStatus": "CANCELLED"}))
    connection = amazon.connection()
    waiting, ready, empty = (get_report(connection, "50001").report for _ in range(3))

    assert amazon.api_calls[0].target == "/reports/2021-06-30/reports/50001"
    assert (waiting.processing_status, waiting.is_finished, waiting.report_document_id) == ("IN_QUEUE", False, None)
    assert (ready.is_finished, ready.report_document_id) == (True, "doc/1")
    assert ready.data_start_time == datetime(2026, 11, 22, tzinfo=UTC)
    assert (empty.is_finished, empty.report_document_id) == (True, None)


def test_an_address_is_shown_to_nobody(amazon: Loopback) -> None:
    address = "https://tortuga.example/d?X-Amz-Signature=s3cr3t"
    amazon.api = then(said({"reportDocumentId": "doc/1", "url": address, "compressionAlgorithm": "GZIP"}))
    found = get_report_document(amazon.connection(), "doc/1")

    assert amazon.api_calls[0].target == "/reports/2021-06-30/documents/doc%2F1"
    assert (found.document.url, found.document.compression_algorithm) == (address, "GZIP")
    assert "s3cr3t" not in repr(found) + str(found.document)


def test_what_is_no_report_is_a_bad_answer(amazon: Loopback) -> None:
    amazon.api = then(
        said({"reportId": ""}), said(REPORT | {"createdTime": "s3cr3t"}), said({}), refused(404, "No", "no")
    )
    connection = amazon.connection()

    with pytest.raises(BadAnswer, match="reportId"):
        create_report(connection, "A", ("B",), START, START + timedelta(1))
    with pytest.raises(BadAnswer, match="createdTime") as caught:
        get_report(connection, "1")
    assert "s3cr3t" not in str(caught.value)
    with pytest.raises(BadAnswer, match="url: Field required"):
        get_report_document(connection, "1")
    with pytest.raises(NotFound):
        get_report(connection, "1")
