"""docker-compose.yml as its tests read it: the services, their variables filled in with their defaults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[3]


class _Loader(yaml.SafeLoader):
    """Compose's own tags, such as `!reset`, are read as the plain value behind them."""


_Loader.add_multi_constructor("!", lambda loader, _tag, node: loader.construct_sequence(node))
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
YOUR_KAFKA: dict[str, Any] = yaml.load((REPOSITORY / "deploy" / "your-kafka.yml").read_text(), _Loader)  # noqa: S506 - a safe one
WATCHING = {name for name, one in SERVICES.items() if one.get("profiles") == ["observability"]}
FOREIGN = {"kafka", "postgres"} | WATCHING
"""Images that are not ours."""
OURS = {name: one for name, one in SERVICES.items() if name not in FOREIGN}
ONCE = {name for name, one in SERVICES.items() if one["restart"] == "no"}
_VARIABLE = re.compile(r"\$\{([A-Z_]+)")
_DEFAULT = re.compile(r"\$\{[A-Z_]+:-([^${}]*)\}")


def variables(text: str) -> set[str]:
    """The variables that are looked up when the file is read."""
    return set(_VARIABLE.findall(text))


def with_defaults(text: str) -> str:
    """A value as it is where nothing is set."""
    while (filled := _DEFAULT.sub(r"\1", text)) != text:
        text = filled
    return text


def seconds(duration: str) -> int:
    """`90s` is 90."""
    assert duration.endswith("s")
    return int(duration[:-1])
