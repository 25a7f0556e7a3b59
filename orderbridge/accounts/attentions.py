"""Troubles that a person must mend: each is told once (`account.attention`), stands, and its end is told once too.

The codes are a contract: docs/connecting.md says of each what it means and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import select, update

from orderbridge.database.models import Attention
from orderbridge.database.unit_of_work import Work
from schemas.accounts import AccountAttention

CONSENT_REVOKED: Final = "consent_revoked"
CONSENT_EXPIRING: Final = "consent_expiring"
SECRET_EXPIRED: Final = "secret_expired"  # noqa: S105  (the name of a trouble)
SECRET_EXPIRING: Final = "secret_expiring"  # noqa: S105  (the name of a trouble)
ROLE_MISSING: Final = "role_missing"
ORDER_ROLE_MISSING: Final = "order_role_missing"
SHIPMENT_ROLE_MISSING: Final = "shipment_role_missing"
SHIPMENTS_UNRECOGNISED: Final = "shipments_unrecognised"
MARKETPLACE_DENIED: Final = "marketplace_denied"
SAME_SELLER: Final = "same_seller"
MAPPING_MISSING: Final = "mapping_missing"
MAPPING_GONE: Final = "mapping_gone"
PERSONAL_DATA_OVERDUE: Final = "personal_data_overdue"
MAIL_REFUSED: Final = "mail_refused"

TROUBLES: Final[dict[str, str]] = {
    CONSENT_REVOKED: "Amazon no longer takes the account's refresh token: the seller has ended the authorisation.",
    CONSENT_EXPIRING: "The seller's authorisation ends within 30 days.",
    SECRET_EXPIRED: "Amazon no longer takes the application's client id and secret.",
    SECRET_EXPIRING: "The application's client secret ends within 30 days.",
    ROLE_MISSING: "Orders come without addresses: the role Direct-to-Consumer Shipping (Restricted) is missing.",
    ORDER_ROLE_MISSING: "Amazon refuses all orders: the role Inventory and Order Tracking is missing.",
    SHIPMENT_ROLE_MISSING: "Amazon refuses all shipments: the role Inventory and Order Tracking is missing.",
    SHIPMENTS_UNRECOGNISED: "The store's first 20 shipments name no order of Amazon's.",
    MARKETPLACE_DENIED: "Amazon refuses the orders of one of the account's marketplaces.",
    SAME_SELLER: "Another account that is connected is the same seller.",
    MAPPING_MISSING: "Words of Amazon's are mapped to nothing of the store's.",
    MAPPING_GONE: "A mapping leads to something that the store no longer has.",
    PERSONAL_DATA_OVERDUE: "The nightly sweep found personal data or keys past their day, and had them erased.",
    MAIL_REFUSED: 'The mail server refuses an address of "Send log to" for good.',
}
"""Every trouble by its stable code, and what it means."""


STOPS_IMPORTS: Final = (CONSENT_REVOKED, SECRET_EXPIRED)
"""While one of these stands, Amazon is not asked for the account's orders, or in vain."""
STOPS_WORK: Final = (*STOPS_IMPORTS, ORDER_ROLE_MISSING, SHIPMENT_ROLE_MISSING)
"""While one of these stands, none of the account's orders comes in, or none of its shipments goes out."""


def raise_attention(
    work: Work, account_id: str, trouble: str, message: str, what_to_do: str, *, another: bool = False
) -> bool:
    """Tell of a trouble, once while it stands; True if it was told now. Raises ValueError for a code not in TROUBLES.

    While it stands, other words for it are kept and not told again, unless this is `another` of its kind.
    """
    if trouble not in TROUBLES:
        raise ValueError(f"{trouble!r} is none of the documented troubles")
    words = {"message": message, "what_to_do": what_to_do}
    values = {**words, "since": work.now, "ended_at": None}
    begun = work.session.execute(
        work.insert(Attention)
        .values(account_id=account_id, trouble=trouble, **values)
        .on_conflict_do_update(
            index_elements=["account_id", "trouble"], set_=values, where=Attention.ended_at.is_not(None)
        )
        .returning(Attention.trouble)
    ).first()
    since = work.now
    if begun is None:
        mine = (Attention.account_id == account_id, Attention.trouble == trouble)
        standing = update(Attention).where(*mine).values(words).returning(Attention.since)
        since = work.session.scalars(standing.execution_options(synchronize_session=False)).one()
        if not another:
            return False
    told = AccountAttention(account_id=account_id, trouble=trouble, message=message, what_to_do=what_to_do, since=since)
    work.post(told, name=f"attention:{account_id}:{trouble}:{since.isoformat()}")  # once of all that a page finds
    return True


def end_attention(work: Work, account_id: str, *troubles: str) -> tuple[str, ...]:
    """Tell the end of those of the troubles that stand; returns which they were."""
    ended = work.session.execute(
        update(Attention)
        .where(Attention.account_id == account_id, Attention.trouble.in_(troubles), Attention.ended_at.is_(None))
        .values(ended_at=work.now)
        .returning(Attention.trouble, Attention.message, Attention.what_to_do, Attention.since)
        .execution_options(synchronize_session=False)
    ).all()
    for row in ended:
        work.post(
            AccountAttention(
                account_id=account_id,
                trouble=row.trouble,
                message=row.message,
                what_to_do=row.what_to_do,
                since=row.since,
                ended_at=work.now,
            )
        )
    return tuple(row.trouble for row in ended)


def open_attentions(work: Work, account_id: str | None = None) -> list[Attention]:
    """The troubles that stand, of one account or of all, the oldest first."""
    standing = select(Attention).where(Attention.ended_at.is_(None)).order_by(Attention.since, Attention.trouble)
    if account_id is not None:
        standing = standing.where(Attention.account_id == account_id)
    return list(work.session.scalars(standing.execution_options(populate_existing=True)))


def stands(work: Work, account_id: str, troubles: Iterable[str]) -> bool:
    """Whether one of these troubles stands."""
    standing = select(Attention.trouble).where(
        Attention.account_id == account_id, Attention.trouble.in_(tuple(troubles)), Attention.ended_at.is_(None)
    )
    return work.session.execute(standing.limit(1)).first() is not None
