"""Opens one seal, or says why not: the database's row counts first, then the key ring."""

from __future__ import annotations

from datetime import datetime

import structlog
from pydantic import ValidationError

from orderbridge.accounts import find_account
from orderbridge.api_tokens import ApiToken
from orderbridge.database.models import Opening, OrderRow, PersonalDataRow
from orderbridge.database.unit_of_work import Work
from orderbridge.privacy.clock import dies_by_now
from orderbridge.vault.key_ring import KeyRing, WrongInstallationKey
from orderbridge.vault.seal import SealExpired, SealKeyLost, SealRefused, SealSuperseded, moment_named, open_seal
from schemas.openings import OpenedSeal, Purpose, RefusedBecause, SealToOpen
from schemas.orders import OrderDocument
from schemas.personal_data import PersonalData

log = structlog.get_logger()
_WORDS: dict[RefusedBecause, str] = {
    "unknown_order": "No order of this id among the accounts of this token.",
    "not_its_seal": "This is no seal of this order: it was changed, cut short, or is another order's.",
    "older_seal": "This seal is over, but the order has a newer one: take that of its last order.updated.",
    "unreadable": "A newer release has sealed this: the api must be of that release too.",
    "key_lost": "The key ring has no readable key for this seal: `orderbridge privacy reseal` mends it.",
}


def open_one(work: Work, ring: KeyRing, token: ApiToken, wanted: SealToOpen, purpose: Purpose) -> OpenedSeal:
    """What is in the seal, as far as anybody may still know it; the audit log has a line of it.

    The row counts even where a key lies about, in a ring that was restored perhaps: what is redacted, or whose day is
    over by the system's clock, stays gone.
    """
    order = work.session.get(OrderRow, wanted.order_id, populate_existing=True)
    if order is not None and not token.may_see(order.account_id):
        order = None  # in the same words as an order that nobody knows
    opened = _open(work, ring, order, wanted) if order is not None else _refused(wanted, "unknown_order")
    work.session.add(
        Opening(
            asked_at=work.now,
            token_id=token.token_id,
            token_name=token.name,
            order_id=order.order_id if order is not None else None,
            account_id=order.account_id if order is not None else None,
            purpose=purpose,
            state=opened.state,
            reason=opened.reason,
        )
    )
    return opened


def _open(work: Work, ring: KeyRing, order: OrderRow, wanted: SealToOpen) -> OpenedSeal:
    now = work.now
    kept = work.session.get(PersonalDataRow, order.order_id, populate_existing=True)
    if kept is None:  # Amazon gave none, or ships the order itself: there never was a seal
        return _refused(wanted, "not_its_seal")
    document = OrderDocument.model_validate_json(order.document)
    replaced = PersonalData.replaced(document.ship_to_country or "")
    if kept.redacted_at is not None or ring.is_redacted(order.order_id):
        gone_since = kept.redacted_at or now
        return OpenedSeal(order_id=wanted.order_id, state="redacted", personal_data=replaced, gone_since=gone_since)
    dies_at = _dies_at(work, order, document, kept)
    if dies_at <= now:
        return OpenedSeal(order_id=wanted.order_id, state="expired", personal_data=replaced, gone_since=dies_at)
    try:
        data = PersonalData.model_validate_json(open_seal(ring, order.order_id, wanted.seal, now))
    except (SealExpired, SealSuperseded):
        return _refused(wanted, "older_seal")
    except SealKeyLost:
        return _refused(wanted, "key_lost")
    except SealRefused:
        return _refused(wanted, "not_its_seal")
    except ValidationError:
        return _refused(wanted, "unreadable")
    except WrongInstallationKey as error:  # one damaged file keeps no other seal shut
        log.error("a key cannot be read", error=str(error))
        return _refused(wanted, "key_lost")
    return OpenedSeal(
        order_id=wanted.order_id,
        state="open",
        personal_data=data,
        dies_at=min(dies_at, moment_named(wanted.seal)),
    )


def _dies_at(work: Work, order: OrderRow, document: OrderDocument, kept: PersonalDataRow) -> datetime:
    """When the row says, or sooner: the account's clock was set sooner, and its rows are still being gone over."""
    account = find_account(work, order.account_id)
    return kept.dies_at if account is None else min(kept.dies_at, dies_by_now(work, document, account.settings))


def _refused(wanted: SealToOpen, reason: RefusedBecause) -> OpenedSeal:
    return OpenedSeal(order_id=wanted.order_id, state="refused", reason=reason, message=_WORDS[reason])
