"""Who the buyers are, for those who look: the store keeps seals alone, and has them opened on display."""

from __future__ import annotations

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

    def of(self, order: Order) -> PersonalData | None:
        """The buyer of the order, as far as he is to be known now."""
        state = order.event.personal_data
        if self._call is None or state.seal is None:
            return state.placeholder
        try:
            (opened,) = self._call.open([(order.event.order_id, state.seal)], "display")
        except NotOpened:
            return None
        return opened.personal_data
