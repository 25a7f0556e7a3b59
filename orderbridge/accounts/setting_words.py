"""An account's settings in plain words, for the command line and the console."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.settings import AccountSettings
from orderbridge.accounts.store_options import words
from orderbridge.amazon.marketplaces import marketplace
from schemas.orders import Choice

_UNITS = {"import_every_minutes": " minutes", "late_warning_hours": " hours", "personal_data_days": " days"}


@dataclass(frozen=True)
class Change:
    """What somebody changed, in words; `name` is the manual's."""

    name: str
    before: str
    now: str


def changes_between(before: ConnectedAccount, now: ConnectedAccount) -> list[Change]:
    """Every setting that is otherwise now, and every line of a mapping."""
    told = []
    for name, field in AccountSettings.model_fields.items():
        old, new = getattr(before.settings, name), getattr(now.settings, name)
        if isinstance(old, dict):
            told += [
                Change(f"{field.title}: {key}", in_words(name, old.get(key), before), in_words(name, new.get(key), now))
                for key in dict.fromkeys((*old, *new))
                if old.get(key) != new.get(key)
            ]
        elif old != new:
            told.append(Change(str(field.title), in_words(name, old, before), in_words(name, new, now)))
    return told


def in_words(name: str, value: Any, account: ConnectedAccount) -> str:
    """A setting's value, or that of a mapping's line, as a person reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Choice):
        return words(value)
    if isinstance(value, datetime):
        return f"{value.astimezone(account.zone):%Y-%m-%d %H:%M} {account.zone.key}"
    if name == "skip_marketplaces":
        return ", ".join(_countries(value)) or "none"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if isinstance(value, dict):
        return "" if value else "none"
    if value is None:
        return _without(name, account)
    if value == "":
        return "none"
    if name == "send_log_when":
        return str(value).replace("_", " ")
    unit = _UNITS.get(name, "")
    return f"{value}{unit}"


def _countries(marketplace_ids: tuple[str, ...]) -> Iterator[str]:
    for one in marketplace_ids:
        found = marketplace(one)
        yield f"{found.country} ({one})" if found else one


def _without(name: str, account: ConnectedAccount) -> str:
    if name == "import_from":
        if account.connected_at is None:
            return "the day it is connected"
        return f"the day it was connected: {in_words(name, account.imports_from, account)}"
    if name == "time_zone":
        return f"the marketplace's: {account.zone.key}"
    return "as all orders" if name.startswith("invoice_number_prefix_") else "none"
