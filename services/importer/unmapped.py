"""Words of Amazon's that no mapping or list of ours knows: kept and counted; those to be mapped are reported once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import select

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.mapping_attention import look_at_unmapped
from orderbridge.amazon.order_models import Order
from orderbridge.database.models import UnmappedWord
from orderbridge.database.unit_of_work import Work
from schemas.orders import OrderDocument
from services.importer.words import unknown_words

_LONGEST: Final = 200


def note(work: Work, account: ConnectedAccount, document: OrderDocument, order: Order | None = None) -> None:
    """Count the order's unmapped words, in its transaction, and report each new service level of Amazon's.

    A payment method is counted only if methods are mapped at all: the default is a mapping too. Without `order`, which
    came from a report, its mappings alone are looked at.
    """
    words = sorted(set(_words(account, document, order)))
    new = [kind for kind, word in words if _count(work, document, kind, word[:_LONGEST])]
    if "shipping" in new:
        look_at_unmapped(work, document.account_id, account.settings, another=True)


def note_fields(work: Work, account_id: str, found: dict[str, int], order_id: str) -> None:
    """Count fields of Amazon's that our models do not name. Their values are not kept: they might be personal data."""
    for path, times in sorted(found.items()):
        first = {"first_seen_at": work.now, "first_order_id": order_id, "times": times}
        name = {"account_id": account_id, "kind": "field", "word": path[:_LONGEST]}
        work.session.execute(
            work.insert(UnmappedWord)
            .values(**name, **first)
            .on_conflict_do_update(
                index_elements=["account_id", "kind", "word"], set_={"times": UnmappedWord.times + times}
            )
        )


def _words(account: ConnectedAccount, document: OrderDocument, order: Order | None) -> Iterator[tuple[str, str]]:
    method = document.store.shipping_method
    if method.amazon is not None and not method.mapped:
        yield "shipping", method.amazon
    mapped = account.settings.payment_types
    yield from (("payment", word) for word in document.payment_methods if mapped and word not in mapped)
    if order is not None:
        yield from unknown_words(order)


def _count(work: Work, document: OrderDocument, kind: str, word: str) -> bool:
    """Count it once more. True if it is new.

    A row that another import of the account is counting up just now is passed over: two imports that meet many words
    in different order would wait for each other crosswise, and a count may be one short.
    """
    name = {"account_id": document.account_id, "kind": kind, "word": word}
    known = work.session.scalars(
        select(UnmappedWord)
        .filter_by(**name)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if known is not None:
        known.times += 1
        work.session.flush()
        return False
    first = {"first_seen_at": work.now, "first_order_id": document.order_id, "times": 1}
    insert = work.insert(UnmappedWord).values(**name, **first).on_conflict_do_nothing().returning(UnmappedWord.word)
    return work.session.execute(insert).first() is not None
