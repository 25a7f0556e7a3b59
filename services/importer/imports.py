"""Takes up an `import.due`: opens the run it means, or goes on with the open one."""

from __future__ import annotations

from orderbridge import attentions
from orderbridge.accounts import ConnectedAccount, find_account
from orderbridge.amazon_calls import AmazonCalls
from orderbridge.bus.outcomes import Skipped
from orderbridge.database.models import Run
from orderbridge.database.unit_of_work import Work
from orderbridge.expiry import warn_of_expiry
from orderbridge.vault.key_ring import KeyRing
from schemas.imports import ImportDue
from services.importer import cursor, runs, search_run
from services.importer.claim import Claim
from services.importer.window import Window

_KINDS = {"slot": "search", "now": "search", "dry_run": "dry_run"}


def run_import(event: ImportDue, work: Work, calls: AmazonCalls, ring: KeyRing) -> None:
    """Do one step of a run. A run that is open is gone on with, never doubled."""
    account = find_account(work, event.account_id)
    if account is None or not account.connected:
        raise Skipped("account_not_connected")
    if not account.settings.enabled:
        raise Skipped("import_disabled")
    kind = _kind_of(work, event)
    if kind is None:
        return  # that run is finished
    if attentions.stands(work, account.account_id, (attentions.CONSENT_REVOKED,)):
        raise Skipped("consent_revoked")  # an open run stays open: connecting the account goes on with it
    claim = Claim(work, account.account_id, kind)
    row = runs.find_open(work, account.account_id, kind)
    if row is None:
        warn_of_expiry(work, calls.settings, account.account_id)
    window = Window.model_validate_json(row.progress) if row is not None else _open(work, account, kind)
    search_run.step(work, account, window, calls, ring, claim)
    claim.release(work)


def _kind_of(work: Work, event: ImportDue) -> str | None:
    if event.reason != "rest":
        return _KINDS.get(event.reason, "search")
    run = work.session.get(Run, event.run_id) if event.run_id is not None else None
    return run.kind if run is not None and run.finished_at is None else None


def _open(work: Work, account: ConnectedAccount, kind: str) -> Window:
    state = runs.state_of(work, account.account_id)
    marketplace_ids = cursor.granted(state, account.marketplace_ids, work.now)
    return Window.open(
        account,
        state,
        work.now,
        kind="dry_run" if kind == "dry_run" else "search",
        marketplace_ids=marketplace_ids or account.marketplace_ids,
    )
