"""Reports 2021-06-30: requests, how they come along, and their documents.

Rules: reports_2021-06-30.json; a span of at most 30 days, CANCELLED without data, and the lag of order reports from
Amazon's guide to report types. A document is written once, when its report is first looked at after its time, and from
then on says the same for ever.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox.accounts import Account
from sandbox.clock import Clock, to_amazon, to_record
from sandbox.database import Database
from sandbox.errors import AmazonError, invalid_input, unauthorized
from sandbox.marketplaces import MARKETPLACES
from sandbox.records import Records
from sandbox.report_rows import header, lines
from sandbox.search import csv
from sandbox.tokens import SignedTokens

MOMENTS = {
    "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL": "created_at",
    "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL": "updated_at",
}
"""The report types, and what their dataStartTime and dataEndTime are about."""

LONGEST_SPAN = timedelta(days=30)
DOCUMENT_URL_LIFE = timedelta(minutes=5)
_STATUSES = ("CANCELLED", "DONE", "FATAL", "IN_PROGRESS", "IN_QUEUE")
_PART = 256 * 1024


class ReportSettings(BaseModel):
    """The body of `POST /_sandbox/reports`: how reports behave from now on. Seconds are Amazon's, scaled by speed."""

    model_config = ConfigDict(extra="forbid")
    processing_seconds: Annotated[float, Field(ge=0)] = 30
    """From createReport until it is done; a third of it in the queue."""
    lag_seconds: Annotated[float, Field(ge=0)] = 0
    """What was placed so shortly before that is missing (Amazon's reports may lag by 30 minutes)."""
    compression: Literal["GZIP"] | None = None


class Reports:
    """Answers the operations of Reports 2021-06-30."""

    def __init__(self, database: Database, records: Records, clock: Clock, tokens: SignedTokens, speed: float) -> None:
        self.settings = ReportSettings()
        self._database = database
        self._records = records
        self._clock = clock
        self._tokens = tokens
        self._speed = speed

    def create(self, body: Any, account: Account, *, fatal: bool = False) -> dict[str, Any]:
        """CreateReportResponse; raises AmazonError (400, or 403 for a marketplace that is not the account's)."""
        now = self._clock.now()
        if not isinstance(body, dict):
            raise invalid_input("The request body must be a JSON object.")
        report_type = body.get("reportType")
        if report_type not in MOMENTS:
            raise invalid_input(f"Report type {report_type!r} is not known.")
        marketplace_ids = _marketplaces(body, account)
        start, end = (_moment(body, name, now) for name in ("dataStartTime", "dataEndTime"))
        if start > end:
            raise invalid_input("dataStartTime must be prior to or equal to dataEndTime.")
        if end - start > LONGEST_SPAN:
            raise invalid_input("The span from dataStartTime to dataEndTime must not be longer than 30 days.")
        report_id = str(50_000_000_000 + self._records.next_number())
        self._save(
            account,
            {
                "reportId": report_id,
                "reportType": report_type,
                "marketplaceIds": marketplace_ids,
                "dataStartTime": to_record(start),
                "dataEndTime": to_record(end),
                "createdTime": to_record(now),
                "ready": to_record(now + self._amazon_seconds(self.settings.processing_seconds)),
                "complete": to_record(
                    now + self._amazon_seconds(self.settings.processing_seconds - self.settings.lag_seconds)
                ),
                "fatal": fatal,
            },
        )
        return {"reportId": report_id}

    def get(self, report_id: str, account: Account) -> dict[str, Any]:
        """Report; raises AmazonError 404."""
        return self._shown(self._report(report_id, account))

    def search(self, query: dict[str, str], account: Account) -> dict[str, Any]:
        """GetReportsResponse, newest first; raises AmazonError 400."""
        if token := query.get("nextToken"):
            if len(query) > 1:
                raise invalid_input("nextToken must be the only parameter.")
            query, offset = self._read_token(token, account)
        else:
            offset = 0
        types = csv(query, "reportTypes", MOMENTS)
        if types is None:
            raise invalid_input("reportTypes is missing.")
        statuses = csv(query, "processingStatuses", _STATUSES)
        marketplaces = csv(query, "marketplaceIds", MARKETPLACES)
        now = self._clock.now()
        since, until = _moment(query, "createdSince", now - timedelta(days=90)), _moment(query, "createdUntil", now)
        size = query.get("pageSize", "10")
        if not (size.isascii() and size.isdigit() and 1 <= int(size[:9]) <= 100):
            raise invalid_input("pageSize must be between 1 and 100.")
        found = []
        for record in reversed(self._records.all("report", account.account)):
            created = datetime.fromisoformat(record["createdTime"])
            if record["reportType"] in types and since <= created <= until:
                shown = self._shown(self._look(record, account))
                if (not statuses or shown["processingStatus"] in statuses) and (
                    not marketplaces or set(marketplaces) & set(record["marketplaceIds"])
                ):
                    found.append(shown)
        end = offset + int(size)
        answer: dict[str, Any] = {"reports": found[offset:end]}
        if len(found) > end:
            claims = {"account": account.account, "query": query, "offset": end}
            answer["nextToken"] = self._tokens.issue("reports", claims)
        return answer

    def cancel(self, report_id: str, account: Account) -> None:
        """Only what still waits can be cancelled; raises AmazonError 404, or 400 otherwise."""
        record = self._report(report_id, account)
        if self._shown(record)["processingStatus"] != "IN_QUEUE":
            raise invalid_input("Only a report that is IN_QUEUE can be cancelled.")
        self._save(account, record | {"outcome": "CANCELLED"})

    def document(self, document_id: str, account: Account, base_url: str) -> dict[str, Any]:
        """ReportDocument, its URL below `base_url` and good for five minutes; raises AmazonError 404."""
        record = self._records.find("document", document_id, account.account)
        if record is None:
            raise AmazonError(404, "NotFound", f"The report document {document_id} was not found.")
        expires = (self._clock.now() + DOCUMENT_URL_LIFE / self._speed).timestamp()
        claims = {"document": document_id, "expires": expires, "compressed": self.settings.compression is not None}
        answer = {
            "reportDocumentId": document_id,
            "url": f"{base_url.rstrip('/')}/_sandbox/documents/{self._tokens.issue('document', claims)}",
        }
        return answer | ({"compressionAlgorithm": self.settings.compression} if self.settings.compression else {})

    def download(self, token: str) -> tuple[Iterator[bytes], bool]:
        """The bytes behind a document's URL, in parts, and whether they are compressed; raises AmazonError 403."""
        try:
            claims = self._tokens.read("document", token)
        except ValueError:
            raise unauthorized("The URL is not one of ours.") from None
        if self._clock.now().timestamp() >= claims["expires"]:
            raise AmazonError(403, "AccessDenied", "Request has expired")
        parts = self._records.document(claims["document"])
        return (parts, True) if claims["compressed"] else (_inflated(parts), False)

    def _amazon_seconds(self, seconds: float) -> timedelta:
        return timedelta(seconds=seconds / self._speed)

    def _report(self, report_id: str, account: Account) -> dict[str, Any]:
        record = self._records.find("report", report_id, account.account)
        if record is None:
            raise AmazonError(404, "NotFound", f"The report {report_id} was not found.")
        return self._look(record, account)

    def _save(self, account: Account, record: dict[str, Any]) -> None:
        self._records.save("report", record["reportId"], account.account, record)

    def _look(self, record: dict[str, Any], account: Account) -> dict[str, Any]:
        """The report, which has got its outcome if its time has come."""
        if "outcome" in record or self._clock.now() < datetime.fromisoformat(record["ready"]):
            return record
        if record["fatal"]:
            record |= {"outcome": "FATAL"}
        else:
            document_id = f"amzn1.spdoc.1.4.na.{record['reportId']}"
            with self._database.transaction():
                written = self._write(document_id, record, account)
                if written:
                    self._records.save("document", document_id, account.account, {"reportId": record["reportId"]})
            record |= {"outcome": "DONE", "reportDocumentId": document_id} if written else {"outcome": "CANCELLED"}
        self._save(account, record)
        return record

    def _write(self, document_id: str, record: dict[str, Any], account: Account) -> bool:
        """Write the document, order by order; False, and nothing written, if there are none."""
        after, before, complete = (
            datetime.fromisoformat(record[name]) for name in ("dataStartTime", "dataEndTime", "complete")
        )
        orders = self._database.select(
            account.account,
            moment=MOMENTS[record["reportType"]],
            after=after,
            before=before,
            visible_until=complete,
            marketplaces=record["marketplaceIds"],
            hidden=True,
        )
        first = next(orders, None)
        if first is None:
            return False
        text = chain((header(),), (line for order in chain((first,), orders) for line in lines(order)))
        self._records.save_document(document_id, _deflated(text))
        return True

    def _shown(self, record: dict[str, Any]) -> dict[str, Any]:
        created, ready = (datetime.fromisoformat(record[name]) for name in ("createdTime", "ready"))
        started = created + (ready - created) / 3
        status = record.get("outcome") or ("IN_QUEUE" if self._clock.now() < started else "IN_PROGRESS")
        answer = {name: record[name] for name in ("reportId", "reportType", "marketplaceIds")}
        for name in ("dataStartTime", "dataEndTime", "createdTime"):
            answer[name] = to_amazon(datetime.fromisoformat(record[name]))
        answer["processingStatus"] = status
        if status != "IN_QUEUE":
            answer["processingStartTime"] = to_amazon(started)
        if "outcome" in record:
            answer["processingEndTime"] = to_amazon(ready)
        if "reportDocumentId" in record:
            answer["reportDocumentId"] = record["reportDocumentId"]
        return answer

    def _read_token(self, token: str, account: Account) -> tuple[dict[str, str], int]:
        try:
            claims = self._tokens.read("reports", token)
        except ValueError:
            raise invalid_input("nextToken is invalid.") from None
        if claims["account"] != account.account:
            raise invalid_input("nextToken is invalid.")
        return claims["query"], claims["offset"]


def _marketplaces(body: dict[str, Any], account: Account) -> list[str]:
    marketplace_ids = body.get("marketplaceIds")
    if not isinstance(marketplace_ids, list) or not 1 <= len(marketplace_ids) <= 25:
        raise invalid_input("marketplaceIds must hold 1 to 25 values.")
    if not set(map(str, marketplace_ids)) <= set(account.marketplaces):
        raise unauthorized("The seller does not participate in a requested marketplace.")
    return marketplace_ids


def _moment(values: dict[str, Any], name: str, otherwise: datetime) -> datetime:
    """A date-time; unlike Orders, Reports take any offset (the model says "ISO 8601" alone)."""
    if name not in values:
        return otherwise
    try:
        moment = datetime.fromisoformat(values[name])
    except (TypeError, ValueError):
        raise invalid_input(f"{name} must be formatted by ISO 8601 standards.") from None
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _deflated(text: Iterator[str]) -> Iterator[bytes]:
    """Gzip, in parts of some size."""
    packer = zlib.compressobj(level=1, wbits=31)
    kept = bytearray()
    for line in text:
        kept += packer.compress(line.encode())
        if len(kept) >= _PART:
            yield bytes(kept)
            kept.clear()
    yield bytes(kept) + packer.flush()


def _inflated(parts: Iterator[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(wbits=31)
    for part in parts:
        rest = part
        while rest:
            yield unpacker.decompress(rest, _PART)
            rest = unpacker.unconsumed_tail
    yield unpacker.flush()
