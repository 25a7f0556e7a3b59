"""docs/settings.md lists every setting as the code has it: name, default, how it is written, an example."""

from __future__ import annotations

from typing import Any

from orderbridge.accounts.settings import AccountSettings
from orderbridge.accounts.store_options import words
from schemas.orders import Choice
from tests.unit.docs.documents import table


def rows_as_in_the_code(group: str) -> list[list[str]]:
    """The rows of one of the manual's sections: what the page must say."""
    rows = []
    for field in AccountSettings.model_fields.values():
        more: Any = field.json_schema_extra
        (example,) = field.examples or ("",)
        if more["group"] == group:
            what = f"{field.description} Value: {more['written']}."
            rows.append([str(field.title), f"`{example}`", in_words(field.default), what])
    return rows


def in_words(default: Any) -> str:
    if isinstance(default, Choice):
        return words(default)
    if isinstance(default, bool):
        return "yes" if default else "no"
    return str(default) if default else "none"


GROUPS = {field.json_schema_extra["group"] for field in AccountSettings.model_fields.values()}  # type: ignore[index]  # each has one


def test_every_setting_has_its_line() -> None:
    for group in sorted(map(str, GROUPS)):
        assert table("docs/settings.md", group) == rows_as_in_the_code(group), group
