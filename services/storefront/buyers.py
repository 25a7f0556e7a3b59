"""Who the buyers are, for those who look: the store keeps seals alone, and has them opened on display."""

from __future__ import annotations

from collections.abc import Iterable

from orderbridge.opening import NotOpened, open_call_of
from orderbridge.settings import Settings
from schemas.personal_data import PersonalData
from services.storefront.books import Order

_LONGEST_WAIT = 2.0
"""Seconds that a page waits for the API; then it shows that the data is sealed."""


class Buyers:
    """Opens what orders carry sealed. Without a token every buyer stays sealed."""

    def __init__(self, settings: Settings) -> None:
        self._call = open_call_of(settings, wait_seconds=_LONGEST_WAIT)

    def of(self, orders: Iterable[Order]) -> dict[str, PersonalData]:
        """The buyers' data by order id, as far as it is to be had now."""
        states = {order.event.order_id: order.event.personal_data for order in orders}
        known = {order_id: state.placeholder for order_id, state in states.items() if state.placeholder is not None}
        sealed = [(order_id, state.seal) for order_id, state in states.items() if state.seal is not None]
        if self._call is None or not sealed:
            return known
        try:
            opened = self._call.open(sealed, "display")
        except NotOpened:
            return known
        return known | {one.order_id: one.personal_data for one in opened if one.personal_data is not None}
