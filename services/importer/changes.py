"""What is another in an order than what the store was last told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from schemas.orders import Change, Line, OrderDocument

_FIELDS_OF: Final[dict[Change, tuple[str, ...]]] = {
    "status": ("amazon_status", "amazon_status_word", "store"),
    "lines": ("lines",),
    "amounts": ("totals",),
    "cancel_requested": ("cancel_requested",),
    "address": ("ship_to_country", "ship_to_region"),
    "dates": ("ship_by", "deliver_by", "ship_window", "deliver_window"),
    "packages": ("packages", "package_differences"),
}
_NO_CHANGE: Final = {"order_id", "account_id", "amazon_updated_at"}
"""That Amazon touched an order is no news by itself."""
_OTHER: Final = set(OrderDocument.model_fields) - _NO_CHANGE - {name for names in _FIELDS_OF.values() for name in names}


def what_changed(before: OrderDocument, after: OrderDocument, *, sealed: Iterable[Change] = ()) -> tuple[Change, ...]:
    """The kinds of change between two states of an order; what `sealed` data has of them is compared by the caller."""
    found = {change for change, names in _FIELDS_OF.items() if _differ(before, after, names)}
    quantities = _quantities(before), _quantities(after)
    is_now = {
        "quantities": quantities[0] != quantities[1],
        "cancelled": _is_less(*quantities) or (after.amazon_status == "cancelled" != before.amazon_status),
        "shipped_by_amazon": after.fulfilled_by == "amazon"
        and after.amazon_status == "shipped" != before.amazon_status,
        "other": _differ(before, after, _OTHER),
    }
    found |= set(sealed) | {change for change, is_so in is_now.items() if is_so}  # type: ignore[misc]  # its keys are Changes
    return tuple(change for change in _ORDER if change in found)


_ORDER: Final[tuple[Change, ...]] = (
    "status",
    "lines",
    "quantities",
    "cancelled",
    "shipped_by_amazon",
    "amounts",
    "cancel_requested",
    "address",
    "dates",
    "packages",
    "personal_data",
    "other",
)


def _differ(before: OrderDocument, after: OrderDocument, names: tuple[str, ...] | set[str]) -> bool:
    return any(getattr(before, name) != getattr(after, name) for name in names)


def _is_less(before: dict[str, tuple[int, int, int]], after: dict[str, tuple[int, int, int]]) -> bool:
    """Whether more of a line is cancelled, by Amazon's word or in that less is ordered, or that it is gone.

    A line of Amazon's report has another id than the same line later: of those that are gone the sum counts.
    """
    return sum(line[0] for line in before.values()) > sum(line[0] for line in after.values()) or any(
        cancelled > before[item][2] or quantity < before[item][0] if item in before else cancelled > 0
        for item, (quantity, _, cancelled) in after.items()
    )


def _quantities(order: OrderDocument) -> dict[str, tuple[int, int, int]]:
    def of(line: Line) -> tuple[int, int, int]:
        return line.quantity, line.quantity_shipped, line.quantity_cancelled

    return {line.order_item_id: of(line) for line in order.lines}
