"""Bearer tokens of the API (RFC 6750): made, found by their secret, revoked. Only a hash of the secret is kept."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update

from orderbridge.access.users import Role, may
from orderbridge.database.models import Account, ApiTokenRow
from orderbridge.database.unit_of_work import Work

OPEN_PERSONAL_DATA: Final = "personal-data:read"
NAME_THE_PERSON: Final = "personal-data:on-behalf"
REPLAY: Final = "replay"
DEAD_LETTERS: Final = "dead-letters"
SCOPES: Final[dict[str, str]] = {
    OPEN_PERSONAL_DATA: "Open the seals of buyers' personal data.",
    NAME_THE_PERSON: "Say who looks, for the audit log: for the console's own token.",
    REPLAY: "Have orders sent to the store again.",
    DEAD_LETTERS: "Read what a store said that was given up; replay, mend or discard it.",
}
"""Every scope, and what it allows."""
LONGEST_DAYS: Final = 365
"""Amazon's Data Protection Policy (1.4.2): programmatic credentials are rotated at least once a year."""
_PREFIX = "ob_"
_MINUTE = timedelta(minutes=1)


class TokenRefused(ValueError):
    """No such token can be made; says why."""


@dataclass(frozen=True)
class ApiToken:
    """A token that is good now. `accounts` is None for all."""

    token_id: str
    name: str
    accounts: frozenset[str] | None
    scopes: frozenset[str]

    def may_see(self, account_id: str) -> bool:
        """Whether the account is one of the token's."""
        return self.accounts is None or account_id in self.accounts


def read_token_name(text: str) -> str:
    """A token's name: whose it is. Raises TokenRefused."""
    name = text.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise TokenRefused("a name has 1 to 100 printable characters")
    return name


def create_token(
    work: Work,
    name: str,
    scopes: Sequence[str],
    *,
    accounts: Sequence[str] = (),
    days: int = LONGEST_DAYS,
    made_by: str | None = None,
) -> tuple[ApiTokenRow, str]:
    """A new token's row, and its secret (256 random bits), which nobody can tell again. Without `accounts` it has all.

    `made_by` is the console's user who makes it; None is who has the machine. Raises TokenRefused for an unknown scope
    or account, and for more than 365 days.
    """
    if not scopes:
        raise TokenRefused(f"A token without a scope is good for nothing. Choose of {', '.join(SCOPES)}.")
    if unknown := sorted(set(scopes) - SCOPES.keys()):
        raise TokenRefused(f"There is no scope {unknown}. Choose of {', '.join(SCOPES)}.")
    if not 1 <= days <= LONGEST_DAYS:
        raise TokenRefused(f"A token lasts 1 to {LONGEST_DAYS} days: credentials are changed once a year at least.")
    for account_id in accounts:
        if work.session.get(Account, account_id) is None:
            raise TokenRefused(f"There is no account {account_id}. `orderbridge accounts list` shows them.")
    secret = _PREFIX + secrets.token_urlsafe(32)
    row = ApiTokenRow(
        token_id=secrets.token_hex(8),
        name=name,
        secret_hash=_hash(secret),
        accounts=json.dumps(sorted(set(accounts))) if accounts else None,
        scopes=json.dumps(sorted(set(scopes))),
        made_by=made_by,
        created_at=work.now,
        expires_at=work.now + timedelta(days=days),
    )
    work.session.add(row)
    return row, secret


def find_token(work: Work, secret: str) -> ApiToken | None:
    """The token of this secret, if it is good now: neither revoked nor over. Notes that it was used."""
    row = work.session.scalars(select(ApiTokenRow).where(ApiTokenRow.secret_hash == _hash(secret))).one_or_none()
    now = work.now
    if row is None or row.revoked_at is not None or row.expires_at <= now:
        return None
    if row.last_used_at is None or row.last_used_at <= now - _MINUTE:
        row.last_used_at = now
    accounts = frozenset(json.loads(row.accounts)) if row.accounts is not None else None
    return ApiToken(row.token_id, row.name, accounts, frozenset(json.loads(row.scopes)))


def revoke_tokens(work: Work, name_or_id: str) -> int:
    """Revoke the token of this id, or all of this name. Returns how many were good until now."""
    statement = (
        update(ApiTokenRow)
        .where(
            (ApiTokenRow.token_id == name_or_id) | (ApiTokenRow.name == name_or_id), ApiTokenRow.revoked_at.is_(None)
        )
        .values(revoked_at=work.now)
        .returning(ApiTokenRow.token_id)
        .execution_options(synchronize_session=False)
    )
    return len(work.session.scalars(statement).all())


def all_tokens(work: Work) -> list[ApiTokenRow]:
    """Every token that was ever made, the newest first."""
    return list(work.session.scalars(select(ApiTokenRow).order_by(ApiTokenRow.created_at.desc())))


def tokens_left_by(work: Work, user_name: str, role: Role | None) -> list[str]:
    """The names of the tokens that a user of the console made, that are still good, and that such a user may not make.

    With no role the user is gone: that is all of them.
    """
    now = work.now
    good = (row for row in all_tokens(work) if row.made_by == user_name and state_of(row, now) == "good")
    return [row.name for row in good if role is None or not may_make(role, json.loads(row.scopes))]


def may_make(role: Role, scopes: Iterable[str]) -> bool:
    """Whether a user of that role may make a token of those scopes: who names the person may name anybody."""
    return may(role, "owner" if NAME_THE_PERSON in scopes else "operator")


def state_of(row: ApiTokenRow, now: datetime) -> str:
    """good | expired | revoked."""
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at <= now else "good"


def _hash(secret: str) -> str:
    # Plain SHA-256 is enough: what is hashed are 256 random bits, which nobody guesses.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
