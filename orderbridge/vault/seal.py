"""Seal the personal data of one order, and open it again while its key lives."""

from __future__ import annotations

import re
from datetime import datetime

from orderbridge.vault import jwe
from orderbridge.vault.key_ring import KeyDead, KeyRing, KeyUnknown
from orderbridge.vault.moments import key_name, moment_of

_ORDER_ID = re.compile(r"[!-~]{1,64}")  # Amazon's have 19 characters; bounded, so that the header is


class SealRefused(Exception):
    """No seal of ours for this order: changed, cut short, too long, another order's, another algorithm."""


class SealRedacted(SealRefused):
    """The order was redacted before its day: its seals open no more, wherever they still lie."""


class SealKeyLost(SealRefused):
    """The ring has no key for the seal, although its day has not come: the ring was lost, or is another one."""


class SealSuperseded(SealRefused):
    """The order was sealed anew for an earlier day: this seal, which would open longer, opens no more."""


class SealExpired(Exception):
    """The moment of the seal is over, or its key was destroyed. `dies_at` is that moment, UTC."""

    def __init__(self, dies_at: datetime) -> None:
        super().__init__(f"the seal died at {dies_at.isoformat()}")
        self.dies_at = dies_at


def seal(ring: KeyRing, order_id: str, payload: bytes, dies_at: datetime, now: datetime) -> str:
    """`payload` of the order as an opaque token of at most 16,384 characters that no one can open after `dies_at`.

    It dies at ``ring.moment_for(dies_at)``, the moment to tell others. Raises `KeyDead` if that is over,
    `PayloadTooLarge`, and ValueError for an order id that is not 1 to 64 printable ASCII characters.
    """
    if not _ORDER_ID.fullmatch(order_id):
        raise ValueError("an order id has 1 to 64 printable ASCII characters")
    moment = ring.moment_for(dies_at)
    return jwe.encrypt(payload, _header(moment, order_id), ring.key(moment, now))


def open_seal(ring: KeyRing, order_id: str, token: str, now: datetime) -> bytes:
    """The payload that was sealed for the order.

    Raises `SealRefused` (of which `SealRedacted` and `SealSuperseded` are) or `SealExpired`. An expired seal can no
    longer be checked for changes: nothing is left to check it with.
    """
    if ring.is_redacted(order_id):
        raise SealRedacted("the order's personal data was redacted")
    try:
        moment = moment_of(jwe.unverified_kid(token))
        header = _header(moment, order_id)
        jwe.require_header(token, header)  # before the key: another order's seal is refused, not "expired"
        newest = ring.refused_after(order_id)
        if newest is not None and moment > newest:
            raise SealSuperseded(f"the order was sealed anew, for {newest.isoformat()}")
        return jwe.decrypt(token, header, ring.existing_key(moment, now))
    except KeyDead as error:
        raise SealExpired(error.moment) from error
    except KeyUnknown as error:
        raise SealKeyLost("its key is not in the ring") from error
    except (jwe.NotOpened, ValueError) as error:
        raise SealRefused(f"not a seal of this order: {error}") from error


def moment_named(token: str) -> datetime:
    """The moment of death that a seal names, UTC. Raises SealRefused; unverified, unless the seal was opened."""
    try:
        return moment_of(jwe.unverified_kid(token))
    except (jwe.NotOpened, ValueError) as error:
        raise SealRefused("not a seal") from error


def _header(moment: datetime, order_id: str) -> dict[str, str]:
    # The order's id is authenticated with the payload: a seal copied to another order does not open.
    return {"kid": key_name(moment), "order_id": order_id}
