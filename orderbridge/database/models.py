"""The tables. Each docstring names the one service that writes it; shared tables say so."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, Index, LargeBinary, MetaData, String, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orderbridge.database.types import Counter, Utc

_UNPUBLISHED = text("published_at IS NULL")
_OPEN = text("finished_at IS NULL")
_ALIVE = text("redacted_at IS NULL")


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: Utc(), str: Text(), bytes: LargeBinary()}


class Account(Base):
    """An Amazon seller account and what its seller has set. Written by the console and the command line."""

    __tablename__ = "accounts"

    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    seller_id: Mapped[str | None]
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
    """Everything Amazon changed before this is imported."""
    imported_from: Mapped[datetime | None]
    """An order placed before this and unknown to us is not imported; None until the first run opened."""
    read_again_from: Mapped[datetime | None]
    """The next search begins here, if its cursor is further on: somebody wants what lies between."""
    first_run_at: Mapped[datetime | None]
    """When the first run was through: "Import Orders From" has had its effect."""
    reconciled_at: Mapped[datetime | None]
    denied_marketplaces: Mapped[str | None]
    """JSON: the marketplaces that Amazon refuses to show us, each with the moment since which."""
    last_order_id: Mapped[str | None]
    last_run_at: Mapped[datetime | None]


class Run(Base):
    """A run of an account's import, open until `finished_at`. Written by the importer, pruned by the ticker."""

    __tablename__ = "runs"
    __table_args__ = (
        Index("uq_open_run", "account_id", "kind", unique=True, postgresql_where=_OPEN, sqlite_where=_OPEN),
        Index("ix_runs_account", "account_id", "started_at"),
    )

    run_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(20))
    """`schemas.imports.RunKind`."""
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(index=True)
    progress: Mapped[str]
    """JSON: where the open run stands."""
    log: Mapped[str | None]
    """JSON of its end: `schemas.imports.ImportFinished`, without its lines."""


class RunLineRow(Base):
    """What a run did with one order. Written by the importer, pruned by the ticker."""

    __tablename__ = "run_lines"

    line_id: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    run_id: Mapped[str] = mapped_column(String(100), index=True)
    rank: Mapped[int]
    """0 a problem, 1 a mapping is missing, 2 all else."""
    line: Mapped[str]
    """JSON: `schemas.imports.RunLine`."""


class UnmappedWord(Base):
    """A word of Amazon's that no mapping or list of ours knows, to be reported once. Written by the importer."""

    __tablename__ = "unmapped_words"

    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    """shipping | payment | program | status | …"""
    word: Mapped[str] = mapped_column(String(200), primary_key=True)
    first_seen_at: Mapped[datetime]
    first_order_id: Mapped[str] = mapped_column(String(100))
    times: Mapped[int] = mapped_column(default=1)


class StoreOptionsRow(Base):
    """What the store last said it offers. Written by the importer, which reads `store.options`."""

    __tablename__ = "store_options"

    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    options: Mapped[str]
    """JSON: `schemas.accounts.StoreOptions`."""
    received_at: Mapped[datetime]


class Attention(Base):
    """A trouble that a person must mend, said once while it stands. Shared: `orderbridge.attentions`."""

    __tablename__ = "attentions"

    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    trouble: Mapped[str] = mapped_column(String(60), primary_key=True)
    message: Mapped[str]
    what_to_do: Mapped[str]
    since: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class AccessToken(Base):
    """Login with Amazon's access tokens, so that all processes share one. Shared: `orderbridge.access_tokens`."""

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


class OrderRow(Base):
    """An order as last told to the store, without personal data. Written by the importer; `sequence` is shared."""

    __tablename__ = "orders"

    order_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(100), index=True)
    order_number: Mapped[str] = mapped_column(index=True)
    amazon_status: Mapped[str] = mapped_column(String(40))
    fulfilled_by: Mapped[str] = mapped_column(String(20))
    ship_by: Mapped[datetime | None]
    placed_at: Mapped[datetime]
    amazon_updated_at: Mapped[datetime]
    sequence: Mapped[int] = mapped_column(BigInteger)
    document: Mapped[str]
    """JSON: `schemas.orders.OrderDocument`."""


class PersonalDataRow(Base):
    """An order's personal data, sealed. Written by the importer while `redacted_at` is empty, then by the redactor."""

    __tablename__ = "personal_data"
    __table_args__ = (Index("ix_alive", "dies_at", postgresql_where=_ALIVE, sqlite_where=_ALIVE),)

    order_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    seal: Mapped[str | None]
    dies_at: Mapped[datetime]
    redacted_at: Mapped[datetime | None]


class UnknownOrder(Base):
    """An order number that Amazon does not know for an account. Written by the importer."""

    __tablename__ = "unknown_orders"

    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    asked_at: Mapped[datetime]
    why: Mapped[str]


class PackageRow(Base):
    """A package the store shipped, and what Amazon knows of it. Written by the shipper."""

    __tablename__ = "packages"
    __table_args__ = (
        UniqueConstraint("order_id", "reference_id"),
        Index("ix_packages_ready", "account_id", "state", "hold_until"),
    )

    order_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    package_key: Mapped[str] = mapped_column(String(300), primary_key=True)
    """The store's package id, else `tracking:` and the number."""
    account_id: Mapped[str] = mapped_column(String(100))
    reference_id: Mapped[int]
    """Amazon's packageReferenceId: positive, stable, so that a retry edits and never doubles."""
    revision: Mapped[int]
    rank: Mapped[str]
    """Orders the store's events on this package: its time, then its place on the topic."""
    content: Mapped[str]
    """JSON: `services.shipper.content.Content`."""
    state: Mapped[str] = mapped_column(String(20))
    """waiting | confirmed | rejected."""
    hold_until: Mapped[datetime]
    """Not before this moment: the ship date, or the next try."""
    ship_by: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    unsure: Mapped[bool] = mapped_column(default=False)
    """A call was made whose answer never came: ask Amazon before calling again."""
    claimed_by: Mapped[str | None]
    claimed_until: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]


class StoreOrderNumber(Base):
    """The store's own number for one of our orders. Written by the shipper, which learns it from `order.shipped`."""

    __tablename__ = "store_order_numbers"

    store_order_number: Mapped[str] = mapped_column(String(100), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(100), primary_key=True)


class Attempt(Base):
    """A call to Amazon, written before it is made: one without an outcome was cut off. Shared."""

    __tablename__ = "attempts"
    __table_args__ = (Index("ix_attempts_subject", "account_id", "subject"),)

    attempt_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(100))
    operation: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str]
    """What it was about: an order, or order and package."""
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    """done | unknown | the error's kind and Amazon's code; empty while under way, or cut off."""


class InboxRow(Base):
    """An event that a consumer has handled, so that a second copy does nothing. Shared; outlives the topics."""

    __tablename__ = "inbox"

    consumer: Mapped[str] = mapped_column(String(40), primary_key=True)
    source: Mapped[str] = mapped_column(String(300), primary_key=True)
    event_id: Mapped[str] = mapped_column(String(300), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(20))
    """handled | skipped | rejected | dead-letter."""
    reason: Mapped[str | None]
    handled_at: Mapped[datetime] = mapped_column(index=True)


class OutboxRow(Base):
    """An event to be published, now or at its date. Posted by all, published by the ticker.

    A dead letter is settled by `orderbridge dead-letters`.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_due", "due_at", "position", postgresql_where=_UNPUBLISHED, sqlite_where=_UNPUBLISHED),
        Index("uq_outbox_name", "name", unique=True, postgresql_where=_UNPUBLISHED, sqlite_where=_UNPUBLISHED),
    )

    position: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    event_id: Mapped[str] = mapped_column(String(40), unique=True)
    event_type: Mapped[str] = mapped_column(String(60))
    topic: Mapped[str] = mapped_column(String(120))
    key: Mapped[str]
    body: Mapped[str]
    """The event's JSON."""
    name: Mapped[str | None]
    """A later post of the same name replaces this one while it is unpublished."""
    posted_at: Mapped[datetime]
    due_at: Mapped[datetime]
    published_at: Mapped[datetime | None] = mapped_column(index=True)
    settled_as: Mapped[str | None] = mapped_column(String(20))
    """A dead letter's end: replayed | discarded; empty while it waits for somebody."""
    settled_at: Mapped[datetime | None]


class Quota(Base):
    """Amazon's rate limit of one operation for one account (GCRA), and its circuit breaker. Shared. Microseconds."""

    __tablename__ = "quotas"

    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    operation: Mapped[str] = mapped_column(String(60), primary_key=True)
    interval_us: Mapped[int] = mapped_column(BigInteger)
    burst: Mapped[int]
    arrival_us: Mapped[int] = mapped_column(BigInteger)
    """GCRA's theoretical arrival time, microseconds since 1970."""
    faults: Mapped[int] = mapped_column(default=0)
    """Network faults in a row."""
    closed_until_us: Mapped[int] = mapped_column(BigInteger, default=0)


class Lease(Base):
    """Something that one process does at a time. Shared."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    holder: Mapped[str]
    until: Mapped[datetime]


class Slot(Base):
    """An account's import slot that has been planned. Written by the ticker."""

    __tablename__ = "slots"

    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)


class ServiceState(Base):
    """Whether a service has paused itself. Written by that service, and by `orderbridge resume`."""

    __tablename__ = "service_states"

    service: Mapped[str] = mapped_column(String(40), primary_key=True)
    paused_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    resumed_at: Mapped[datetime | None]


class HandlerFailure(Base):
    """An exception of a handler (a bug, never bad input). Written by each worker for itself; pruned after a day."""

    __tablename__ = "handler_failures"

    failure_id: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    service: Mapped[str] = mapped_column(String(40), index=True)
    place: Mapped[str]
    exception: Mapped[str]
    failed_at: Mapped[datetime]
