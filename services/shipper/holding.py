"""What keeps a package from being told Amazon, although its day has come: for good, or until somebody ends it."""

from __future__ import annotations

from dataclasses import dataclass

from orderbridge.accounts import ConnectedAccount
from orderbridge.bus.outcomes import Rejected
from orderbridge.database.models import PackageRow
from schemas.orders import OrderDocument
from services.shipper.answers import as_refusal
from services.shipper.content import Content, Refusal
from services.shipper.rules import check_order

PAUSED = "paused"
BUYER_ASKED_TO_CANCEL = "buyer_asked_to_cancel"
_DISCONNECTED = Refusal(
    reason="account_disconnected",
    message="The order's account was disconnected before Amazon was told of the shipment.",
    what_to_do="Connect the account again, then `orderbridge shipments retry`; or confirm it in Seller Central.",
)

_LEFT_UNKNOWN = Refusal(
    reason="account_disconnected",
    message="The order's account was disconnected before Amazon's answer came: it may have the shipment, or not.",
    what_to_do="Look in Seller Central. Or connect the account again, then `orderbridge shipments retry`: Amazon is "
    "asked what it has.",
)


@dataclass(frozen=True)
class Hold:
    """Held until somebody ends the reason."""

    reason: str
    why: str
    what_to_do: str


def forbidden(row: PackageRow, account: ConnectedAccount | None, order: OrderDocument) -> Refusal | None:
    """Why the package must not be told Amazon any more, if so.

    Where Amazon may have it already, it is asked before anybody is told anything, as long as it can be asked.
    """
    if account is None or not account.connected:
        return _LEFT_UNKNOWN if row.unsure else _DISCONNECTED
    if row.unsure:
        return None
    try:
        check_order(order)
    except Rejected as rejected:
        return as_refusal(rejected)
    return None


def hold_reason(account: ConnectedAccount, order: OrderDocument, content: Content) -> Hold | None:
    """Why the package waits for somebody, if it does."""
    if not account.settings.confirm_shipments:
        return Hold(
            PAUSED,
            "Confirming shipments is paused for this account.",
            "Nothing: it is sent when it is on again (`orderbridge settings set "
            f"{account.account_id} confirm_shipments=true`).",
        )
    if account.settings.hold_when_buyer_cancels and asks_to_cancel(order) and not content.despite_cancel_request:
        return Hold(
            BUYER_ASKED_TO_CANCEL,
            "The buyer has asked to cancel the order.",
            "If it has left: `orderbridge shipments retry` sends it. If not: stop it, and cancel the order in Seller "
            "Central.",
        )
    return None


def asks_to_cancel(order: OrderDocument) -> bool:
    """Whether the buyer's wish to cancel stands."""
    return order.cancel_requested is not None and order.amazon_status != "cancelled"
