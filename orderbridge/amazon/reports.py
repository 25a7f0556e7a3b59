"""Amazon's reports: asking for one, its state, and where its document lies. Reports API 2021-06-30.

Source: Amazon's model `reports_2021-06-30.json`. A report takes minutes to be made and is kept for 30 days; the
address of its document holds for five minutes, and `documents` reads what lies there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from orderbridge.amazon.answers import AmazonModel, Moment, in_amazon_form
from orderbridge.amazon.operations import CREATE_REPORT, GET_REPORT, GET_REPORT_DOCUMENT
from orderbridge.amazon.transport import Answer, Connection, read_answer

ORDERS_BY_ORDER_DATE: Final = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"
ORDERS_BY_LAST_UPDATE: Final = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL"
"""Every order that was placed, or changed, in a span: also pending and cancelled ones. `all_orders_report` reads both.

Neither needs a restricted role. Orders may be missing for half an hour, and the marketplaces that are asked for may
be widened to the whole region (docs repository, issue 1404).
"""

MOST_MARKETPLACES: Final = 25

_Text = Annotated[str, Field(min_length=1)]


class Report(AmazonModel):
    report_id: _Text
    report_type: str
    created_time: Moment
    processing_status: str
    """`IN_QUEUE`, `IN_PROGRESS`; `DONE`, with a document; `CANCELLED`, also where there is nothing to report; `FATAL`,
    perhaps with a document that says why.
    """
    report_document_id: str | None = None
    data_start_time: Moment | None = None
    data_end_time: Moment | None = None
    processing_start_time: Moment | None = None
    processing_end_time: Moment | None = None
    marketplace_ids: tuple[str, ...] = ()

    @property
    def is_finished(self) -> bool:
        """Whether its state will not change any more."""
        return self.processing_status in ("DONE", "CANCELLED", "FATAL")


class ReportDocument(AmazonModel):
    """Where a document lies. Who has the address can read the document, so no repr shows it."""

    report_document_id: _Text
    url: Annotated[_Text, Field(repr=False)]
    compression_algorithm: str | None = None
    """`GZIP`, or None for a document that is not compressed."""


class _CreateReportResponse(AmazonModel):
    report_id: _Text


@dataclass(frozen=True, slots=True)
class ReportRequested:
    report_id: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class ReportAnswer:
    report: Report
    answer: Answer


@dataclass(frozen=True, slots=True)
class ReportDocumentAnswer:
    document: ReportDocument
    answer: Answer


def create_report(
    connection: Connection, report_type: str, marketplace_ids: tuple[str, ...], start: datetime, end: datetime
) -> ReportRequested:
    """Asks for a report over the span from `start` to `end`. Asked twice, Amazon makes two.

    Raises `AmazonError`, and ValueError for what Amazon's model of `CreateReportSpecification` rules out.
    """
    if not 1 <= len(marketplace_ids) <= MOST_MARKETPLACES:
        raise ValueError(f"1 to {MOST_MARKETPLACES} marketplaces must be given")
    if not report_type:
        raise ValueError("a report_type must be given")
    if start >= end:
        raise ValueError("a report's start must lie before its end")
    body = {
        "reportType": report_type,
        "marketplaceIds": list(marketplace_ids),
        "dataStartTime": in_amazon_form(start),
        "dataEndTime": in_amazon_form(end),
    }
    answer = connection.call(CREATE_REPORT, body=body)
    return ReportRequested(read_answer(CREATE_REPORT, _CreateReportResponse, answer).report_id, answer)


def get_report(connection: Connection, report_id: str) -> ReportAnswer:
    """How far a report is, and the id of its document once there is one. Raises `AmazonError`."""
    answer = connection.call(GET_REPORT, path_parameters={"reportId": report_id})
    return ReportAnswer(read_answer(GET_REPORT, Report, answer), answer)


def get_report_document(connection: Connection, document_id: str) -> ReportDocumentAnswer:
    """The address of a report's document, good for five minutes. Raises `AmazonError`."""
    answer = connection.call(GET_REPORT_DOCUMENT, path_parameters={"reportDocumentId": document_id})
    return ReportDocumentAnswer(read_answer(GET_REPORT_DOCUMENT, ReportDocument, answer), answer)
