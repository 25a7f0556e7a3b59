"""The end of a run that reads reports: orders of which the report says too little are read one by one."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from orderbridge.accounts import ConnectedAccount
from orderbridge.amazon import AmazonError, BadAnswer, NotFound, Refused, get_order
from orderbridge.amazon.operations import GET_ORDER
from orderbridge.amazon_calls import AmazonCalls, CallFailed
from orderbridge.database.unit_of_work import Work
from orderbridge.vault.key_ring import KeyRing
from schemas.imports import RunLine
from services.importer import access, runs
from services.importer.claim import Claim
from services.importer.orders import store_order
from services.importer.report_run import ReportProgress, waits_for_role

_MOST_TRIES: Final = 3
"""Of each order that is left, when nothing but answers that cannot be read comes."""


def step(
    work: Work,
    account: ConnectedAccount,
    progress: ReportProgress,
    calls: AmazonCalls,
    ring: KeyRing,
    claim: Claim,
    since: datetime | None,
) -> None:
    """Read the next order with `getOrder` and store it by the very path of the import."""
    runs.save(work, progress)
    order_id = progress.to_fetch[0]
    not_before = calls.reserve(work, account.account_id, GET_ORDER)
    if not_before is not None:
        runs.go_on(work, progress, not_before)
        return
    try:
        answer = calls.make(
            work, account.account_id, GET_ORDER, order_id, lambda connection: get_order(connection, order_id)
        )
    except CallFailed as failed:
        claim.check(work)
        if waits_for_role(work, progress.with_call(), failed.error):
            return
        bad = isinstance(failed.error, BadAnswer)
        if bad and progress.tries + 1 < _MOST_TRIES * len(progress.to_fetch):
            runs.go_on(work, _later(progress), failed.retry_at)
            return
        if not bad and (not isinstance(failed.error, Refused) or failed.error.code is None):
            runs.go_on(work, progress.with_call(), failed.retry_at)
            return
        line = _not_read(order_id, failed.error)
    else:
        claim.check(work)
        access.order_arrived(work, account.account_id, answer.order)
        line = store_order(work, ring, account, answer.order, since=since)
    if progress.kind == "reconciliation" and line.did in ("imported", "updated"):
        told = "Amazon's search had not shown it as it is. It is put right; tell Orderbridge's developers if it recurs."
        line = line.model_copy(update={"problem": " ".join(filter(None, (told, line.problem)))})
    if line.problem:
        progress = progress.with_problem(f"Order {order_id}: {line.problem}")
    runs.add_lines(work, progress.run_id, [line])
    progress = progress.counted([line]).with_call()
    progress = progress.model_copy(
        update={
            "to_fetch": progress.to_fetch[1:],
            "fetched": progress.fetched + 1,
            "tries": 0,
            "draining": len(progress.to_fetch) > 1,
        }
    )
    runs.go_on(work, progress, work.now)


def _later(progress: ReportProgress) -> ReportProgress:
    """An answer that cannot be read: the others come first, in case it is this order's alone."""
    first, *others = progress.to_fetch
    return progress.with_call().model_copy(update={"to_fetch": (*others, first), "tries": progress.tries + 1})


def _not_read(order_id: str, error: AmazonError) -> RunLine:
    if isinstance(error, BadAnswer):
        problem = f"It cannot be read: {error.message}. Report it to Orderbridge's developers."
        return RunLine(order_id=order_id, did="unreadable", problem=problem)
    gone = isinstance(error, NotFound)
    why = "Amazon does not know it any more" if gone else f"Amazon refuses it ({error.message})"
    return RunLine(order_id=order_id, did="skipped", reason="refused_by_amazon", problem=f"{why}.")
