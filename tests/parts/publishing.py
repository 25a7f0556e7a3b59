"""A `publish` for the relay that tests can let fail, and what it was given."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from orderbridge.bus.publisher import Outgoing


class FakeBroker:
    """Takes messages, but none of a key in `refused`; `before` is called with each wave."""

    def __init__(self) -> None:
        self.taken: list[Outgoing] = []
        self.waves: list[list[str]] = []
        self.refused: set[str] = set()
        self.before: Callable[[list[Outgoing]], object] = lambda wave: None

    def publish(self, messages: Iterable[Outgoing]) -> dict[str, Exception | None]:
        """Like `Publisher.publish`."""
        wave = list(messages)
        self.waves.append([message.key for message in wave])
        self.before(wave)
        self.taken += [message for message in wave if message.key not in self.refused]
        return {message.name: ValueError() if message.key in self.refused else None for message in wave}

    def ids(self, key: str | None = None) -> list[str]:
        """The ids of what it took, of one key or all."""
        return [message.name for message in self.taken if key in (None, message.key)]


def first_appearances(ids: Iterable[str]) -> list[str]:
    """Without the repetitions."""
    return list(dict.fromkeys(ids))
