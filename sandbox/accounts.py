"""Seller accounts of the sandbox, and the applications that may call for them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from sandbox.marketplaces import BY_COUNTRY, MARKETPLACES

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - public, and of no use anywhere else
PASSWORD = "sandbox-password"  # noqa: S105 - the same

BASE_ROLE = "Inventory and Order Tracking"
ADDRESS_ROLE = "Direct-to-Consumer Shipping (Restricted)"
TAX_ROLES = frozenset({"Tax Invoicing (Restricted)", "Tax Remittance (Restricted)"})
ROLES = frozenset({BASE_ROLE, ADDRESS_ROLE}) | TAX_ROLES
"""The roles that matter here, as Amazon's role list names them. Without any role no operation may be called."""


def _known(names: list[str], known: Collection[str]) -> list[str]:
    if unknown := sorted(set(names) - set(known)):
        raise ValueError(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return names


KnownRoles = Annotated[list[str], AfterValidator(lambda roles: _known(roles, ROLES))]
KnownMarketplaces = Annotated[
    list[str], Field(min_length=1), AfterValidator(lambda ids: _known(ids, MARKETPLACES.keys()))
]


class Account(BaseModel):
    """A seller account that has authorised an application; the body of `POST /_sandbox/accounts`.

    A private application is one that no other account names as its own.
    """

    model_config = ConfigDict(extra="forbid")
    account: Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9_-]+$")]
    refresh_token: str = Field(default_factory=lambda: f"Atzr|{secrets.token_urlsafe(32)}")
    marketplaces: KnownMarketplaces = [BY_COUNTRY["US"].marketplace_id]
    roles: KnownRoles = [BASE_ROLE, ADDRESS_ROLE]
    client_id: Annotated[str, Field(min_length=1)] = CLIENT_ID
    client_secret: Annotated[str, Field(min_length=1)] = CLIENT_SECRET
    consent: bool = True
    """False once the seller has revoked it: `invalid_grant` at login, 403 elsewhere."""
    secret_expired: bool = False
    """True once Amazon no longer takes the client secret: `invalid_client` at login."""
    email: str = Field(default_factory=lambda known: f"{known.get('account')}@sandbox.example")
    password: str = PASSWORD
    """With these two the seller signs in to the pages of Seller Central."""
    one_time_code: Annotated[str, Field(pattern=r"^\d{6}$")] | None = None
    """What the seller's authenticator shows, here always the same; None is an account without 2-step verification."""

    @property
    def seller_id(self) -> str:
        """What Amazon calls the seller in notifications: A and 13 characters, the same for the same account."""
        return "A" + hashlib.sha256(self.account.encode()).hexdigest()[:13].upper()


DEFAULT_ACCOUNT = Account(
    account="main",
    refresh_token="sandbox-refresh-token-main",  # noqa: S106 - public, and of no use anywhere else
    marketplaces=[BY_COUNTRY[country].marketplace_id for country in ("US", "CA", "MX", "GB", "DE")],
    one_time_code="123456",
)
NEWCOMER = Account(account="newcomer", consent=False)
"""A seller who has authorised nothing yet, and has no 2-step verification."""
