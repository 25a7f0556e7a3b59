"""The open call: opens seals, or says why not. The database's row counts first, then the key ring."""

from __future__ import annotations

from datetime import datetime

import structlog
from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError

from orderbridge.accounts import find_account
from orderbridge.api_tokens import NAME_THE_PERSON, OPEN_PERSONAL_DATA, ApiToken
from orderbridge.database import quotas
from orderbridge.database.models import Opening, OrderRow, PersonalDataRow
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.privacy.clock import dies_by_now
from orderbridge.telemetry import OPENINGS
from orderbridge.vault.key_ring import KeyRing, WrongInstallationKey
from orderbridge.vault.seal import SealExpired, SealKeyLost, SealRefused, SealSuperseded, moment_named, open_seal
from schemas.openings import MOST_SEALS, OpenAnswer, OpenedSeal, OpenRequest, RefusedBecause, SealToOpen
from schemas.orders import OrderDocument
from schemas.personal_data import PersonalData
from services.api.asking import admission, answered, body_of, described, safely, token_of
from services.api.problems import insufficient_scope, limited

log = structlog.get_logger()
SEALS_A_SECOND, SEALS_AT_ONCE = 20.0, 1000
"""What one token may open: a store's display and its label printers, not a copy of everything in a minute."""
_WORDS: dict[RefusedBecause, str] = {
    "unknown_order": "No order of this id among the accounts of this token.",
    "not_its_seal": "This is no seal of this order: it was changed, cut short, or is another order's.",
    "older_seal": "This seal is over, but the order has a newer one: take that of its last order.updated.",
    "unreadable": "A newer release has sealed this: the api must be of that release too.",
    "key_lost": "The key ring has no readable key for this seal: `orderbridge privacy reseal` mends it.",
}


def opening_calls(database: Database, ring: KeyRing) -> APIRouter:
    """The call that opens."""
    calls = APIRouter()
    admitted = Depends(admission(database, OPEN_PERSONAL_DATA))

    @calls.post(
        "/api/v1/personal-data/open",
        summary=f"Open up to {MOST_SEALS} seals of buyers' personal data",
        response_model=OpenAnswer,
        **described(OPEN_PERSONAL_DATA, body=OpenRequest, more=(429,)),
    )
    async def open_personal_data(request: Request, secret: str = admitted) -> Response:
        wanted = await body_of(request, OpenRequest)
        return answered(await safely(lambda: _opened(database, ring, secret, wanted)))

    return calls


def _opened(database: Database, ring: KeyRing, secret: str, wanted: OpenRequest) -> OpenAnswer:
    """Open them all: nothing leaves before its line in the audit log is committed."""
    with database.unit_of_work() as work:
        token = token_of(work, secret, OPEN_PERSONAL_DATA)
        if wanted.on_behalf_of is not None and NAME_THE_PERSON not in token.scopes:
            raise insufficient_scope(NAME_THE_PERSON)  # the log holds no words of just anybody's
        ring.alive()  # lists the folder: one that is away would look like a ring without keys
        not_before = quotas.reserve(
            work,
            f"token:{token.token_id}",
            "open",
            rate_per_second=SEALS_A_SECOND,
            burst=SEALS_AT_ONCE + 1,
            calls=len(wanted.seals),
        )
        if not_before is not None:
            raise limited(not_before, work.now)
        work.commit()  # other calls with this token need not wait for what follows
        opened = tuple(open_one(work, ring, token, one, wanted) for one in wanted.seals)
    for one in opened:
        OPENINGS.labels(wanted.purpose, one.state).inc()
    return OpenAnswer(seals=opened)


def open_one(work: Work, ring: KeyRing, token: ApiToken, wanted: SealToOpen, request: OpenRequest) -> OpenedSeal:
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
            purpose=request.purpose,
            state=opened.state,
            reason=opened.reason,
            on_behalf_of=request.on_behalf_of,
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
