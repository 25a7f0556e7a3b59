"""A store whose events name no order of Amazon's at all has likely been given the wrong number to send."""

from __future__ import annotations

from sqlalchemy import exists, func, select

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.attentions import SHIPMENTS_UNRECOGNISED, raise_attention
from orderbridge.database.models import InboxRow, OrderRow, PackageRow
from orderbridge.database.unit_of_work import Work

FIRST = 20
"""So many events of a store that are all skipped are no accident."""
NOT_AMAZONS = "not_an_amazon_order"


def note(work: Work, accounts: list[ConnectedAccount], order_id: str, account_id: str | None) -> None:
    """An event was skipped, since its `order_id` is not Amazon's: each account that had no other yet is told of it."""
    for account in accounts:
        mine = account.account_id
        if account_id in (None, mine) and _has_orders_but_no_package(work, mine) and _skipped(work) + 1 >= FIRST:
            raise_attention(
                work,
                mine,
                SHIPMENTS_UNRECOGNISED,
                f"The store has said {FIRST} times that it shipped an order, and never one of Amazon's. The last: "
                f"{order_id}.",
                "Fine, if these orders did not come from Amazon. Else have the store send the order_id or the "
                "order_number of order.imported in its order.shipped.",
            )


def _has_orders_but_no_package(work: Work, account_id: str) -> bool:
    orders = exists().where(OrderRow.account_id == account_id)
    packages = exists().where(PackageRow.account_id == account_id)
    return bool(work.session.scalar(select(orders & ~packages)))


def _skipped(work: Work) -> int:
    skipped = select(InboxRow.event_id).where(
        InboxRow.consumer == "shipper", InboxRow.outcome == "skipped", InboxRow.reason == NOT_AMAZONS
    )
    return work.session.execute(select(func.count()).select_from(skipped.limit(FIRST).subquery())).scalar_one()
