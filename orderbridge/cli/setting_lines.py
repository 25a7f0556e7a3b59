"""The lines of `settings show`, and the help of `settings set`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.setting_words import in_words
from orderbridge.accounts.settings import AccountSettings


def setting_lines(account: ConnectedAccount, *, mails: bool) -> list[dict[str, Any]]:
    """A row for each setting, and one for each line of a mapping. `mails`: whether a mail server is set."""
    rows: list[dict[str, Any]] = []
    for name, field in AccountSettings.model_fields.items():
        value = getattr(account.settings, name)
        changed = "" if value == field.default else "*"
        shown = in_words(name, value, account)
        if name == "log_email" and value is not None and not mails:
            shown += " (nothing is mailed: no mail server is set)"
        rows.append({"name": field.title, "setting": name, "value": shown, "set": changed})
        if isinstance(value, dict):
            rows += [
                {"name": "", "setting": f"{name}.{key}", "value": in_words(name, mapped, account), "set": changed}
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
