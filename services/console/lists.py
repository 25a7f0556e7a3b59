"""What the pages with long lists share: filters read from the address, and links that go on behind the last line."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final
from urllib.parse import urlencode

from sqlalchemy import select

from orderbridge.database.models import Account
from orderbridge.database.unit_of_work import Work
from services.console.visit import Stop, Visit

PAGE: Final = 50
"""Lines of a page."""
_LONGEST = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def asked(visit: Visit, name: str) -> str:
    """What the address asks for by that name, empty if nothing. Raises Stop for what nobody can have meant."""
    text = visit.query.get(name, "").strip()
    if len(text) > _LONGEST or _CONTROL.search(text):
        raise Stop(
            400, "This cannot be looked for", f"A filter is one line of at most {_LONGEST} characters. Fill it in anew."
        )
    return text


def one_of(visit: Visit, name: str, known: tuple[str, ...]) -> str | None:
    """A filter that has certain values; None if it is not set. Raises Stop, naming them."""
    text = asked(visit, name)
    if text and text not in known:
        raise Stop(400, "There is no such filter", f"{name.capitalize()} is one of: {', '.join(known)}.")
    return text or None


def day(visit: Visit, name: str, zone: tzinfo) -> datetime | None:
    """The beginning of a day in that zone; None if none is asked for. Raises Stop for what is no day."""
    return day_in(asked(visit, name), zone)


def day_in(text: str, zone: tzinfo) -> datetime | None:
    """The beginning of a day as it was written; None for an empty one. Raises Stop for what is no day."""
    if not text:
        return None
    try:
        if not _DAY.fullmatch(text):
            raise ValueError(text)
        begins = datetime.fromisoformat(text).replace(tzinfo=zone)
        begins.utctimetuple()
        return begins
    except (ValueError, OverflowError):
        raise Stop(400, "This is no day", "A day is written like 2026-11-24. Go back and choose one.") from None


def day_after(begins: datetime) -> datetime:
    """The beginning of the next day, by the clock on the wall. Raises Stop on the last day that there is."""
    try:
        return begins + timedelta(days=1)
    except OverflowError:
        raise Stop(400, "This is no day", "It is the last one that there is. Choose an earlier one.") from None


def write_place(place: tuple[Any, ...]) -> str:
    """Where a page ends, for the address of the next."""
    values = [one.isoformat() if isinstance(one, datetime) else one for one in place]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def read_place(visit: Visit, *kinds: Callable[[Any], Any]) -> Any:
    """What `write_place` wrote, each value read by its kind; None on the first page. Raises Stop for anything else."""
    text = visit.query.get("after", "")
    if not text:
        return None
    try:
        values = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        if not isinstance(values, list) or len(values) != len(kinds):
            raise ValueError("another list's place")
        return tuple(kind(value) for kind, value in zip(kinds, values, strict=True))
    except (binascii.Error, ValueError, TypeError, RecursionError, OverflowError):
        raise Stop(
            400, "This page cannot be found", "Its link is cut short, perhaps. Begin at the first page."
        ) from None


def moment(value: Any) -> datetime:
    """A kind of value in a place: a moment with its zone."""
    read = datetime.fromisoformat(value)
    if read.utcoffset() is None:
        raise ValueError("a moment without a zone")
    return read


def moment_or_none(value: Any) -> datetime | None:
    """A kind of value in a place: a moment, or none."""
    return None if value is None else moment(value)


def name(value: Any) -> str:
    """A kind of value in a place: an id."""
    if not isinstance(value, str) or len(value) > 400 or "\0" in value:
        raise ValueError("no id")
    return value


def number(value: Any) -> int:
    """A kind of value in a place: a whole number that a database can hold."""
    if type(value) is not int or not 0 <= value < 2**31:
        raise ValueError("no number")
    return value


def address(path: str, given: Mapping[str, str | None], place: tuple[Any, ...] | None = None) -> str:
    """The address of a list with these filters, from a place on."""
    parts = {key: text for key, text in given.items() if text}
    if place is not None:
        parts["after"] = write_place(place)
    return f"{path}?{urlencode(parts)}" if parts else path


def account_ids(work: Work) -> list[str]:
    """All accounts, for a filter's choices."""
    return list(work.session.scalars(select(Account.account_id).order_by(Account.account_id)))
