"""Why an order of Amazon's is not imported, in plain words, by the codes of a run's log."""

from __future__ import annotations

from typing import Final

SKIP_REASONS: Final = {
    "fulfilled_by_amazon": "Amazon fulfils it, and Import FBA Orders is off.",
    "marketplace_skipped": "Its marketplace is among those that are not imported.",
    "non_amazon": "It was bought elsewhere and Amazon merely ships it; importing such orders is off.",
    "of_another_account": "Another connected account has it: both are the same seller. Disconnect one of them.",
    "pending": "Its payment is pending, and no queue is set for such orders. It comes once Amazon releases it.",
    "placed_before_import_date": "It was placed before Import Orders From.",
    "placed_before_minimum_date": "It was placed before the day before which nothing is imported.",
    "program_skipped": "One of its programs is among those that are not imported.",
    "refused_by_amazon": "Amazon refuses it, or does not know it any more.",
    "status_not_told": "Amazon refuses orders' status just now. The next run reads it again.",
}
"""Every reason there is, by its stable code: it stands in the run's log, and is counted there."""
