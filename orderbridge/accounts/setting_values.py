"""What may be written for each setting, read and held against the account, its store and Amazon's rules.

A value is text as a person writes it (`yes`, `2026-11-01`, `New`), or what JSON has for it. `read_value` raises
ValueError with a sentence that says what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final, get_args

from pydantic import EmailStr, TypeAdapter, ValidationError

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.amazon_words import PAYMENT_METHODS, PROGRAMS, SERVICE_LEVELS
from orderbridge.accounts.carrier_mapping import read_carrier_mapping
from orderbridge.accounts.setting_types import IMPORT_EVERY, LATE_WARNING_HOURS, MOST_DAYS
from orderbridge.accounts.settings import AccountSettings
from orderbridge.accounts.store_options import OFFER_OF, Offered, choices_for, words
from orderbridge.amazon.marketplaces import marketplace, marketplace_of_country
from orderbridge.database.models import AccountState
from schemas.base import Moment
from schemas.orders import Choice

_YEARS_KEPT: Final = 2
_ADDRESS: TypeAdapter[str] = TypeAdapter(EmailStr)
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)
_YES = ("true", "on", "yes")
_NO = ("false", "off", "no")
_KNOWN_KEYS = {"payment_types": PAYMENT_METHODS, "shipping_methods": SERVICE_LEVELS}
_WORDS = {"payment_types": "payment options", "shipping_methods": "shipping methods", "statuses": "order queues"}


@dataclass(frozen=True)
class Circumstances:
    """What a value is held against."""

    account: ConnectedAccount
    """With the time zone that is to hold."""
    offered: Offered
    state: AccountState | None
    now: datetime


def read_value(name: str, value: Any, at: Circumstances) -> Any:
    """The setting's value, typed. Raises ValueError saying what was expected."""
    if isinstance(value, str) and name != "log_email":
        value = value.strip()
    if value is None or value == "null" or (value == "" and not name.startswith("invoice_number_prefix")):
        return _nothing(name)
    if name in OFFER_OF:
        return read_mapping(name, value, at) if name in _KNOWN_KEYS else read_choice(name, value, at)
    if name in _READERS:
        return _READERS[name](value, at)
    field = AccountSettings.model_fields[name]
    if field.annotation is bool:
        return _yes_or_no(value)
    return str(value)  # a prefix, the time zone: the model itself says what they may be


def read_line(name: str, key: str, value: Any, at: Circumstances) -> Choice | None:
    """A line of a mapping, `payment_types.CreditCard`; None removes it."""
    if not key or len(key) > 100 or not key.isprintable():
        raise ValueError("expected one of Amazon's words after the point")
    if value is None or (isinstance(value, str) and value.strip() in ("", "null")):
        return None
    return read_choice(name, value, at)


def amazons_word(name: str, key: str, lines: Iterable[str]) -> str:
    """Amazon's word for a mapping's key, in small letters or large: one that the mapping has, or that we know."""
    return next((word for word in (*lines, *_KNOWN_KEYS[name]) if word.casefold() == key.casefold()), key)


def read_mapping(name: str, value: Any, at: Circumstances) -> dict[str, Choice]:
    """A whole mapping, from JSON."""
    if not isinstance(value, Mapping):
        raise ValueError(f"expected {name}.KEY=VALUE for a line of it, or a JSON object")
    lines = {amazons_word(name, str(key), ()): read_line(name, str(key), one, at) for key, one in value.items()}
    return {key: choice for key, choice in lines.items() if choice is not None}


def read_choice(name: str, value: Any, at: Circumstances) -> Choice:
    """One of the store's own, by its id or its exact name. Raises ValueError naming what the store has."""
    if isinstance(value, Mapping):
        value = Choice.model_validate(value)
    text = value.id if isinstance(value, Choice) else str(value)
    options = choices_for(name, at.offered)
    if not at.offered.of(name):  # not published: its word is taken
        if isinstance(value, Choice):
            return value
        identifier, _, said = text.partition(":")
        return Choice(id=identifier.strip(), name=said.strip() or identifier.strip())
    by_id = [option for option in options if option.id == text]
    by_name = [option for option in options if option.name.casefold() == text.casefold()]
    found = by_id or ([] if isinstance(value, Choice) else by_name)
    if len(found) == 1:
        return Choice(id=found[0].id, name=found[0].name)
    if len(found) > 1:
        raise ValueError(f"{text!r} is the name of several: give the id, one of {_listed(found)}")
    raise ValueError(_not_offered(name, text, options, at.offered))


def doubts(settings: AccountSettings, changed: Set[str], now: datetime, *, mails: bool) -> tuple[str, ...]:
    """What of the settings that were changed is allowed and yet not what it seems.

    Amazon's words that our lists do not have, a day that lies ahead, mail without a server (`mails`: one is set).
    """
    found = [
        f"{name}.{key}: Amazon's documents have no such word; known are {', '.join(known)}. It is kept: more may come."
        for name, known in _KNOWN_KEYS.items()
        if name in changed
        for key in getattr(settings, name)
        if key not in known
    ]
    found += [
        f"skip_programs: Amazon's documents have no {program}; known are {', '.join(PROGRAMS)}. It is kept."
        for program in settings.skip_programs
        if program not in PROGRAMS and "skip_programs" in changed
    ]
    for name in ("import_from", "skip_placed_before"):
        moment = getattr(settings, name)
        if name in changed and moment is not None and moment > now:
            found.append(f"{name} lies ahead: no order that is placed before it is ever imported.")
    if "log_email" in changed and settings.log_email is not None and not mails:
        found.append("log_email is kept, but nothing is mailed until ORDERBRIDGE_SMTP_URL names a mail server.")
    return tuple(found)


def earliest_import(now: datetime, account: ConnectedAccount) -> datetime:
    """The beginning of the first day of which Amazon still has orders: it keeps them for two years."""
    today = now.astimezone(account.zone).date()
    leap = (today.month, today.day) == (2, 29)
    first = today.replace(year=today.year - _YEARS_KEPT, day=28 if leap else today.day)
    return datetime.combine(first, time(), account.zone).astimezone(UTC)


def _nothing(name: str) -> Any:
    field = AccountSettings.model_fields[name]
    if name in (*_KNOWN_KEYS, "carrier_mapping"):
        return {}
    if name in ("skip_marketplaces", "skip_programs"):
        return ()
    if type(None) in get_args(field.annotation):
        return None
    raise ValueError(f"expected {_written(name)}")


def _written(name: str) -> str:
    more = AccountSettings.model_fields[name].json_schema_extra
    return str(more["written"]) if isinstance(more, dict) else ""


def _yes_or_no(value: Any) -> bool:
    word = str(value).casefold()
    if word not in (*_YES, *_NO):
        raise ValueError(f"expected {_written('enabled')}")
    return word in _YES


def _import_every(value: Any, _: Circumstances) -> int:
    text = str(value)
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) not in IMPORT_EVERY:
        raise ValueError(f"expected {_written('import_every_minutes')}")
    return int(text)


def _late_warning_hours(value: Any, _: Circumstances) -> int:
    least, most = LATE_WARNING_HOURS
    text = str(value)
    if not re.fullmatch(r"[0-9]{1,3}", text) or not least <= int(text) <= most:
        raise ValueError(f"expected {_written('late_warning_hours')}")
    return int(text)


def _one_of(name: str, value: Any) -> str:
    if (word := str(value).casefold()) in get_args(AccountSettings.model_fields[name].annotation):
        return word
    raise ValueError(f"expected {_written(name)}")


def _days_kept(value: Any, _: Circumstances) -> int:
    text = str(value)
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) < 1:
        raise ValueError(f"expected {_written('personal_data_days')}")
    if int(text) > MOST_DAYS:
        policy = 'Amazon\'s Data Protection Policy allows "no longer than 30 days after order delivery"'
        raise ValueError(f"{policy}: expected {_written('personal_data_days')}")
    return int(text)


def _day_or_moment(value: Any, at: Circumstances) -> datetime:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            return datetime.combine(date.fromisoformat(value), time(), at.account.zone).astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError(f"there is no day {value}") from None
    try:
        return _MOMENT.validate_python(value)
    except ValidationError:
        raise ValueError("expected a day such as 2026-11-01, or an RFC 3339 moment") from None


def _import_from(value: Any, at: Circumstances) -> datetime:
    moment = _day_or_moment(value, at)
    earliest = earliest_import(at.now, at.account)
    if moment < earliest:
        first = earliest.astimezone(at.account.zone)
        raise ValueError(f"Amazon keeps orders for two years: expected {first:%Y-%m-%d} or later")
    return moment


def refuse_after_first_run(moment: datetime | None, at: Circumstances) -> None:
    """Raises ValueError if "Import Orders From" has had its effect, with the command that reads what is older."""
    if at.state is None or at.state.first_run_at is None:
        return
    day = f"{(moment or at.now).astimezone(at.account.zone):%Y-%m-%d}"
    raise ValueError(
        f"the first run was through at {at.state.first_run_at:%Y-%m-%d %H:%M} UTC, and the import goes on by itself; "
        f"older orders come with `orderbridge import --account {at.account.account_id} --from {day}`"
    )


def _addresses(value: Any, _: Circumstances) -> str:
    addresses = [part.strip() for part in str(value).split(",")]
    try:
        return ", ".join(_ADDRESS.validate_python(address) for address in addresses)
    except ValidationError:
        raise ValueError("expected an e-mail address such as orders@shop.com, or several with commas") from None


def _several(value: Any) -> list[str]:
    parts: Iterable[Any] = value.split(",") if isinstance(value, str) else value
    if isinstance(parts, Mapping) or not isinstance(parts, Iterable):
        raise ValueError("expected words with commas between them")
    return list(dict.fromkeys(str(part).strip() for part in parts if str(part).strip()))


def _skip_marketplaces(value: Any, at: Circumstances) -> tuple[str, ...]:
    own = {name: marketplace(name) for name in at.account.marketplace_ids}
    skipped = []
    for word in _several(value):
        by_country = marketplace_of_country(word)
        name = by_country.id if by_country is not None else word
        # What is set may stay: Amazon does not name a marketplace at times, and its orders are not to come by that.
        if name not in own and name not in at.account.settings.skip_marketplaces:
            has = ", ".join(f"{known.country} ({name})" if known else name for name, known in own.items()) or "none"
            raise ValueError(f"{word} is no marketplace of this account; it has {has}")
        skipped.append(name)
    if own and set(skipped) >= set(own):
        raise ValueError("these are all marketplaces of this account: `enabled=false` switches its import off")
    return tuple(dict.fromkeys(skipped))


def _skip_programs(value: Any, _: Circumstances) -> tuple[str, ...]:
    programs = tuple(dict.fromkeys(word.upper() for word in _several(value)))
    for word in programs:
        if not re.fullmatch(r"[A-Z0-9_]{1,100}", word):
            raise ValueError(f"{word!r} cannot be a program; known are {', '.join(PROGRAMS)}")
    return programs


def _not_offered(name: str, text: str, allowed: tuple[Choice, ...], offered: Offered) -> str:
    what = _WORDS[OFFER_OF[name]]
    if any(text in (option.id, option.name) for option in offered.of(name)):
        reason = f"{text!r} is none of the {what} that this setting takes"
    else:
        reason = f"the store has no {text!r} among its {what}"
    return f"{reason}; expected {_listed(allowed) if allowed else 'none: the store has no such queue'}"


def _listed(options: Iterable[Choice]) -> str:
    texts = [words(option) for option in options]
    shown = texts[:20]
    return ", ".join(shown) + (f" and {len(texts) - 20} more" if len(texts) > 20 else "")


_READERS: Final[dict[str, Any]] = {
    "carrier_mapping": lambda value, _: read_carrier_mapping(value),
    "import_every_minutes": _import_every,
    "import_from": _import_from,
    "late_warning_hours": _late_warning_hours,
    "personal_data_clock": lambda value, _: _one_of("personal_data_clock", value),
    "personal_data_days": _days_kept,
    "skip_placed_before": _day_or_moment,
    "log_email": _addresses,
    "send_log_when": lambda value, _: _one_of("send_log_when", value),
    "skip_marketplaces": _skip_marketplaces,
    "skip_programs": _skip_programs,
}
