"""An account's settings in plain words: the lines of `settings show`, and the help of `settings set`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.settings import AccountSettings
from orderbridge.accounts.store_options import words
from orderbridge.amazon.marketplaces import marketplace
from schemas.orders import Choice

_UNITS = {"import_every_minutes": " minutes", "late_warning_hours": " hours", "personal_data_days": " days"}


def setting_lines(account: ConnectedAccount) -> list[dict[str, Any]]:
    """A row for each setting, and one for each line of a mapping."""
    rows: list[dict[str, Any]] = []
    for name, field in AccountSettings.model_fields.items():
        value = getattr(account.settings, name)
        changed = "" if value == field.default else "*"
        rows.append({"name": field.title, "setting": name, "value": _in_words(name, value, account), "set": changed})
        if isinstance(value, dict):
            rows += [
                {"name": "", "setting": f"{name}.{key}", "value": _in_words(name, mapped, account), "set": changed}
                for key, mapped in value.items()
            ]
    return rows


def last_run_lines(order_id: str | None, run_at: datetime | None) -> list[dict[str, Any]]:
    """What the manual shows and nobody sets."""
    ran = "never" if run_at is None else f"{run_at:%Y-%m-%d %H:%M:%S} UTC"
    shown = (("Last Order Imported", order_id or "none yet"), ("Last Script Run", ran))
    return [{"name": name, "setting": "(shown, not set)", "value": value, "set": ""} for name, value in shown]


def setting_help() -> str:
    """A paragraph for each setting: its name in the manual, what it does, how its value is written."""
    texts = []
    for field in AccountSettings.model_fields.values():
        more = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        (example,) = field.examples or ("",)
        texts.append(f"- **{field.title}**: `{example}`. {field.description} Value: {more['written']}.")
    return "\n".join(texts)


def _in_words(name: str, value: Any, account: ConnectedAccount) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Choice):
        return words(value)
    if isinstance(value, datetime):
        return f"{value.astimezone(account.zone):%Y-%m-%d %H:%M} {account.zone.key}"
    if name == "skip_marketplaces":
        known = [(one, marketplace(one)) for one in value]
        return ", ".join(f"{found.country} ({one})" if found else one for one, found in known) or "none"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if isinstance(value, dict):
        return "" if value else "none"
    if value is None:
        return _without(name, account)
    if value == "":
        return "none"
    if name == "log_email":
        return f"{value} (kept only: no e-mail is sent yet)"
    unit = _UNITS.get(name, "")
    return f"{value}{unit}"


def _without(name: str, account: ConnectedAccount) -> str:
    if name == "import_from":
        if account.connected_at is None:
            return "the day it is connected"
        return f"the day it was connected: {_in_words(name, account.imports_from, account)}"
    if name == "time_zone":
        return f"the marketplace's: {account.zone.key}"
    return "as all orders" if name.startswith("invoice_number_prefix_") else "none"
