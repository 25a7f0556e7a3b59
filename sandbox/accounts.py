"""Seller accounts of the sandbox, and the one application that may call for them."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sandbox.marketplaces import BY_COUNTRY, MARKETPLACES

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - public, and of no use anywhere else

BASE_ROLE = "Inventory and Order Tracking"
ADDRESS_ROLE = "Direct-to-Consumer Shipping (Restricted)"
TAX_ROLES = frozenset({"Tax Invoicing (Restricted)", "Tax Remittance (Restricted)"})
ROLES = frozenset({BASE_ROLE, ADDRESS_ROLE}) | TAX_ROLES
"""The roles that matter here, as Amazon's role list names them. Without any role no operation may be called."""


def _known(names: list[str], known: Collection[str]) -> list[str]:
    if unknown := sorted(set(names) - set(known)):
        raise ValueError(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return names


class Account(BaseModel):
    """A seller account that has authorised the application; the body of `POST /_sandbox/accounts`."""

    model_config = ConfigDict(extra="forbid")
    account: Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9_-]+$")]
    refresh_token: str = Field(default_factory=lambda: f"Atzr|{secrets.token_urlsafe(32)}")
    marketplaces: Annotated[list[str], Field(min_length=1)] = [BY_COUNTRY["US"].marketplace_id]
    roles: list[str] = [BASE_ROLE, ADDRESS_ROLE]

    @field_validator("marketplaces")
    @classmethod
    def _known_marketplaces(cls, marketplaces: list[str]) -> list[str]:
        return _known(marketplaces, MARKETPLACES.keys())

    @field_validator("roles")
    @classmethod
    def _known_roles(cls, roles: list[str]) -> list[str]:
        return _known(roles, ROLES)


DEFAULT_ACCOUNT = Account(
    account="main",
    refresh_token="sandbox-refresh-token-main",  # noqa: S106 - public, and of no use anywhere else
    marketplaces=[BY_COUNTRY[country].marketplace_id for country in ("US", "CA", "MX", "GB", "DE")],
)
