"""Why an order of a report is not imported."""

from __future__ import annotations

from datetime import datetime, timedelta

from orderbridge.accounts import ConnectedAccount
from orderbridge.amazon import ReportOrder


def why_skipped(account: ConnectedAccount, order: ReportOrder, since: datetime | None) -> str | None:
    if order.fulfilled_by == "AMAZON" and not account.settings.import_fba:
        return "fulfilled_by_amazon"
    if not order.is_amazon and not account.settings.import_non_amazon:
        return "non_amazon"
    if since is not None and order.placed_at < since - timedelta(seconds=1):
        return "placed_before_import_date"
    return None
