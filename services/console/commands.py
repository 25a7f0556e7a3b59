"""What a message tells to type, as what does the same in the console.

Messages come from all over: refusals, troubles that stand in the database, problems of a run. They tell what to do by
commands in backticks, which serves at a terminal and in a mail. Here each becomes a link to the page that does it; a
command that no page can do, such as `orderbridge doctor`, stays a command, for the machine itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

from markupsafe import Markup, escape

_COMMAND: Final = re.compile(r"`(orderbridge [^`]+)`")
_PLACEHOLDERS: Final = ("NUMBER", "ORDER", "ACCOUNT", "...")


class Said(NamedTuple):
    """A command's arguments, as far as a page needs them; empty where the message has none."""

    first: str
    account: str


class Place(NamedTuple):
    """A page, as it is called where one reads of it, and its address."""

    label: str
    path: str


def _settings(account: str) -> Place:
    return Place(f"Settings of {account}", f"/accounts/{quote(account, safe='')}/settings")


def _connect(said: Said) -> Place:
    query = f"?{urlencode({'account': said.first})}" if said.first else ""
    return Place(f"Connect {said.first}".rstrip(), f"/connect{query}")


def _set(said: Said) -> Place:
    return _settings(said.first) if said.first else Place("Accounts", "/accounts")


def _test_mail(said: Said) -> Place:
    if not said.account:
        return Place("Accounts", "/accounts")
    return Place("Send a test mail", _settings(said.account).path + "#test-mail")


def _order(label: str, without: str) -> Callable[[Said], Place]:
    return lambda said: Place(label, f"/orders/{quote(said.first, safe='')}" if said.first else without)


_PLACES: Final[dict[str, Callable[[Said], Place]]] = {
    "accounts connect": _connect,
    "accounts disconnect": lambda said: Place("Disconnect Store", f"/accounts/{quote(said.first, safe='')}/disconnect"),
    "accounts list": lambda _: Place("Accounts", "/accounts"),
    "settings set": _set,
    "settings show": _set,
    "settings options": _set,
    "mail test": _test_mail,
    "shipments retry": _order("Send again", "/shipments"),
    "import --order": _order("Fetch from Amazon", "/orders#fetch"),
    "users list": lambda _: Place("Users", "/users"),
    "tokens create": lambda _: Place("Store tokens", "/tokens"),
}
"""By how the command begins."""


def place_of(command: str) -> Place | None:
    """The page that does what the command does; None where none does."""
    words = command.split()[1:]
    place = _PLACES.get(" ".join(words[:2]))
    if place is None:
        return None
    account = ""
    plain: list[str] = []
    rest = iter(words[2:])
    for word in rest:
        if word == "--account":
            account = next(rest, "")
        elif word.startswith("--"):
            next(rest, "")
        elif word not in _PLACEHOLDERS:
            plain.append(word)
    return place(Said(plain[0] if plain else "", account))


def in_console(text: str) -> Markup:
    """The message as HTML: escaped, its commands as links."""
    parts = _COMMAND.split(text)
    told = Markup()
    for number, part in enumerate(parts):
        if number % 2 == 0:
            told += escape(part.replace("`", ""))
        elif (place := place_of(part)) is not None:
            told += Markup('<a href="{}">{}</a>').format(place.path, place.label)
        else:
            told += Markup("<code>{}</code>").format(part)
    return told
