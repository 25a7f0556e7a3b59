"""What a store offers (`store.options`): kept, read, and held against what a seller has mapped to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from orderbridge.accounts.manual_queues import MANUAL_QUEUES
from orderbridge.accounts.settings import AccountSettings
from orderbridge.database.models import StoreOptionsRow
from orderbridge.database.unit_of_work import Work
from schemas.accounts import StatusOption, StoreOptions
from schemas.orders import Choice

Offer = Literal["statuses", "payment_types", "shipping_methods"]

OFFER_OF: dict[str, Offer] = {
    **dict.fromkeys(("status_merchant", "status_fba", "status_pending", "status_shipped"), "statuses"),
    "status_cancelled": "statuses",
    "payment_types": "payment_types",
    "payment_type_default": "payment_types",
    "shipping_methods": "shipping_methods",
}  # type: ignore[dict-item,unused-ignore]  # each is an Offer
"""The settings that map to something of the store's, and to which of its lists."""

_DEFAULT_KIND = {
    name: next(kind for kind, queue in MANUAL_QUEUES.items() if queue == AccountSettings.model_fields[name].default)
    for name in ("status_merchant", "status_fba", "status_shipped", "status_cancelled")
}


@dataclass(frozen=True)
class Offered:
    """What a store offers; an empty list is one it has not published."""

    statuses: tuple[StatusOption, ...]
    """Never empty: the manual's queues stand until a store publishes its own."""
    payment_types: tuple[Choice, ...] = ()
    shipping_methods: tuple[Choice, ...] = ()
    said_at: datetime | None = None
    """When the store said it; None if it never did."""
    own_queues: bool = False
    """The queues are the store's own, not the manual's."""

    def of(self, name: str) -> tuple[Choice, ...]:
        """The list to which a setting maps."""
        found: tuple[Choice, ...] = getattr(self, OFFER_OF[name])
        return found

    def queues(self, *kinds: str) -> tuple[StatusOption, ...]:
        """The queues of these kinds: by their `kind`, else by their name."""
        return tuple(queue for queue in self.statuses if kind_of(queue) in kinds)


MANUAL_OFFER = Offered(tuple(StatusOption(id=q.id, name=q.name, kind=kind) for kind, q in MANUAL_QUEUES.items()))  # type: ignore[arg-type]  # the kinds are the schema's
"""What stands until a store publishes."""


def kind_of(queue: StatusOption) -> str:
    """Which of the manual's queues this is, or `other`."""
    if queue.kind not in ("other", "unknown"):
        return queue.kind
    name = queue.name.strip().casefold()
    return name if name in MANUAL_QUEUES else "other"


def options_of(work: Work, account_id: str) -> Offered:
    """What the account's store offers."""
    row = work.session.get(StoreOptionsRow, account_id, populate_existing=True)
    return read_options(row.options, row.received_at) if row is not None else MANUAL_OFFER


def read_options(text: str, said_at: datetime) -> Offered:
    """A row of `store_options`, typed."""
    said = StoreOptions.model_validate_json(text)
    return Offered(
        statuses=said.statuses or MANUAL_OFFER.statuses,
        payment_types=said.payment_types,
        shipping_methods=said.shipping_methods,
        said_at=said_at,
        own_queues=bool(said.statuses),
    )


def choices_for(name: str, offered: Offered) -> tuple[Choice, ...]:
    """What of the store's a setting may be mapped to; nothing where the store has not published that list."""
    kinds = {"status_merchant": ("new", "unpaid"), "status_pending": ("unpaid",)}.get(name)
    if kinds is None or not offered.queues("new", "unpaid"):
        return offered.of(name)
    return offered.queues(*kinds)


def keep_options(work: Work, options: StoreOptions, said_at: datetime) -> bool:
    """Keep what a store says it offers; False if something newer is kept already. Called by the importer alone."""
    values = {"options": options.model_dump_json(), "received_at": said_at}
    statement = (
        work.insert(StoreOptionsRow)
        .values(account_id=options.account_id, **values)
        .on_conflict_do_update(index_elements=["account_id"], set_=values, where=StoreOptionsRow.received_at <= said_at)
        .returning(StoreOptionsRow.account_id)
    )
    return work.session.execute(statement).first() is not None


def with_store_words(settings: AccountSettings, offered: Offered) -> AccountSettings:
    """The settings with today's names of what they map to; a mapping to something that is gone stays as it is.

    A queue that nobody chose is the store's queue of that kind, whatever its id: the manual's ids are no store's.
    """
    changes: dict[str, object] = {}
    for name in OFFER_OF:
        value = getattr(settings, name)
        if isinstance(value, dict):
            changes[name] = {key: _today(choice, offered.of(name)) or choice for key, choice in value.items()}
        elif value is not None:
            changes[name] = _chosen(name, value, offered) or value
    return settings.model_copy(update=changes)


def unpaid_queue(offered: Offered) -> Choice:
    """The store's queue of orders whose payment is pending; the manual's for a store that has none."""
    return _first_of_kind("unpaid", offered) or MANUAL_QUEUES["unpaid"]


def gone_mappings(settings: AccountSettings, offered: Offered) -> tuple[str, ...]:
    """The mappings to something that the store no longer has, as `setting: name (id)`. Only those that have effect."""
    gone: list[str] = []
    for name in OFFER_OF:
        value = getattr(settings, name)
        if value is None or not offered.of(name) or (name == "status_fba" and not settings.import_fba):
            continue
        lines = value if isinstance(value, dict) else {"": value}
        for key, choice in lines.items():
            found = _today(choice, offered.of(name)) if key else _chosen(name, choice, offered)
            if found is None:
                gone.append(f"{name}{'.' if key else ''}{key}: {words(choice)}")
    return tuple(gone)


def words(choice: Choice) -> str:
    """A choice as a person reads it: `New (1)`."""
    return choice.id if choice.name == choice.id else f"{choice.name} ({choice.id})"


def _chosen(name: str, choice: Choice, offered: Offered) -> Choice | None:
    today = _today(choice, offered.of(name))
    if choice != AccountSettings.model_fields[name].default or (today is not None and today.name == choice.name):
        return today
    if name in _DEFAULT_KIND:
        return _first_of_kind(_DEFAULT_KIND[name], offered)
    return next((_plain(one) for one in offered.of(name) if one.name.casefold() == choice.name.casefold()), None)


def _first_of_kind(kind: str, offered: Offered) -> Choice | None:
    return next(map(_plain, offered.queues(kind)), None)


def _today(choice: Choice, options: Iterable[Choice]) -> Choice | None:
    return next((_plain(option) for option in options if option.id == choice.id), None)


def _plain(option: Choice) -> Choice:
    return Choice(id=option.id, name=option.name)
