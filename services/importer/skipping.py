"""Which orders are not imported, and why. A rule is for orders that the store does not have yet."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from orderbridge.accounts import ConnectedAccount
from schemas.orders import OrderDocument

_A_SECOND: Final = timedelta(seconds=1)
"""Amazon's times have no fractions, ours do."""


def why_skipped(account: ConnectedAccount, order: OrderDocument, since: datetime | None) -> str | None:
    """Why an order that the store does not have is not imported, a code of `orderbridge.skip_reasons`; None if it is.

    The same for an order from the search and from a report. An order placed before `since` is not imported.
    """
    settings = account.settings
    least = settings.skip_placed_before
    pending = order.fulfilled_by != "amazon" and order.amazon_status in ("pending", "pending_availability")
    rules = {
        "non_amazon": order.sales_channel == "other" and not settings.import_non_amazon,
        "marketplace_skipped": order.marketplace_id in settings.skip_marketplaces,
        "fulfilled_by_amazon": order.fulfilled_by == "amazon" and not settings.import_fba,
        "program_skipped": not set(settings.skip_programs).isdisjoint(order.programs),
        "placed_before_minimum_date": least is not None and order.placed_at < least,
        "placed_before_import_date": since is not None and order.placed_at + _A_SECOND < since,
        # Last, since it alone is for a while: what would not be imported later either is told so at once.
        "pending": pending and settings.status_pending is None,
    }
    return next((code for code, applies in rules.items() if applies), None)
