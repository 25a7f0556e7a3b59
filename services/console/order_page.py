"""One order: how it stands, its whole life, and what an operator may do about it. Personal data only when asked for."""

from __future__ import annotations

import json
from typing import Any, get_args
from urllib.parse import quote

import structlog
from sqlalchemy import select
from starlette.responses import Response

from orderbridge.access.users import may
from orderbridge.accounts.facts import country
from orderbridge.amazon import marketplace
from orderbridge.database.models import OrderRow, PackageRow, PersonalDataRow, StoreOrderNumber
from orderbridge.database.unit_of_work import Work
from orderbridge.import_requests import InVain, ask_for_order
from orderbridge.late_shipments import dies_at
from orderbridge.opening import NotOpened, open_call_of
from orderbridge.orders.numbers import amazons_number
from orderbridge.orders.shipments import TO_SEND_AGAIN, package_name, refusal_of, send_again, to_send_again
from orderbridge.orders.timeline import life_of
from orderbridge.package_standing import standing
from orderbridge.settings import Settings
from schemas.openings import OpenedSeal, Purpose
from schemas.orders import OrderDocument
from services.console.lists import asked
from services.console.visit import Stop, Visit, local_path

log = structlog.get_logger()
_MOST_LINES = 60
_MOST_PACKAGES = 30
_LONGEST_WAIT = 5.0
"""Seconds that a page waits for the API."""
_PURPOSES = {
    "display": "To work on the order",
    "customer_service": "To answer the buyer",
    "shipping_label": "To write a shipping label",
    "tax": "For an invoice or a tax return",
}
_TOLD = {
    "fetch": "Amazon is asked for this order. What is new in it is here in some seconds: open the page anew.",
    "replay": "The order is sent to the store again, as it is now. It stands below in some seconds.",
    "again": "The package is to be sent to Amazon again. What becomes of it stands below in some seconds.",
    "nothing": "That package is neither refused nor held any more: nothing was sent again.",
}


def show_order(visit: Visit) -> Response:
    """The order and its life."""
    return _page(visit, notice=_TOLD.get(asked(visit, "told")))


def fetch_order(visit: Visit) -> Response:
    """Have Amazon asked for the order as it is now."""
    with visit.database.unit_of_work() as work:
        row = _find(visit, work)
        try:
            ask_for_order(work, row.account_id, row.order_id)
        except InVain as refusal:
            problem = str(refusal)
        else:
            return visit.redirect(f"{_path(row.order_id)}?told=fetch")
    return _page(visit, 422, problem=problem)


def send_package_again(visit: Visit) -> Response:
    """Have a refused or held package of the order sent to Amazon again."""
    with visit.database.unit_of_work() as work:
        row = _find(visit, work)
        wanted = [one for one in to_send_again(work, order_id=row.order_id) if one.package_key == visit.said("package")]
        send_again(work, wanted)
    told = "told=again" if wanted else "told=nothing"
    back = local_path(visit.said("back"))
    if back == "/shipments" or back.startswith("/shipments?"):
        return visit.redirect(f"{back}{'&' if '?' in back else '?'}{told}")
    return visit.redirect(f"{_path(row.order_id)}?{told}")


def open_personal_data(visit: Visit) -> Response:
    """Have the API open the order's seal, for a purpose; what it holds is on the page that answers alone."""
    purpose: Purpose | None = next((one for one in get_args(Purpose) if one == visit.said("purpose")), None)
    if purpose is None:
        return _page(visit, 422, problem="Say for what it is needed: the audit log keeps it.")
    with visit.database.unit_of_work() as work:
        row = _find(visit, work)
        kept = work.session.get(PersonalDataRow, row.order_id)
        seal = kept.seal if kept is not None else None
    call = open_call_of(visit.site.settings, wait_seconds=_LONGEST_WAIT)
    if call is None or seal is None:
        return _page(visit, 422, problem="There is nothing to be opened, or no way to: see below.")
    log.info("personal data is asked for", order_id=row.order_id, purpose=purpose, user=visit.name)
    try:
        (opened,) = call.open([(row.order_id, seal)], purpose, on_behalf_of=visit.name)
    except NotOpened as reason:
        return _page(visit, 502, problem=f"It was not opened: {reason}")
    return _page(visit, opened=opened)


def _page(
    visit: Visit,
    status: int = 200,
    *,
    notice: str | None = None,
    problem: str | None = None,
    opened: OpenedSeal | None = None,
) -> Response:
    with visit.database.unit_of_work() as work:
        row = _find(visit, work)
        order = OrderDocument.model_validate_json(row.document)
        of_order = select(PackageRow).where(PackageRow.order_id == row.order_id).order_by(PackageRow.reference_id)
        packages = list(work.session.scalars(of_order))
        kept = work.session.get(PersonalDataRow, row.order_id)
        numbers = select(StoreOrderNumber.store_order_number).where(StoreOrderNumber.order_id == row.order_id)
        context = {
            "order": order,
            "store_numbers": sorted(work.session.scalars(numbers)),
            "life": life_of(work, row, packages, kept),
            "packages": [package_row(one, work.now) for one in packages[:_MOST_PACKAGES]],
            "now": work.now,
        }
    return visit.page(
        "order.html",
        status,
        **context,
        country=country(order.marketplace_id or ""),
        lines=order.lines[:_MOST_LINES],
        lines_left_out=max(len(order.lines) - _MOST_LINES, 0),
        packages_left_out=max(len(packages) - _MOST_PACKAGES, 0),
        seller_central=_at_amazon(visit.site.settings, order),
        kept=kept,
        sealed_until=dies_at(kept),
        api=open_call_of(visit.site.settings) is not None,
        purposes=_PURPOSES,
        opened=opened,
        notice=notice,
        problem=problem,
        may_act=visit.user is not None and may(visit.user.role, "operator"),
    )


def package_row(package: PackageRow, now: Any) -> dict[str, Any]:
    """A package as the pages show it: how it stands, why it was refused, and whether it may be sent again."""
    content = json.loads(package.content)
    said = {one: content.get(one) or "" for one in ("carrier", "tracking_number", "package_id")}
    return {
        **said,
        "package": package,
        "name": package_name(package),
        "stands": standing(package, now),
        "refusal": refusal_of(package) if package.state == "rejected" else None,
        "again": package.state in TO_SEND_AGAIN,
    }


def _find(visit: Visit, work: Work) -> OrderRow:
    order_id = visit.parameters["order_id"]
    row = work.session.get(OrderRow, order_id) if len(order_id) <= 100 else None
    if row is None:
        fetch = " An operator can fetch it from Amazon there." if amazons_number(order_id) else ""
        raise Stop(404, "There is no such order", f"The page Orders finds one by any of its numbers.{fetch}")
    return row


def _path(order_id: str) -> str:
    return f"/orders/{quote(order_id, safe='')}"


def _at_amazon(settings: Settings, order: OrderDocument) -> str | None:
    """The order's page in Seller Central; None where that is not known, as with the sandbox.

    No document of Amazon's that we have read names the path `/orders-v3/order/NUMBER`: it is where Seller Central's own
    list of orders leads, and what public programs open, in the marketplaces of all three regions.
    """
    if settings.seller_central_url is not None:
        base = settings.seller_central_url.rstrip("/")
    else:
        home = marketplace(order.marketplace_id or "")
        if home is None or settings.amazon_api_url is not None:
            return None
        base = f"https://{home.seller_central}"
    return f"{base}/orders-v3/order/{quote(order.order_id, safe='')}"
