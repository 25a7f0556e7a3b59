"""Orders that were left alone for one of their programs: a report does not tell programs, and would miss them daily."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from orderbridge.accounts import ConnectedAccount
from orderbridge.database.models import SkippedOrder
from orderbridge.database.unit_of_work import Work
from schemas.orders import OrderDocument


def remember(work: Work, order: OrderDocument) -> None:
    """Keep the programs of an order that is skipped for one of them, as Amazon told them last."""
    values = {"programs": ",".join(order.programs), "skipped_at": work.now}
    work.session.execute(
        work.insert(SkippedOrder)
        .values(account_id=order.account_id, order_id=order.order_id, **values)
        .on_conflict_do_update(index_elements=["account_id", "order_id"], set_=values)
    )


def still_skipped(work: Work, account: ConnectedAccount, order_ids: Iterable[str]) -> set[str]:
    """Those of the orders that were skipped, and would be by the settings of now."""
    kept = select(SkippedOrder.order_id, SkippedOrder.programs).where(
        SkippedOrder.account_id == account.account_id, SkippedOrder.order_id.in_(list(order_ids))
    )
    unwanted = set(account.settings.skip_programs)
    return {order_id for order_id, programs in work.session.execute(kept) if unwanted & set(programs.split(","))}
