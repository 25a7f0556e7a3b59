"""Troubles that a person must mend: each is said once while it stands, and once more when it is over."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import case, or_, select, update

from orderbridge.database.models import Attention
from orderbridge.database.unit_of_work import Work
from schemas.accounts import AccountAttention


def raise_attention(work: Work, account_id: str, trouble: str, message: str, what_to_do: str) -> bool:
    """Post `account.attention`, unless the trouble stands already in these words. Says whether it was posted."""
    said = {"message": message, "what_to_do": what_to_do}
    is_news = or_(Attention.ended_at.is_not(None), Attention.message != message)
    since = case((Attention.ended_at.is_not(None), work.now), else_=Attention.since)
    statement = (
        work.insert(Attention)
        .values(account_id=account_id, trouble=trouble, since=work.now, **said)
        .on_conflict_do_update(
            index_elements=["account_id", "trouble"], set_={**said, "since": since, "ended_at": None}, where=is_news
        )
        .returning(Attention.since)
    )
    row = work.session.execute(statement).first()
    if row is not None:
        work.post(
            AccountAttention(
                account_id=account_id, trouble=trouble, since=row.since, message=message, what_to_do=what_to_do
            )
        )
    return row is not None


def end_attention(work: Work, account_id: str, trouble: str) -> bool:
    """Post that the trouble is mended, if it stands. Says whether it did."""
    statement = (
        update(Attention)
        .where(Attention.account_id == account_id, Attention.trouble == trouble, Attention.ended_at.is_(None))
        .values(ended_at=work.now)
        .returning(Attention.message, Attention.what_to_do, Attention.since)
        .execution_options(synchronize_session=False)
    )
    row = work.session.execute(statement).first()
    if row is not None:
        work.post(AccountAttention(account_id=account_id, trouble=trouble, ended_at=work.now, **row._mapping))
    return row is not None


def open_attentions(work: Work, account_id: str) -> Sequence[Attention]:
    """The troubles of an account that stand, the oldest first."""
    statement = select(Attention).where(Attention.account_id == account_id, Attention.ended_at.is_(None))
    return work.session.scalars(statement.order_by(Attention.since).execution_options(populate_existing=True)).all()
