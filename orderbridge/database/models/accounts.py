"""Seller accounts: their settings, where their import stands, their troubles, what they share with Amazon."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from orderbridge.database.models.base import Base


class Account(Base):
    """An Amazon seller account and what its seller has set. Written by the console and the command line."""

    __tablename__ = "accounts"

    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    seller_id: Mapped[str | None]
    """Amazon's, as far as it was told: only with a seller who comes back from Seller Central's consent."""
    marketplace_ids: Mapped[str]
    """JSON list; the first is the account's home."""
    refresh_token: Mapped[str | None]
    """Encrypted under ORDERBRIDGE_SECRETS_KEY; None once disconnected."""
    client_id: Mapped[str | None]
    client_secret: Mapped[str | None]
    """Encrypted; None where the installation's own app is used."""
    authorized_at: Mapped[datetime | None]
    """When the seller last gave consent: a public app's holds for 365 days."""
    secret_expires_at: Mapped[datetime | None]
    """When the app's client secret must have been rotated, as far as somebody told us."""
    api_url: Mapped[str]
    login_url: Mapped[str]
    """The addresses the account was connected at: it is never asked elsewhere."""
    connected_at: Mapped[datetime | None]
    settings: Mapped[str]
    """JSON: `orderbridge.accounts.AccountSettings`."""


class AccountState(Base):
    """Where an account's import stands. Written by the importer."""

    __tablename__ = "account_states"

    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    cursor: Mapped[datetime | None]
    """Everything Amazon changed before this is imported; after a first run that failed, where it began."""
    imported_from: Mapped[datetime | None]
    """An order placed before this and unknown to us is not imported; None until the first run opened."""
    read_again_from: Mapped[datetime | None]
    """The next search begins here, if its cursor is further on: somebody wants what lies between."""
    incomplete_since: Mapped[datetime | None]
    """From here on orders came without a data set that Amazon refused: read again when it refuses none."""
    first_run_at: Mapped[datetime | None]
    """When the first run was through: "Import Orders From" has had its effect."""
    reconciled_at: Mapped[datetime | None]
    denied_marketplaces: Mapped[str | None]
    """JSON: each marketplace that Amazon refuses, from when it is not read, and when it was asked for."""
    denied_times: Mapped[str | None]
    """JSON: how often each of them was refused. Apart, since the release before reads the other."""
    last_order_id: Mapped[str | None]
    last_run_at: Mapped[datetime | None]


class StoreOptionsRow(Base):
    """What the store last said it offers. Written by the importer, which reads `store.options`."""

    __tablename__ = "store_options"

    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    options: Mapped[str]
    """JSON: `schemas.accounts.StoreOptions`."""
    received_at: Mapped[datetime]


class Attention(Base):
    """A trouble that a person must mend, said once while it stands. Shared: `orderbridge.accounts.attentions`."""

    __tablename__ = "attentions"

    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    trouble: Mapped[str] = mapped_column(String(60), primary_key=True)
    message: Mapped[str]
    what_to_do: Mapped[str]
    since: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class AccessToken(Base):
    """Login with Amazon's access tokens, shared by all processes: `orderbridge.accounts.access_tokens`."""

    __tablename__ = "access_tokens"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    """A digest of the credentials."""
    token: Mapped[str]
    """Encrypted under ORDERBRIDGE_SECRETS_KEY."""
    renew_at: Mapped[datetime]


class Subscription(Base):
    """An account's subscription to Amazon's `ORDER_CHANGE`. Written by the console and the command line."""

    __tablename__ = "subscriptions"

    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    queue_url: Mapped[str]
    destination_id: Mapped[str]
    subscription_id: Mapped[str]
    created_at: Mapped[datetime]


class ConsentRequest(Base):
    """A seller on his way through Seller Central's consent. Written by the console: `orderbridge.accounts.consent`."""

    __tablename__ = "consent_requests"

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the `state` that he must come back with, in hex."""
    session_hash: Mapped[str] = mapped_column(String(64))
    """The same of the browser session that began it: nobody else's is let in."""
    account_id: Mapped[str] = mapped_column(String(100))
    marketplace_id: Mapped[str] = mapped_column(String(40))
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
