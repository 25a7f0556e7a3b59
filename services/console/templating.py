"""Makes pages of templates. Whatever is put into one is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from services.console.commands import in_console

_environment = Environment(
    loader=PackageLoader("services.console"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, context: Mapping[str, Any]) -> str:
    """The page as HTML."""
    return _environment.get_template(template).render(context)


def _moment(value: datetime | None, without: str = "never") -> str:
    return without if value is None else f"{value:%Y-%m-%d %H:%M} UTC"


_environment.filters["moment"] = _moment
_environment.filters["segment"] = lambda text: quote(text, safe="")
_environment.filters["prose"] = in_console
