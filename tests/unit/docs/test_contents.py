"""What the documents list is what there is: dependencies, commands, events, tables, decisions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.core import TyperGroup

from orderbridge.accounts.attentions import TROUBLES
from orderbridge.cli import app
from orderbridge.database.models import Base
from orderbridge.service import services
from schemas.events import EVENTS
from tests.unit.docs.documents import NAMES, REPOSITORY, inline_code, shell_lines, table

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
DECISIONS = sorted((REPOSITORY / "docs" / "decisions").glob("*.md"))
WITH_COMMANDS = ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/your-store.md", "docs/scaling.md"]


def command_lines(name: str, program: str) -> list[list[str]]:
    """The arguments with which a document calls a program, in its shell blocks and in its text."""
    lines = [line.split("| ")[-1] for line in shell_lines(name)] + inline_code(name)
    return [line.split()[1:] for line in lines if line.split()[:1] == [program]]


@pytest.mark.parametrize(
    ("heading", "declared"),
    [
        ("To run it", PROJECT["dependencies"]),
        ("To develop it", PROJECT["optional-dependencies"]["dev"]),
    ],
)
def test_every_dependency_has_its_line(heading: str, declared: list[str]) -> None:
    rows = table("docs/dependencies.md", heading)
    assert [row[0].strip("`") for row in rows] == [canonicalize_name(Requirement(text).name) for text in declared]
    assert all(cell for row in rows for cell in row)


@pytest.mark.parametrize("name", WITH_COMMANDS)
def test_make_targets_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", (REPOSITORY / "Makefile").read_text(), re.M))
    named = {arguments[0] for arguments in command_lines(name, "make") if arguments}
    assert sorted(named - targets) == []


@pytest.mark.parametrize("name", NAMES)
def test_commands_exist(name: str) -> None:
    for arguments in command_lines(name, "orderbridge"):
        at: object = typer.main.get_command(app)
        for number, argument in enumerate(arguments):
            if not isinstance(at, TyperGroup):
                break
            assert argument in at.commands, f"orderbridge {' '.join(arguments[: number + 1])}"
            at = at.commands[argument]
        if arguments[:1] == ["run"] and arguments[1] != "SERVICE":
            assert arguments[1] in services()


def test_the_readme_names_commands() -> None:
    assert ["demo"] in command_lines("README.md", "make")
    assert ["run", "shipper"] in command_lines("README.md", "orderbridge")


def test_every_event_has_its_line() -> None:
    rows = {row[0].strip("`").replace("<service>", "{service}"): row for row in table("docs/architecture.md", "Events")}
    assert sorted(rows) == sorted(EVENTS)
    for name, event in EVENTS.items():
        if not name.startswith("{service}"):
            assert rows[name][1:3] == [", ".join(event.sent_by), ", ".join(event.read_by)], name


def test_every_table_has_its_line() -> None:
    rows = [row[0].strip("`") for row in table("docs/architecture.md", "Tables")]
    assert sorted(rows) == sorted(Base.metadata.tables)


def test_every_trouble_has_its_line() -> None:
    rows = table("docs/connecting.md", "Troubles")
    assert [row[0].strip("`") for row in rows] == list(TROUBLES)


def test_every_folder_of_the_map_is_there_and_none_is_missing() -> None:
    named = {row[0].strip("`/") for row in table("README.md", "Map of the repository")}
    packages = {path.parent.name for path in REPOSITORY.glob("*/__init__.py")} - {"tests"}
    below = {f"orderbridge/{path.parent.name}" for path in (REPOSITORY / "orderbridge").glob("*/__init__.py")}
    assert packages | below <= named
    assert sorted(path for path in named if not (REPOSITORY / path).is_dir()) == []


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_its_parts(path: Path) -> None:
    text = path.read_text()
    assert text.startswith(f"# {int(path.name[:4])}. ")
    assert re.findall(r"^## (.+)$", text, re.M) == ["Context", "Decision", "Cost"]
