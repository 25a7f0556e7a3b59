"""Changes what a seller has set for an account: one way for the command line and every other.

with database.unit_of_work() as work:
    settings = change_settings(work, "main", {"enabled": "yes", "payment_types.CreditCard": "14"})
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from orderbridge.accounts import read_account, tell_store
from orderbridge.accounts.carrier_mapping import read_carrier_line, with_carrier_line
from orderbridge.accounts.mapping_attention import look_at_mappings
from orderbridge.accounts.setting_values import (
    Circumstances,
    amazons_word,
    read_line,
    read_value,
    refuse_after_first_run,
)
from orderbridge.accounts.settings import AccountSettings
from orderbridge.accounts.store_options import options_of, with_store_words
from orderbridge.database.models import Account, AccountState
from orderbridge.database.unit_of_work import Work
from orderbridge.late_shipments import look_at_all
from orderbridge.privacy.asking import look_at_seals
from orderbridge.shipment_slots import plan_slot
from schemas.imports import ImportDue

MAPPINGS = ("payment_types", "shipping_methods", "carrier_mapping")
"""Settings with a line for each of Amazon's words (of the store's carriers): changed as `payment_types.CreditCard`."""


@dataclass(frozen=True)
class Problem:
    """A setting that was not taken: what was expected, and what to do."""

    setting: str
    message: str

    def __str__(self) -> str:
        return f"{self.setting}: {self.message}"


class WrongSettings(ValueError):
    """Some values are not taken, so none is; `problems` has every one of them."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def change_settings(work: Work, account_id: str, changes: Mapping[str, Any]) -> AccountSettings:
    """Change some settings of an account, all or none, and tell the store what it needs.

    `changes`: by setting, or by a line of a mapping (`shipping_methods.EXPEDITED`); a value is text as a person writes
    it, or what JSON has for it. Raises WrongSettings, LookupError if there is no such account.
    """
    row = work.session.get(Account, account_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise LookupError(f"there is no account {account_id}")
    account = read_account(row)
    state = work.session.get(AccountState, account_id, populate_existing=True)
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    offered = options_of(work, account_id)
    if "time_zone" in changes:  # first of all: it says when a day begins
        values |= _read("time_zone", changes["time_zone"], Circumstances(account, offered, state, work.now), problems)
        settings = account.settings.model_copy(update=values)
        account = account.model_copy(update={"settings": settings})
    at = Circumstances(account, offered, state, work.now)
    for name in sorted(changes.keys() - {"time_zone"}, key=lambda name: "." in name):  # a mapping before its lines
        if "." not in name:
            values |= _read(name, changes[name], at, problems)
            continue
        setting, _, key = name.partition(".")
        if setting not in MAPPINGS:
            problems.append(_unknown(name))
            continue
        lines = values.get(setting, getattr(account.settings, setting))
        try:
            values[setting] = _with_line(setting, lines, key, changes[name], at)
        except ValueError as error:
            problems.append(Problem(name, _words_of(error)))
    if problems:
        raise WrongSettings(problems)
    before = read_account(row).settings
    changed = with_store_words(before.model_copy(update=values), offered)
    row.settings = changed.model_dump_json()
    if changed.import_from != before.import_from:
        _move_import_date(work, account_id, state, read_account(row).imports_from)
    if changed.exclude_from_sales_reports != before.exclude_from_sales_reports:
        tell_store(work, read_account(row))
    if changed.late_warning_hours > before.late_warning_hours:  # who looks too early plans again
        look_at_all(work, account_id)
    if (changed.confirm_shipments, changed.hold_when_buyer_cancels) != (
        before.confirm_shipments,
        before.hold_when_buyer_cancels,
    ):
        plan_slot(work, account_id)  # what is held may go now
    if (changed.personal_data_clock, changed.personal_data_days) != (
        before.personal_data_clock,
        before.personal_data_days,
    ):
        look_at_seals(work, account_id)
    look_at_mappings(work, account_id, changed)
    return changed


def _move_import_date(work: Work, account_id: str, state: AccountState | None, moment: datetime | None) -> None:
    """The first run has begun with another date and is not through: what it left out is read, or nothing more is."""
    if state is None or state.imported_from is None or moment is None:
        return
    if moment < state.imported_from:
        work.post(ImportDue(account_id=account_id, reason="history", since=moment))
    else:
        state.imported_from = moment


def _read(name: str, value: Any, at: Circumstances, problems: list[Problem]) -> dict[str, Any]:
    if name not in AccountSettings.model_fields:
        problems.append(_unknown(name))
        return {}
    try:
        read = read_value(name, value, at)
        # the model's own rules, the type's and the pattern's
        read = getattr(AccountSettings(**{name: read}), name)
        if name == "import_from" and read != at.account.settings.import_from:
            refuse_after_first_run(read, at)
    except ValueError as error:
        problems.append(Problem(name, _words_of(error)))
        return {}
    return {name: read}


def _with_line(setting: str, lines: Mapping[str, Any], key: str, value: Any, at: Circumstances) -> dict[str, Any]:
    """A mapping with one line of it set or removed. Raises ValueError."""
    if setting == "carrier_mapping":
        return with_carrier_line(lines, key, read_carrier_line(key, value))
    line = read_line(setting, key, value, at)
    key = amazons_word(setting, key, lines)
    return {**lines, key: line} if line is not None else {k: v for k, v in lines.items() if k != key}


def _unknown(name: str) -> Problem:
    return Problem(name, f"there is no setting {name!r}; `orderbridge settings show` lists them")


def _words_of(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    told = dict.fromkeys(one["msg"].removeprefix("Value error, ") for one in error.errors(include_input=False))
    return "; ".join(told)
