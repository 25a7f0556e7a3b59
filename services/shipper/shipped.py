"""What happens when the store says "shipped with tracking": the package is planned, then confirmed or held."""

from __future__ import annotations

from sqlalchemy import select

from orderbridge.accounts import find_account
from orderbridge.amazon_calls import AmazonCalls
from orderbridge.database.models import OrderRow, PackageRow, StoreOrderNumber
from orderbridge.database.unit_of_work import Work
from schemas.orders import OrderDocument
from schemas.shipments import OrderShipped
from services.shipper import answers
from services.shipper.confirm import confirm_package, look_again, stated_ship_date
from services.shipper.content import Content
from services.shipper.resolve import resolve
from services.shipper.rules import check_account, check_order, package_lines, plan_ship_date


def shipped(event: OrderShipped, work: Work, calls: AmazonCalls) -> None:
    """Plan the package the event speaks of. (order, package) is its natural key: a newer event corrects it.

    Raises Rejected, Skipped or NotYet; whatever becomes of the package later is answered to the store.
    """
    order_row = resolve(event, work)
    account = check_account(find_account(work, order_row.account_id))
    if event.store_order_number is not None:
        _learn_number(work, event.store_order_number, order_row.order_id)
    order = OrderDocument.model_validate_json(order_row.document)
    packages = {row.package_key: row for row in _packages(work, order_row.order_id)}
    known = packages.pop(event.package_key(), None)
    if known is not None and known.rank > work.cause.rank:
        return  # a newer event has spoken of this package already
    if known is None or known.rank != work.cause.rank:
        content = _content(event, order, packages, known, work)
        row = _plan(work, order_row, event.package_key(), packages, known, content)
        if row.state == "confirmed":
            answers.confirmed(work, row, content, stated_ship_date(work, account.zone, order, content))
            return
    else:
        row, content = known, Content.model_validate_json(known.content)
        if row.state != "waiting":
            return  # the same event again, after its outcome was told
    row.hold_until = plan_ship_date(content.said_ship_date(), account.zone, order.placed_at, work.now).not_before
    if row.hold_until > work.now:
        answers.held(work, row, content, row.hold_until)
        look_again(work, row, row.hold_until)
        return
    work.session.flush()
    confirm_package(work, calls, row)


def _content(
    event: OrderShipped, order: OrderDocument, others: dict[str, PackageRow], known: PackageRow | None, work: Work
) -> Content:
    check_order(order)
    held = [(row.state, Content.model_validate_json(row.content)) for row in others.values()]
    own = Content.model_validate_json(known.content).taken if known is not None else ()
    elsewhere = [line for state, one in held for line in (one.taken if state == "rejected" else one.lines)]
    taken = [*own, *(line for _, one in held for line in one.taken)]
    return Content(
        caused_by=work.cause.event_id,
        store_order_number=event.store_order_number,
        package_id=event.package_id,
        carrier=event.carrier,
        shipping_method=event.shipping_method,
        tracking_number=event.tracking_number,
        ship_date=event.ship_date,
        first_said_at=min(max(work.cause.first_seen, order.placed_at), work.now),
        lines=package_lines(event, order, elsewhere, taken),
        taken=own,
        ship_from_supply_source_id=event.ship_from_supply_source_id,
    )


def _plan(
    work: Work,
    order_row: OrderRow,
    package_key: str,
    others: dict[str, PackageRow],
    known: PackageRow | None,
    content: Content,
) -> PackageRow:
    """The package's row, with this content as its newest revision; confirmed stays what would be told the same."""
    if known is None:
        row = PackageRow(
            order_id=order_row.order_id,
            package_key=package_key,
            account_id=order_row.account_id,
            reference_id=max((other.reference_id for other in others.values()), default=0) + 1,
            revision=0,
            failures=0,
            unsure=False,
            ship_by=order_row.ship_by,
        )
        work.session.add(row)
    else:
        row = known
        if row.state == "confirmed" and content.same_parcel(Content.model_validate_json(row.content)):
            row.rank = work.cause.rank
            return row
    row.revision += 1
    row.rank = work.cause.rank
    row.content = content.model_dump_json(exclude_none=True)
    row.state = "waiting"
    row.failures = 0
    return row


def _packages(work: Work, order_id: str) -> list[PackageRow]:
    statement = select(PackageRow).where(PackageRow.order_id == order_id).execution_options(populate_existing=True)
    return list(work.session.scalars(statement))


def _learn_number(work: Work, store_order_number: str, order_id: str) -> None:
    statement = work.insert(StoreOrderNumber).values(store_order_number=store_order_number, order_id=order_id)
    work.session.execute(statement.on_conflict_do_nothing())
