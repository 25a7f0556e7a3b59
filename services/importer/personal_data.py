"""A buyer's personal data: sealed, and kept apart from the order with the moment of its death."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.setting_types import MOST_DAYS
from orderbridge.amazon.order_models import Order
from orderbridge.database.models import PersonalDataRow
from orderbridge.database.unit_of_work import Work
from orderbridge.privacy.asking import redact_early
from orderbridge.privacy.clock import dies_by_now
from orderbridge.vault.jwe import MAX_PAYLOAD_BYTES
from orderbridge.vault.key_ring import KeyDead, KeyRing
from orderbridge.vault.seal import SealExpired, SealRefused, open_seal, seal
from schemas.orders import Change, KeyExpired, OrderAged, OrderDocument
from schemas.personal_data import PersonalData, PersonalDataState
from services.importer.personal_fields import extract, shows_nobody, with_what_is_held

KEPT_FOR = timedelta(days=MOST_DAYS)
"""What is older comes from Amazon's reports, which have no personal data."""


@dataclass(frozen=True)
class Kept:
    """How the data stands now, and what is new in that for the store."""

    state: PersonalDataState
    changes: tuple[Change, ...] = ()
    """`address`: other data than before, as far as can be told; `cancel_requested`: only the buyer's reason is another;
    `personal_data`: it dies at another moment."""


def keep(
    work: Work,
    ring: KeyRing,
    account: ConnectedAccount,
    order: Order,
    document: OrderDocument,
    row: PersonalDataRow | None,
) -> Kept:
    """Seal the order's personal data and keep it, in the order's transaction; plan its death.

    Once it is redacted nothing brings it back: what Amazon still returns is dropped. So is that of an order which the
    key ring remembers as redacted early. The caller holds the order's lock.
    """
    data = extract(order)
    if document.fulfilled_by == "amazon":
        return Kept(PersonalDataState.none())
    if row is not None and row.redacted_at is not None:
        return Kept(as_kept(row))
    now = work.now
    dies_at = ring.moment_for(dies_by_now(work, document, account.settings))
    if is_gone(ring, order.order_id, now):
        if row is None:
            return Kept(_upsert(work, order.order_id, None, min(dies_at, now), now), ("personal_data",))
        redact_early(work, order.order_id)  # the database was restored: the redactor sets its row right
        return Kept(PersonalDataState.redacted(now))
    if shows_nobody(data):
        if row is not None:
            return move(work, ring, account.account_id, row, dies_at)
        if dies_at <= now:  # Amazon gives none of so old an order: it is not to be waited for
            return Kept(_upsert(work, order.order_id, None, dies_at, now))
        return Kept(as_kept(row))
    try:
        held = _held(ring, row, now)
    except SealExpired:  # its day was over, by whichever clock: what Amazon still returns is dropped
        assert row is not None  # noqa: S101  (there was a seal)
        return _die_at_once(work, ring, account.account_id, row, row.dies_at)
    data = _that_fits(with_what_is_held(data, held, document) if held is not None else data)
    if row is not None and held == data:
        return move(work, ring, account.account_id, row, dies_at)
    try:
        sealed = seal(ring, order.order_id, data.model_dump_json().encode(), dies_at, now)
    except KeyDead:
        if row is not None:
            return _die_at_once(work, ring, account.account_id, row, dies_at)
        return Kept(_upsert(work, order.order_id, None, dies_at, now))
    moved = row is not None and (held is None or row.dies_at != dies_at)
    state = _keep_seal(work, ring, order.order_id, sealed, dies_at, row)
    if row is None:
        return Kept(state)
    same = held is not None and _but_for_the_reason(held) == _but_for_the_reason(data)
    change: Change = "cancel_requested" if same else "address"
    return Kept(state, (change, "personal_data") if moved else (change,))


def move(work: Work, ring: KeyRing, account_id: str, row: PersonalDataRow, dies_at: datetime) -> Kept:
    """Have what is sealed die at `dies_at`, a moment of the ring: sealed anew under that moment's key.

    Where that is sooner, the older seal is refused from now on, wherever it lies. What cannot be opened, since its key
    was lost, only has its date moved, to an earlier one. The caller holds the order's lock.
    """
    if row.redacted_at is not None or row.seal is None:
        return Kept(as_kept(row))
    if is_gone(ring, row.order_id, work.now):
        redact_early(work, row.order_id)
        return Kept(PersonalDataState.redacted(work.now))
    newest = ring.refused_after(row.order_id)
    if newest is not None and newest < row.dies_at:  # it was to die sooner, and that was taken back before its commit
        ring.refuse_after(row.order_id, row.dies_at, row.dies_at)
    if dies_at == row.dies_at:
        return Kept(as_kept(row))
    now = work.now
    if dies_at <= now:
        return _die_at_once(work, ring, account_id, row, dies_at)
    sealed: str | None = None
    try:
        sealed = seal(ring, row.order_id, open_seal(ring, row.order_id, row.seal, now), dies_at, now)
    except SealExpired:
        return Kept(as_kept(row))  # the redactor is about to replace it, and tells the store
    except SealRefused:
        if dies_at > row.dies_at:
            return Kept(as_kept(row))
    except KeyDead:
        return _die_at_once(work, ring, account_id, row, dies_at)
    state = _keep_seal(work, ring, row.order_id, sealed or row.seal, dies_at, row)
    return Kept(state, ("personal_data",))


def is_gone(ring: KeyRing, order_id: str, now: datetime) -> bool:
    """Whether the ring knows that it died, though the database, restored perhaps, does not."""
    newest = ring.refused_after(order_id)
    return ring.is_redacted(order_id) or (newest is not None and newest <= now)


def _die_at_once(work: Work, ring: KeyRing, account_id: str, row: PersonalDataRow, dies_at: datetime) -> Kept:
    """Its moment is over, by another clock than the one it was sealed by perhaps: the redactor replaces it now."""
    now = work.now
    if row.dies_at <= now:  # its day has come just now: the redactor is about to
        return Kept(as_kept(row))
    ring.mark_redacted(row.order_id)  # its key lives on
    _upsert(work, row.order_id, row.seal, min(dies_at, now), None)
    work.post(OrderAged(order_id=row.order_id, account_id=account_id), at=now, name=f"aged:{row.order_id}")
    return Kept(PersonalDataState.redacted(now))


def _keep_seal(
    work: Work, ring: KeyRing, order_id: str, sealed: str, dies_at: datetime, row: PersonalDataRow | None
) -> PersonalDataState:
    """Keep a seal in the place of the one in `row`, and plan its death."""
    if row is not None and (dies_at < row.dies_at or ring.refused_after(order_id) is not None):
        ring.refuse_after(order_id, dies_at, row.dies_at)
    state = _upsert(work, order_id, sealed, dies_at, None)
    work.post_once(KeyExpired(moment=dies_at), at=dies_at, name=f"key:{dies_at.isoformat()}")
    return state


def _but_for_the_reason(data: PersonalData) -> PersonalData:
    """A wish to cancel is told as such, not as another address."""
    return data.model_copy(update={"cancel_reason": ""})


def _that_fits(data: PersonalData) -> PersonalData:
    """The data as far as a seal can hold it: an address always does, a pile of links and gift messages may not."""
    parts: tuple[dict[str, object], ...] = (
        {"customization_links": {}},
        {"gift_messages": {}},
        {"cancel_reason": ""},
        {"tax_registrations": ()},
    )
    for left_out in parts:
        if len(data.model_dump_json().encode()) <= MAX_PAYLOAD_BYTES:
            break
        data = data.model_copy(update=left_out)
    return data


def as_told(document: OrderDocument, state: PersonalDataState) -> tuple[OrderDocument, PersonalDataState]:
    """What the store is told: once its personal data is gone, nothing of the buyer's but the country (for tax).

    The buyer's words on a wish to cancel come only with a seal, whose death takes them along.
    """
    if state.state in ("none", "missing"):
        return document.redacted(), state
    if state.redacted_at is None:
        return document, state
    return document.redacted(), PersonalDataState.redacted(state.redacted_at, document.ship_to_country or "")


def as_kept(row: PersonalDataRow | None) -> PersonalDataState:
    """How personal data stands that is kept in the row."""
    if row is None:
        return PersonalDataState.missing()
    if row.redacted_at is not None or row.seal is None:
        return PersonalDataState.redacted(row.redacted_at or row.dies_at)
    return PersonalDataState.sealed(row.seal, row.dies_at)


def _held(ring: KeyRing, row: PersonalDataRow | None, now: datetime) -> PersonalData | None:
    """What the seal holds; None for one whose key is lost: it holds nothing that can be compared.

    Raises `SealExpired` for one that is dead.
    """
    if row is None or row.seal is None:
        return None
    try:
        return PersonalData.model_validate_json(open_seal(ring, row.order_id, row.seal, now))
    except SealRefused:
        return None


def _upsert(
    work: Work, order_id: str, sealed: str | None, dies_at: datetime, redacted_at: datetime | None
) -> PersonalDataState:
    """Only what the statement returns goes into an event: a redaction that came first wins."""
    values = {"seal": sealed, "dies_at": dies_at, "redacted_at": redacted_at}
    statement = (
        work.insert(PersonalDataRow)
        .values(order_id=order_id, **values)
        .on_conflict_do_update(index_elements=["order_id"], set_=values, where=PersonalDataRow.redacted_at.is_(None))
        .returning(PersonalDataRow)
        .execution_options(populate_existing=True)
    )
    stored = work.session.scalars(statement).one_or_none()
    return as_kept(stored or work.session.get_one(PersonalDataRow, order_id, populate_existing=True))
