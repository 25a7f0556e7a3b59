"""Says when Amazon changes more of an account's orders than its search carries, and what helps (docs/scaling.md)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from orderbridge.accounts import ConnectedAccount
from orderbridge.amazon.operations import SEARCH_ORDERS
from orderbridge.database.models import AccountState, Subscription
from orderbridge.database.unit_of_work import Work
from services.importer.window import Window

_AN_HOUR: Final = int(SEARCH_ORDERS.rate_per_second * 3600)
"""The pages that Amazon grants for good; its burst is as many once more, after an hour of rest."""


def noticed(work: Work, account: ConnectedAccount, state: AccountState, window: Window) -> Window:
    """The run, with a problem that says so once, if there are too many pages for it to end before its next slot.

    The first run reads up to 30 days at once and may take as long as it likes. A run that an outage has held up has
    read few pages.
    """
    slot = timedelta(minutes=account.settings.import_every_minutes)
    if (
        state.first_run_at is None
        or window.kind != "search"
        or window.amazon_calls <= _AN_HOUR
        or work.now - window.started_at <= slot
    ):
        return window
    if work.session.get(Subscription, account.account_id) is not None:
        help_is = "Amazon's notifications bring each change meanwhile, and the search comes after."
    else:
        help_is = (
            "Have Amazon send each change as it happens: "
            f"`orderbridge notifications subscribe {account.account_id}` (docs/scaling.md)."
        )
    return window.with_problem(
        f"More orders change than Amazon's search carries, which is {_AN_HOUR} pages of 100 an hour: this run takes "
        f"longer than its slot. Nothing is lost, it comes later. {help_is}"
    )
