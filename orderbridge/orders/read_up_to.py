"""Up to when an account's orders have been read: what tells whether its import comes on, however its runs end."""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import select

from orderbridge.accounts import read_account
from orderbridge.database.models import Account, AccountState, Run
from orderbridge.database.unit_of_work import Work


def read_up_to(work: Work) -> dict[str, datetime]:
    """Of each account that is connected and switched on: everything that Amazon changed before this moment is read.

    Before anything is read it is the moment of the connection. A long run comes on page by page: while its pages come
    in the order of updates, the newest one counts.
    """
    open_runs = select(Run.account_id, Run.progress).where(Run.kind == "search", Run.finished_at.is_(None))
    newest = {account_id: _newest(json.loads(progress)) for account_id, progress in work.session.execute(open_runs)}
    cursors = {row.account_id: row.cursor for row in work.session.scalars(select(AccountState))}
    found = {}
    for account in map(read_account, work.session.scalars(select(Account))):
        if not (account.connected and account.settings.enabled):
            continue
        read = [one for one in (cursors.get(account.account_id), newest.get(account.account_id)) if one is not None]
        moment = max(read) if read else account.connected_at
        if moment is not None:
            found[account.account_id] = moment
    return found


def _newest(window: dict[str, object]) -> datetime | None:
    """The newest update of an open search, which `services.importer.window.Window` keeps."""
    newest = window.get("newest")
    return datetime.fromisoformat(newest) if isinstance(newest, str) and window.get("in_order") else None
