"""The roles an application needs at Amazon. No operation tells which it has: refusals and missing addresses do.

Source: facts of "Access orders PII" and "Role mappings": without the first role no order may be read; without the
second a merchant order that awaits shipment comes without `recipient.deliveryAddress.name`, though RECIPIENT was asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, func, select

from orderbridge.accounts.attentions import ORDER_ROLE_MISSING, ROLE_MISSING, end_attention, raise_attention
from orderbridge.accounts.setting_types import MOST_DAYS
from orderbridge.amazon import Order
from orderbridge.database.models import AccountState, Attention, OrderRow, PersonalDataRow
from orderbridge.database.unit_of_work import Work
from schemas.imports import ImportDue

ORDER_ROLE: Final = "Inventory and Order Tracking"
ADDRESS_ROLE: Final = "Direct-to-Consumer Shipping (Restricted)"
ROLE_OF: Final = {ORDER_ROLE_MISSING: ORDER_ROLE, ROLE_MISSING: ADDRESS_ROLE}
"""The role that is missing while a trouble stands."""

NO_ADDRESSES: Final = (
    f"Orders come without names and addresses: the application has not the role {ADDRESS_ROLE}, or the seller has not "
    "consented to it. Orders are imported all the same."
)
_ADD_IT: Final = (
    "Add the role {role} to the application in the developer console, authorise it again in Seller Central, and "
    "connect the account with the new refresh token: `orderbridge accounts connect {account}`."
)
_AWAIT_SHIPMENT: Final = ("UNSHIPPED", "PARTIALLY_SHIPPED")
_PICKED_UP: Final = "IN_STORE_PICK_UP"
_HAVE_AN_ADDRESS: Final = ("unshipped", "partially_shipped", "shipped")
_KEPT: Final = timedelta(days=MOST_DAYS)
_BEFORE: Final = timedelta(minutes=10)
"""Amazon shows an update some minutes late."""
_FIRST_DAY: Final = timedelta(days=1)
"""A role that is found missing so soon after the first run was missing in it, too."""


def address_role(orders: Iterable[Order]) -> bool | None:
    """Whether orders that were asked with RECIPIENT show that the application may see addresses; None: neither.

    One address is proof. A single order may lack its address for other reasons, for a while: `several_lack_addresses`.
    """
    without = False
    for order in orders:
        address = order.recipient.delivery_address if order.recipient else None
        if address is not None and address.name:
            return True
        without = without or _should_have_one(order)
    return False if without else None


def several_lack_addresses(work: Work, account_id: str, orders: Iterable[Order]) -> bool:
    """Whether more than one order lacks its address: of these, of which none has one, and those that are kept.

    What was placed before another that is kept with its data does not count: the role was there, and it lacks its
    address for other reasons.
    """
    lacking = {order.order_id: order.created_time for order in orders if _should_have_one(order)}
    addressed = (
        select(OrderRow.placed_at)
        .join(PersonalDataRow, PersonalDataRow.order_id == OrderRow.order_id)
        .where(OrderRow.account_id == account_id, OrderRow.placed_at >= work.now - _KEPT)
        .where(OrderRow.fulfilled_by == "merchant", PersonalDataRow.seal.is_not(None))
        .where(OrderRow.order_id.not_in(lacking))
    )
    newest = work.session.scalars(addressed.order_by(OrderRow.placed_at.desc()).limit(1)).first()
    since = newest or work.now - _KEPT
    kept = _without_data(account_id, since, ("unshipped", "partially_shipped"))
    kept = kept.where(OrderRow.order_id.not_in(lacking), OrderRow.document.not_like(f"%{_PICKED_UP}%"))
    counting = sum(placed_at >= since for placed_at in lacking.values())
    return counting + len(work.session.execute(kept.limit(2)).all()) > 1


def orders_refused(work: Work, account_id: str, words: str) -> None:
    """Amazon refuses all orders of the account, with these words: somebody must add the role."""
    raise_attention(
        work,
        account_id,
        ORDER_ROLE_MISSING,
        f"Amazon refuses the orders of this account: {words} The application has not the role {ORDER_ROLE}, or the "
        "seller has not consented to it.",
        _ADD_IT.format(role=ORDER_ROLE, account=account_id),
    )


def addresses_missing(work: Work, account_id: str) -> None:
    """Orders come without addresses: somebody must add the role."""
    raise_attention(work, account_id, ROLE_MISSING, NO_ADDRESSES, _ADD_IT.format(role=ADDRESS_ROLE, account=account_id))


def address_role_granted(work: Work, account_id: str) -> None:
    """Addresses are there: if they were missing, the next import reads again the orders that came without them."""
    if not end_attention(work, account_id, ROLE_MISSING):
        return
    state = work.session.get(AccountState, account_id)
    if state is None:
        return  # its first run reads all
    missed = work.session.get_one(Attention, (account_id, ROLE_MISSING), populate_existing=True).since - _BEFORE
    kept = work.now - _KEPT
    # What showed that the role was missing had been updated before, all of a first import perhaps. Of that, what names
    # its buyer's tax number has data without an address.
    first_import = state.first_run_at is None or missed < state.first_run_at + _FIRST_DAY
    orders = (_merchants if first_import else _without_data)(account_id, kept, _HAVE_AN_ADDRESS)
    first = work.session.scalars(orders.with_only_columns(func.min(OrderRow.amazon_updated_at))).one()
    since = max(min(missed, first or missed), kept)
    state.read_again_from = min(since, state.read_again_from or since)
    work.post(ImportDue(account_id=account_id, reason="now"))


def _without_data(account_id: str, placed_since: datetime, statuses: tuple[str, ...]) -> Select[Any]:
    """The merchant's orders that are kept without personal data."""
    data = select(PersonalDataRow.order_id).where(PersonalDataRow.order_id == OrderRow.order_id)
    return _merchants(account_id, placed_since, statuses).where(~data.exists())


def _merchants(account_id: str, placed_since: datetime, statuses: tuple[str, ...]) -> Select[Any]:
    """The merchant's orders that are kept."""
    return select(OrderRow.order_id).where(
        OrderRow.account_id == account_id,
        OrderRow.placed_at >= placed_since,
        OrderRow.fulfilled_by == "merchant",
        OrderRow.amazon_status.in_(statuses),
    )


def _should_have_one(order: Order) -> bool:
    fulfillment = order.fulfillment
    return (
        fulfillment is not None
        and fulfillment.fulfilled_by == "MERCHANT"
        and fulfillment.fulfillment_status in _AWAIT_SHIPMENT
        and _PICKED_UP not in order.programs
    )
