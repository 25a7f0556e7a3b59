"""A run that reads Amazon's report of all orders: ask for it, wait until it is made, read it as it arrives.

A report is asked for a span of time; its orders come in chunks, each stored in a transaction with how far the document
has been read. A worker that dies reads the document again and leaves out what is stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, Literal, TypeVar

import structlog
from pydantic import BaseModel, ConfigDict

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.attentions import ORDER_ROLE_MISSING, TROUBLES, stands
from orderbridge.amazon import AccessDenied, AmazonError, BadAnswer, Refused, ReportOrder, UnreadableLine
from orderbridge.amazon.all_orders_report import read_report
from orderbridge.amazon.documents import read_lines
from orderbridge.amazon.operations import CREATE_REPORT, GET_REPORT, GET_REPORT_DOCUMENT
from orderbridge.amazon.report_orders import group_by_order
from orderbridge.amazon.reports import MOST_MARKETPLACES, ReportDocument, create_report, get_report, get_report_document
from orderbridge.amazon_calls import AmazonCalls, CallFailed
from orderbridge.database.unit_of_work import Work, refuse_open_transaction
from schemas.base import Moment
from schemas.imports import ImportDue
from services.importer import runs
from services.importer.claim import Claim
from services.importer.runs import Progress
from services.importer.window import Window

log = structlog.get_logger()
CHUNK: Final = 250
"""Orders of one transaction."""
_ONE_STEP: Final = 20.0
"""Seconds after which a step ends and another goes on: other accounts share this worker."""
_LOOK_AGAIN: Final = timedelta(seconds=30)
_AFTER_BREAK: Final = timedelta(seconds=30)
_FOR_THE_ROLE: Final = timedelta(minutes=15)
"""The search knows by then whether a role is missing, or is finding it out."""
_MOST_TRIES: Final = 3
MOST_WAITING: Final = 500
LONGEST_SPAN: Final = timedelta(days=30)
"""Of one report (Amazon's guide to report types: order reports)."""
_JAPAN: Final = "A1VC38T7YXB528"


class Span(BaseModel):
    """A span of time that one report tells of, for a few marketplaces."""

    model_config = ConfigDict(frozen=True)

    start: Moment
    end: Moment
    marketplace_ids: tuple[str, ...]


class ReportProgress(Progress):
    """An open run that reads reports, and then single orders."""

    kind: Literal["history", "reconciliation"]
    report_type: str
    spans: tuple[Span, ...]
    """What is still to be read; the first is at hand."""
    spans_total: int
    marketplace_ids: tuple[str, ...] = ()
    """Those that the spans were made for."""
    report_id: str | None = None
    document_id: str | None = None
    looked: int = 0
    """How often we have asked for this report's state."""
    tries: int = 0
    """How often this span's report failed."""
    chunks_done: int = 0
    to_fetch: tuple[str, ...] = ()
    """Orders to be read one by one, because the report says too little of them."""
    fetched: int = 0
    role_looked_for: bool = False
    """Amazon refused a call, and the search was asked whether it is the role for orders that is missing."""
    draining: bool = False
    """So many wait to be read one by one that they come first: what a run has in mind stays small."""

    @property
    def reads_single_orders(self) -> bool:
        """Whether its next step is one for a single order."""
        return bool(self.to_fetch) and (not self.spans or self.draining or len(self.to_fetch) >= MOST_WAITING)

    def next_span(self) -> ReportProgress:
        """The run after its first span."""
        return self.model_copy(update={"spans": self.spans[1:], "tries": 0, **_NO_REPORT})


_NO_REPORT: Final = {"report_id": None, "document_id": None, "looked": 0, "chunks_done": 0}
P = TypeVar("P", bound=ReportProgress)
StoreChunk = Callable[[Work, ConnectedAccount, ReportProgress, list[ReportOrder]], ReportProgress]
Entry = ReportOrder | UnreadableLine


def spans(start: datetime, end: datetime, marketplace_ids: tuple[str, ...]) -> tuple[Span, ...]:
    """The spans of the reports from `start` to `end`, the latest first, since it is asked for soonest."""
    found = []
    while end > start:
        begin = max(start, end - LONGEST_SPAN)
        for first in range(0, len(marketplace_ids), MOST_MARKETPLACES):
            some = marketplace_ids[first : first + MOST_MARKETPLACES]
            found.append(Span(start=begin, end=end, marketplace_ids=some))
        end = begin
    return tuple(found)


def step(
    work: Work,
    account: ConnectedAccount,
    progress: ReportProgress,
    calls: AmazonCalls,
    claim: Claim,
    store_chunk: StoreChunk,
) -> None:
    """One step towards the end of the first span."""
    runs.save(work, progress)
    operation = (
        CREATE_REPORT if progress.report_id is None else GET_REPORT_DOCUMENT if progress.document_id else GET_REPORT
    )
    not_before = calls.reserve(work, account.account_id, operation)
    if not_before is not None:
        runs.go_on(work, progress, not_before)
        return
    try:
        if progress.report_id is None:
            _ask(work, progress, calls, claim)
        elif progress.document_id is None:
            _look(work, progress, calls, claim)
        else:
            _read(work, account, progress, calls, claim, store_chunk)
    except CallFailed as failed:
        claim.check(work)
        _after_failure(work, progress.with_call(), failed)


def _ask(work: Work, progress: ReportProgress, calls: AmazonCalls, claim: Claim) -> None:
    span = progress.spans[0]
    asked = calls.make(
        work,
        progress.account_id,
        CREATE_REPORT,
        progress.run_id,
        lambda connection: create_report(connection, progress.report_type, span.marketplace_ids, span.start, span.end),
    )
    claim.check(work)
    waiting = progress.with_call().model_copy(update={**_NO_REPORT, "report_id": asked.report_id})
    runs.go_on(work, waiting, work.now + _LOOK_AGAIN)


def _look(work: Work, progress: ReportProgress, calls: AmazonCalls, claim: Claim) -> None:
    report_id = progress.report_id or ""
    report = calls.make(
        work, progress.account_id, GET_REPORT, progress.run_id, lambda connection: get_report(connection, report_id)
    ).report
    claim.check(work)
    progress = progress.with_call()
    if report.processing_status == "DONE" and report.report_document_id:
        runs.go_on(work, progress.model_copy(update={"document_id": report.report_document_id}), work.now)
    elif report.processing_status == "CANCELLED":  # nothing to report
        runs.go_on(work, progress.next_span(), work.now)
    elif report.is_finished:
        _again(work, progress, f"Amazon could not make the report ({report.processing_status})")
    else:
        looked = progress.looked + 1
        later = _LOOK_AGAIN * min(looked, 4)
        runs.go_on(work, progress.model_copy(update={"looked": looked}), work.now + later)


def _read(
    work: Work,
    account: ConnectedAccount,
    progress: ReportProgress,
    calls: AmazonCalls,
    claim: Claim,
    store_chunk: StoreChunk,
) -> None:
    """Store the document's orders chunk by chunk, for some seconds: then another step goes on."""
    document_id = progress.document_id or ""
    answer = calls.make(
        work,
        account.account_id,
        GET_REPORT_DOCUMENT,
        progress.run_id,
        lambda connection: get_report_document(connection, document_id),
    )
    claim.check(work)
    progress = progress.with_call()
    runs.save(work, progress)
    work.commit()
    started, stored_before = time.monotonic(), progress.chunks_done
    try:
        with closing(_entries(answer.document, _JAPAN in progress.spans[0].marketplace_ids)) as entries:
            for _ in islice(entries, progress.chunks_done * CHUNK):
                pass
            while chunk := list(islice(entries, CHUNK)):
                claim.renew(work)
                progress = _store(work, account, progress, chunk, store_chunk)
                if time.monotonic() - started > _ONE_STEP or progress.reads_single_orders:
                    runs.go_on(work, progress, work.now)
                    return
                runs.save(work, progress)
                work.commit()
    except AmazonError as error:
        log.warning("the report's document broke off", account=account.account_id, error=str(error))
        claim.check(work)
        if progress.chunks_done > stored_before:  # it comes on: of a long document many downloads may break off
            runs.go_on(work, progress, work.now + _AFTER_BREAK)
        else:
            _again(work, progress, f"The report could not be read ({error})", report=None)
        return
    claim.check(work)
    runs.go_on(work, progress.next_span(), work.now)


def _entries(document: ReportDocument, japanese: bool) -> Generator[Entry, None, None]:
    """The document's orders; closing it closes the connection."""
    lines = read_lines(
        document, before_call=refuse_open_transaction, fallback_charset="cp932" if japanese else "cp1252"
    )
    try:
        yield from group_by_order(read_report(lines))
    finally:
        lines.close()  # type: ignore[attr-defined]  # it is a generator


def _store(
    work: Work, account: ConnectedAccount, progress: ReportProgress, chunk: list[Entry], store_chunk: StoreChunk
) -> ReportProgress:
    unreadable = [entry for entry in chunk if isinstance(entry, UnreadableLine)]
    for line in unreadable:
        progress = progress.with_problem(
            f"Line {line.number} of Amazon's report cannot be read ({line.why}): its order may be missing. "
            "Look it up in Seller Central and fetch it with `orderbridge import --order NUMBER`."
        )
    orders = [entry for entry in chunk if isinstance(entry, ReportOrder)]
    progress = store_chunk(work, account, progress, orders)
    return progress.model_copy(update={"chunks_done": progress.chunks_done + 1})


def _again(work: Work, progress: ReportProgress, problem: str, report: str | None = "lost") -> None:
    """Try this span a few times more; then it is left out, and said so."""
    tries = progress.tries + 1
    if tries < _MOST_TRIES:
        update = {"tries": tries, **(_NO_REPORT if report else {})}
        runs.go_on(work, progress.model_copy(update=update), work.now + _AFTER_BREAK * tries)
        return
    span = progress.spans[0]
    told = (
        f"{problem}, three times: orders from {span.start:%Y-%m-%d} to {span.end:%Y-%m-%d} were not read. Ask again "
        f"with `orderbridge import --account {progress.account_id} --from {span.start:%Y-%m-%d}`."
    )
    runs.go_on(work, progress.with_problem(told).next_span(), work.now)


def waits_for_role(work: Work, progress: ReportProgress, error: AmazonError) -> bool:
    """Whether this refusal is for lack of the role for orders: then the run waits until the role is there.

    Nothing in Amazon's answer tells that from a refusal of this very order or report: the search finds it out.
    """
    if not isinstance(error, AccessDenied) or error.code is None:
        return False
    if not progress.role_looked_for:
        progress = progress.model_copy(update={"role_looked_for": True})
        work.post(ImportDue(account_id=progress.account_id, reason="now"))
    elif stands(work, progress.account_id, (ORDER_ROLE_MISSING,)):
        progress = progress.with_problem(TROUBLES[ORDER_ROLE_MISSING])
    elif not _search_looks(work, progress.account_id):
        return False
    runs.go_on(work, progress, work.now + _FOR_THE_ROLE)
    return True


def _search_looks(work: Work, account_id: str) -> bool:
    """Whether the search is asking for each marketplace alone: without quota, of many that takes an hour."""
    row = runs.find_open(work, account_id, "search")
    return row is not None and bool(Window.model_validate_json(row.progress).suspects)


def _after_failure(work: Work, progress: ReportProgress, failure: CallFailed) -> None:
    error = failure.error
    log.warning("report call failed", account=progress.account_id, error=str(error))
    if waits_for_role(work, progress, error):
        return
    if isinstance(error, Refused) and error.code is not None:  # a refused login says nothing of the report
        _again(work, progress, f"Amazon refused the report ({error.code}: {error.message})")
    elif isinstance(error, BadAnswer):
        _again(work, progress, f"Amazon's answer about the report cannot be read ({error.message})")
    else:
        runs.go_on(work, progress, max(failure.retry_at, work.now + timedelta(seconds=5)))
