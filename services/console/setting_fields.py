"""The settings of an account as fields of a form: which control each has, what stands in it, what may be chosen.

A field's text is what `change_settings` takes. What a form showed travels along with it (`was.NAME`), so that only
what somebody changed is changed, and nobody takes back what another has changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any, Final, Literal, get_args

from orderbridge.accounts.amazon_words import PAYMENT_METHODS, PROGRAMS, SERVICE_LEVELS
from orderbridge.accounts.change_settings import MAPPINGS
from orderbridge.accounts.facts import country
from orderbridge.accounts.setting_types import IMPORT_EVERY, LATE_WARNING_HOURS, MOST_DAYS, Clock, SendLogWhen
from orderbridge.accounts.setting_values import Circumstances, refuse_after_first_run
from orderbridge.accounts.settings import AccountSettings
from orderbridge.accounts.store_options import OFFER_OF, Offered, choices_for, words
from schemas.orders import Choice

Control = Literal["checkbox", "select", "text", "date", "number", "several", "mapping", "fixed"]
_WORDS: Final[dict[str, tuple[str, ...]]] = {"payment_types": PAYMENT_METHODS, "shipping_methods": SERVICE_LEVELS}
_DATES: Final = ("import_from", "skip_placed_before")
_BOUNDS: Final = {"personal_data_days": (1, MOST_DAYS), "late_warning_hours": LATE_WARNING_HOURS}
_CLOCKS: Final = {"placed": "its placing", "shipped": "its shipment", "delivered": "its latest delivery"}
_LOGS: Final = {
    "every_run": "after every run",
    "when_something_happened": "when something happened",
    "daily": "once a day",
}
_AS_WRITTEN: Final = "The store has not said what it offers: write the id, or id:name."
_MORE: Final[dict[str, str]] = {
    "import_fba": 'The store shows them with "FBA Orders" in place of a name, and without an address.',
    "log_email": "An hourly import writes many e-mails.",
    "personal_data_days": "Made shorter, what is over by then is replaced at once, and nothing brings it back.",
    "personal_data_clock": "Counted from an earlier day, what is over by then is replaced at once, for good.",
}
"""What the manual says besides, or what must be known before it is changed."""


@dataclass(frozen=True)
class Option:
    """One of those that may be chosen."""

    value: str
    label: str


@dataclass(frozen=True)
class Line:
    """A line of a mapping; `label` is empty for a new one, whose key is filled in, too."""

    name: str
    label: str
    value: str
    was: str
    options: tuple[Option, ...]
    problem: str | None
    key: str = ""


@dataclass(frozen=True)
class SettingField:
    """A setting on the form."""

    name: str
    title: str
    hint: str
    control: Control
    value: str
    was: str
    problem: str | None
    options: tuple[Option, ...] = ()
    lines: tuple[Line, ...] = ()
    bounds: tuple[int, int] = (0, 0)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The values of a field that takes several."""
        return tuple(filter(None, self.value.split(",")))


@dataclass(frozen=True)
class Filled:
    """What a form showed and what somebody made of it, by setting and by line of a mapping; nothing at first."""

    texts: Mapping[str, str] = field(default_factory=dict)
    was: Mapping[str, str] = field(default_factory=dict)
    new_lines: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """By mapping: key and value of each line that was added."""
    problems: Mapping[str, str] = field(default_factory=dict)


def setting_fields(at: Circumstances, filled: Filled) -> dict[str, list[SettingField]]:
    """Every setting, by the manual's section."""
    sections: dict[str, list[SettingField]] = {}
    for name, about in AccountSettings.model_fields.items():
        more: Any = about.json_schema_extra
        hint = " ".join(filter(None, (about.description, _MORE.get(name))))
        sections.setdefault(str(more["group"]), []).append(_field(name, str(about.title), hint, at, filled))
    return sections


def text_of(name: str, value: Any, at: Circumstances) -> str:
    """A setting's value, or that of a mapping's line, as it stands in its field."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Choice):
        published = bool(at.offered.of(name))
        return value.id if published or value.id == value.name else f"{value.id}:{value.name}"
    if isinstance(value, datetime):
        local = value.astimezone(at.account.zone)
        return f"{local:%Y-%m-%d}" if local.time() == time() else local.isoformat()
    if isinstance(value, tuple):
        return ",".join(value)
    return "" if value is None else str(value)


def _field(name: str, title: str, hint: str, at: Circumstances, filled: Filled) -> SettingField:
    value = getattr(at.account.settings, name)
    shown = "" if name in MAPPINGS else text_of(name, value, at)
    text, was, problem = filled.texts.get(name, shown), filled.was.get(name, shown), filled.problems.get(name)
    control, options = _control(name, value, shown, at)
    if control in ("text", "mapping") and name in OFFER_OF and not at.offered.of(name):
        hint = f"{hint} {_AS_WRITTEN}"
    if name == "import_from" and (reason := _why_fixed(at)) is not None:
        control, hint = "fixed", f"{hint} It is fixed now: {reason}."
    lines = tuple(_lines(name, value, at, filled)) if control == "mapping" else ()
    return SettingField(name, title, hint, control, text, was, problem, options, lines, _BOUNDS.get(name, (0, 0)))


def _control(name: str, value: Any, shown: str, at: Circumstances) -> tuple[Control, tuple[Option, ...]]:
    if name in MAPPINGS:
        return "mapping", ()
    if isinstance(value, bool):
        return "checkbox", ()
    if name in OFFER_OF:
        options = _choices(name, value, at.offered)
        return (
            ("select", (Option("", "none"), *options) if name == "status_pending" else options)
            if options
            else (
                "text",
                (),
            )
        )
    if name == "import_every_minutes":
        minutes = IMPORT_EVERY if value in IMPORT_EVERY else (value, *IMPORT_EVERY)
        return "select", tuple(Option(str(one), f"{one} minutes") for one in minutes)
    if name == "personal_data_clock":
        return "select", tuple(Option(one, _CLOCKS[one]) for one in get_args(Clock))
    if name == "send_log_when":
        return "select", tuple(Option(one, _LOGS[one]) for one in get_args(SendLogWhen))
    if name == "skip_marketplaces":
        return "several", tuple(
            Option(one, country(one)) for one in dict.fromkeys((*at.account.marketplace_ids, *value))
        )
    if name == "skip_programs":
        return "several", tuple(Option(one, one) for one in dict.fromkeys((*PROGRAMS, *value)))
    if name in _DATES and "T" not in shown:
        return "date", ()
    return ("number" if name in _BOUNDS else "text"), ()


def _lines(name: str, mapping: Mapping[str, Any], at: Circumstances, filled: Filled) -> Iterable[Line]:
    for key in dict.fromkeys((*_WORDS.get(name, ()), *mapping)):
        present = mapping.get(key)
        shown, line = text_of(name, present, at), f"{name}.{key}"
        yield Line(
            name=line,
            label=key,
            value=filled.texts.get(line, shown),
            was=filled.was.get(line, shown),
            options=_line_options(name, present, at.offered),
            problem=filled.problems.get(line),
        )
    added = filled.new_lines.get(name, ())
    for number, (key, text) in enumerate((*added, ("", ""))):
        problem = filled.problems.get(f"{name}.{key}") if number < len(added) else None
        yield Line(f"new.{name}.{number}", "", text, "", _line_options(name, None, at.offered), problem, key)


def _line_options(name: str, present: Any, offered: Offered) -> tuple[Option, ...]:
    options = _choices(name, present, offered) if name in OFFER_OF else ()
    return (Option("", "none"), *options) if options else ()


def _choices(name: str, present: Choice | None, offered: Offered) -> tuple[Option, ...]:
    """What the store offers; and what is set, if the store has it no longer."""
    options = tuple(Option(one.id, words(one)) for one in choices_for(name, offered))
    if not options or not isinstance(present, Choice) or any(one.value == present.id for one in options):
        return options
    return (Option(present.id, f"{words(present)}, which the store no longer has"), *options)


def _why_fixed(at: Circumstances) -> str | None:
    try:
        refuse_after_first_run(None, at)
    except ValueError as error:
        return str(error)
    return None
