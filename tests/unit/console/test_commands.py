"""Commands that messages tell of are links in the console, to the page that does the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from orderbridge.cli import app
from services.console.commands import in_console, place_of

REPOSITORY = Path(__file__).parents[3]
_COMMAND = re.compile(r"(`?)(orderbridge ([a-z-]+)[^`]*)")
_TYPED_ALONE = (
    "carriers",
    "doctor",
    "events",
    "import --account",
    "import --from",
    "init",
    "notifications",
    "privacy",
    "resume",
    "run",
    "topics",
    "up",
    "users create-link",
    "users unlock",
)
"""What no page does, or what is told to somebody who cannot sign in."""


@pytest.mark.parametrize(
    ("command", "label", "path"),
    [
        ("accounts connect main", "Connect main", "/connect?account=main"),
        ("accounts connect a&b --client-id x --secret-expires DATE", "Connect a&amp;b", "/connect?account=a%26b"),
        ("settings set main enabled=true", "Settings of main", "/accounts/main/settings"),
        ("mail test --account main", "Send a test mail", "/accounts/main/settings#test-mail"),
        ("shipments retry", "Send again", "/shipments"),
        ("shipments retry --account main", "Send again", "/shipments"),
        ("shipments retry 114-1", "Send again", "/orders/114-1"),
        ("import --order 114-1", "Fetch from Amazon", "/orders/114-1"),
        ("import --order NUMBER", "Fetch from Amazon", "/orders#fetch"),
        ("accounts disconnect ../x", "Disconnect Store", "/accounts/..%2Fx/disconnect"),
    ],
)
def test_a_command_is_a_link(command: str, label: str, path: str) -> None:
    told = in_console(f"First `orderbridge {command}`, then rest.")
    assert told == f'First <a href="{path}">{label}</a>, then rest.'


def test_what_no_page_does_stays_a_command() -> None:
    assert in_console("`orderbridge doctor` tells; `x`") == "<code>orderbridge doctor</code> tells; x"


@pytest.mark.parametrize("text", ['"><script>', '`orderbridge settings set "><script>`', "`orderbridge <b>`", "`<b>"])
def test_nothing_of_the_text_is_html(text: str) -> None:
    told = in_console(text)
    assert "<script" not in told
    assert "<b>" not in told
    assert '""' not in told


def _texts() -> Iterator[tuple[str, str]]:
    """Every string that may come to a page, with its file; not docstrings, nor what only a terminal sees."""
    for folder in ("orderbridge", "services"):
        for file in sorted((REPOSITORY / folder).rglob("*.py")):
            if {"cli", "demo", "doctor"} & set(file.parts):
                continue
            tree = ast.parse(file.read_text())
            inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
            told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if id(node) in inside or id(node) in told:
                    continue
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield str(file.relative_to(REPOSITORY)), node.value
                elif isinstance(node, ast.JoinedStr):
                    parts = [str(one.value) if isinstance(one, ast.Constant) else "x" for one in node.values]
                    yield str(file.relative_to(REPOSITORY)), "".join(parts)


def test_every_command_in_a_message_has_its_page_or_none_does_it() -> None:
    known = typer.main.get_command(app)
    assert isinstance(known, TyperGroup)
    seen = 0
    for file, text in _texts():
        for tick, command, first in _COMMAND.findall(text):
            if first not in known.commands or text == command:
                continue  # a program's name, no message
            seen += 1
            assert tick, f"{file}: without backticks the console cannot tell {command!r} from words"
            alone = any(command.startswith(f"orderbridge {one}") for one in _TYPED_ALONE)
            assert alone is (place_of(command) is None), f"{file}: {command}"
    assert seen > 40
