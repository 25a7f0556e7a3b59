"""The moments at which keys die, and the names that keys have from them."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

_NAME_FORMAT = "%Y%m%dT%H%M%SZ"  # ISO 8601 basic form: no colons, which not every file system takes


def key_name(moment: datetime) -> str:
    """The name of the key that dies at `moment`, such as ``20261223T090000Z``. ValueError if not a whole UTC second."""
    if moment.tzinfo is None or moment.microsecond:
        raise ValueError("the moment of a key is a timezone-aware whole second")
    return moment.astimezone(UTC).strftime(_NAME_FORMAT)


def moment_of(name: str) -> datetime:
    """The moment that a key's name says, UTC. Raises ValueError if it is not such a name in its one right form."""
    with contextlib.suppress(ValueError):
        moment = datetime.strptime(name, _NAME_FORMAT).replace(tzinfo=UTC)
        if key_name(moment) == name:
            return moment
    raise ValueError("not the name of a key")
