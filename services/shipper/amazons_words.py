"""What to do about Amazon's refusals of a shipment, by their status and words.

Source of the words: answers that sellers report (Amazon's models repository, issues 492, 5037 and 5094; a public
client's issues 489, 528 and 698), and Amazon's guide "Confirm the shipment status".
"""

from __future__ import annotations

import re
from http import HTTPStatus

from orderbridge.amazon import AmazonError
from schemas.shipments import AmazonRefusal
from services.shipper.content import Refusal

_AGAIN = "send the event again with the same package_id"
_RETRY = "`orderbridge shipments retry {order}`"
_WORDS = (
    (
        r"PackageToUpdateNotFound|already (?:been )?(?:fulfilled|shipped)",
        "Everything in this order is confirmed already, by a label bought at Amazon or by hand. If the tracking number "
        "in Seller Central is the right one: nothing; else correct it there.",
    ),
    (r"ship ?\+|automatic", "Nothing: Amazon confirms this order's shipments itself."),
    (r"orderitem", f"The order has changed at Amazon: `orderbridge import --order {{order}}`, then {_RETRY}."),
    (r"quantity", f"Compare the quantities with the order, correct the lines, and {_AGAIN}."),
    (r"ship(?:ping|ment)?[ _]?date", f"Correct the ship_date, and {_AGAIN}."),
    (r"carrier", f"Correct the carrier, and {_AGAIN}; `orderbridge carriers` lists Amazon's."),
    (r"tracking", f"Correct the tracking number, and {_AGAIN}."),
    (r"transparency", f"Correct the transparency codes, and {_AGAIN}."),
    (r"cancel", "The order was cancelled at Amazon: stop the parcel if you can."),
    (r"pending", f"Amazon has not released the order yet. Once it has: {_RETRY}."),
)
_BY_WORDS = tuple((re.compile(pattern, re.I), what_to_do) for pattern, what_to_do in _WORDS)
_BY_STATUS = {
    HTTPStatus.FORBIDDEN: "Amazon denies the application access. Give it the role Inventory and Order Tracking in "
    f"Seller Central, authorise it again, connect the account, then {_RETRY}.",
    HTTPStatus.NOT_FOUND: "Amazon does not know this order for this account. Check in Seller Central whether it is "
    f"there; then {_RETRY}.",
}
_ELSE = f"Mend what Amazon says, and {_AGAIN}. If nothing is wrong with it: {_RETRY}."


def as_refusal(error: AmazonError, order_id: str) -> Refusal:
    """Amazon's refusal in words for the store: its own, and what to do."""
    return Refusal(
        reason="amazon_refused",
        message=f"Amazon refused the shipment: {error.message}",
        what_to_do=_what_to_do(error).format(order=order_id),
        amazon=AmazonRefusal(status=error.status, code=error.code, message=error.message),
    )


def _what_to_do(error: AmazonError) -> str:
    for status, what_to_do in _BY_STATUS.items():
        if error.status == status:
            return what_to_do
    return next((what_to_do for pattern, what_to_do in _BY_WORDS if pattern.search(error.message)), _ELSE)
