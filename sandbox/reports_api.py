"""Amazon's door to Reports 2021-06-30, and the URLs of their documents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from sandbox.accounts import Account
from sandbox.calls import call, finish, parsed, query_of, with_fault
from sandbox.errors import AmazonError
from sandbox.faults import Call
from sandbox.seller_central import SellerCentral

_REPORTS = "/reports/2021-06-30/reports"


def reports_routes(central: SellerCentral) -> APIRouter:
    """The routes of Reports 2021-06-30."""
    router = APIRouter()
    reports = central.reports

    @router.post(_REPORTS)
    async def create_report(request: Request) -> Response:
        raw = await request.body()

        def operation(account: Account) -> Response:
            fatal = central.faults.next_report_is_fatal(account.account)
            return JSONResponse(reports.create(parsed(raw), account, fatal=fatal), 202)

        return call(central, "createReport", request, operation)

    @router.get(_REPORTS)
    async def get_reports(request: Request) -> Response:
        def operation(account: Account) -> Response:
            return JSONResponse(reports.search(query_of(request), account))

        return call(central, "getReports", request, operation)

    @router.get(_REPORTS + "/{report_id}")
    async def get_report(request: Request, report_id: str) -> Response:
        def operation(account: Account) -> Response:
            return JSONResponse(reports.get(report_id, account))

        return call(central, "getReport", request, operation)

    @router.delete(_REPORTS + "/{report_id}")
    async def cancel_report(request: Request, report_id: str) -> Response:
        def operation(account: Account) -> Response:
            reports.cancel(report_id, account)
            return Response(status_code=200)

        return call(central, "cancelReport", request, operation)

    @router.get("/reports/2021-06-30/documents/{document_id}")
    async def get_report_document(request: Request, document_id: str) -> Response:
        def operation(account: Account) -> Response:
            return JSONResponse(reports.document(document_id, account, str(request.base_url)))

        return call(central, "getReportDocument", request, operation)

    @router.get("/_sandbox/documents/{token}")
    async def download_document(request: Request, token: str) -> Response:
        """Like a presigned URL: whoever has it may read, for five minutes."""

        def operation() -> Response:
            try:
                parts, compressed = reports.download(token)
            except AmazonError as error:
                return JSONResponse(error.body(), error.status)
            if fault is not None:  # faults change whole bodies
                return Response(b"".join(parts), media_type="text/plain")
            media_type = "application/gzip" if compressed else "text/plain; charset=UTF-8"
            return StreamingResponse(_on_the_only_thread(parts), media_type=media_type)

        fault = central.faults.next(Call("downloadDocument"))
        return finish(central, "downloadDocument", with_fault(fault, operation, {}))

    return router


async def _on_the_only_thread(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    # Starlette would read a plain iterator in other threads, and SQLite is used by one.
    for part in parts:
        yield part
        await asyncio.sleep(0)  # lets others be served, and a reader who has gone be noticed
