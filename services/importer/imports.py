"""Takes up an `import.due`: opens the run it means, or goes on with the open one."""

from __future__ import annotations

from orderbridge.accounts import ConnectedAccount, attentions, find_account
from orderbridge.accounts.expiry import warn_of_expiry
from orderbridge.amazon_calls import AmazonCalls
from orderbridge.bus.outcomes import Rejected, Skipped
from orderbridge.database.models import Run
from orderbridge.database.unit_of_work import Work
from orderbridge.vault.key_ring import KeyRing
from schemas.imports import ImportDue
from services.importer import cursor, fetching, history_run, reconciliation, report_run, runs, search_run
from services.importer.claim import Claim
from services.importer.report_run import ReportProgress
from services.importer.window import SEARCHED, Window, imported_from

_KINDS = {"slot": "search", "now": "search"}
_STORE = {"history": history_run.store_chunk, "reconciliation": reconciliation.compare_chunk}


def run_import(event: ImportDue, work: Work, calls: AmazonCalls, ring: KeyRing) -> None:
    """Do one step of a run. A run that is open is gone on with, never doubled."""
    account = find_account(work, event.account_id)
    if account is None:
        raise Skipped("account_not_connected")
    kind = _kind_of(work, event)
    if kind is None:
        return  # that run is finished
    in_vain = _why_in_vain(work, account, event, kind)
    if in_vain is not None and event.reason != "history":
        raise Skipped(in_vain)  # an open run stays open: a slot goes on with it when there are slots again
    claim = Claim(work, account.account_id, kind)
    if _kind_of(work, event) is None:  # another worker has ended it since we looked: a `rest` opens no run
        claim.release(work)
        return
    if in_vain is not None:  # asked for once only: the run is opened, and waits
        progress = history_run.open_history(work, account, event)
        if progress is not None:
            runs.save(work, progress)
    elif kind in _STORE:
        _step_of_reports(event, work, account, kind, calls, ring, claim)
    else:
        row = runs.find_open(work, account.account_id, kind)
        if row is None:
            warn_of_expiry(work, calls.settings, account.account_id)
        runs.wake(work, account.account_id, _STORE)
        window = Window.model_validate_json(row.progress) if row is not None else _open(work, account, kind)
        search_run.step(work, account, window, calls, ring, claim)
    claim.release(work)


def _why_in_vain(work: Work, account: ConnectedAccount, event: ImportDue, kind: str) -> str | None:
    """Why Amazon is not asked for this account now, a stable code; None if it is. A preview comes before enabling.

    A consent that is called revoked is tried with a slot, as seldom as the calls' pause has it: Amazon may have erred.
    """
    if not account.connected:
        return "account_not_connected"
    if not account.settings.enabled and kind != "dry_run":
        return "import_disabled"
    revoked = event.reason != "slot" and attentions.stands(work, account.account_id, (attentions.CONSENT_REVOKED,))
    return "consent_revoked" if revoked else None


def _kind_of(work: Work, event: ImportDue) -> str | None:
    if event.reason == "unknown":
        message = "import.due: reason: this version does not know it."
        raise Rejected("unknown_reason", message, "Send it again when the importer is as new as its sender.")
    if event.reason != "rest":
        return _KINDS.get(event.reason, event.reason)
    run = work.session.get(Run, event.run_id, populate_existing=True) if event.run_id is not None else None
    return run.kind if run is not None and run.finished_at is None else None


def _open(work: Work, account: ConnectedAccount, kind: str) -> Window:
    state = runs.state_of(work, account.account_id)
    if state.imported_from is None and kind == "search":  # the first run
        state.imported_from = imported_from(account, state) or work.now
        if state.cursor is None and state.imported_from < work.now - SEARCHED:
            work.post(ImportDue(account_id=account.account_id, reason="history", since=state.imported_from))
    marketplace_ids = cursor.granted(state, account.marketplace_ids, work.now)
    return Window.open(
        account,
        state,
        work.now,
        kind="dry_run" if kind == "dry_run" else "search",
        marketplace_ids=marketplace_ids or account.marketplace_ids,
    )


def _step_of_reports(
    event: ImportDue,
    work: Work,
    account: ConnectedAccount,
    kind: str,
    calls: AmazonCalls,
    ring: KeyRing,
    claim: Claim,
) -> None:
    progress = _report_progress(event, work, account, kind)
    if progress is None:
        return
    if not progress.reads_single_orders and progress.spans:
        report_run.step(work, account, progress, calls, claim, _STORE[kind])
    elif progress.to_fetch:
        since = imported_from(account, runs.state_of(work, account.account_id))
        fetching.step(work, account, progress, calls, ring, claim, since)
    else:
        runs.finish(work, progress)


def _report_progress(event: ImportDue, work: Work, account: ConnectedAccount, kind: str) -> ReportProgress | None:
    if event.reason == "history":
        return history_run.open_history(work, account, event)
    row = runs.find_open(work, account.account_id, kind)
    if row is not None:
        return ReportProgress.model_validate_json(row.progress)
    return reconciliation.open_reconciliation(work, account, event)
