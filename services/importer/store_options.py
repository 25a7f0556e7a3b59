"""What happens when a store says what it offers: it is kept, and held against the account's mappings."""

from __future__ import annotations

from orderbridge.accounts import find_account
from orderbridge.accounts.mapping_attention import look_at_mappings
from orderbridge.accounts.store_options import keep_options
from orderbridge.database.unit_of_work import Work
from schemas.accounts import StoreOptions


def options_said(event: StoreOptions, work: Work) -> None:
    """Keep the options, unless newer ones are kept, and raise or end the trouble of mappings that lead nowhere.

    The topic is compacted: a worker that begins anew may read it again, and nothing changes.
    """
    # Not later than now: a store whose clock is ahead would be deaf to its own corrections.
    said_at = min(work.cause.said_at, work.now)
    if not keep_options(work, event, said_at):
        return
    account = find_account(work, event.account_id)
    if account is not None:
        look_at_mappings(work, account.account_id, account.settings)
