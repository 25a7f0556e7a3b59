"""Links between documents lead somewhere, and what they name of the repository is there."""

from __future__ import annotations

import re

import pytest

from orderbridge.settings import PREFIX, Settings
from tests.unit.docs.documents import NAMES, REPOSITORY, anchors, inline_code, links, prose

_FOLDERS = ("bench/", "docs/", "orderbridge/", "requirements/", "sandbox/", "schemas/", "services/", "tests/")
_PATH = re.compile(r"[a-z][\w./-]*")
_VARIABLE = re.compile(rf"\b{PREFIX}(?!TEST_)([A-Z_]+[A-Z])\b")


def test_the_readme_is_among_the_documents() -> None:
    assert {"README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/your-store.md"} <= set(NAMES)


def test_links_and_anchors_are_found() -> None:
    assert {"amazons-quotas", "the-way-of-an-order"} <= anchors("docs/architecture.md")
    assert "../schemas/json" in links("docs/your-store.md")  # a link whose text is code


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    wrong = []
    for link in links(name):
        path, _, anchor = link.partition("#")
        target = ((REPOSITORY / name).parent / path).resolve() if path else REPOSITORY / name
        there = target.is_relative_to(REPOSITORY) and target.exists()
        if not there or (anchor and anchor not in anchors(str(target.relative_to(REPOSITORY)))):
            wrong.append(link)
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_named_exist(name: str) -> None:
    named = {code for code in inline_code(name) if code.startswith(_FOLDERS) and _PATH.fullmatch(code)}
    assert sorted(path for path in named if not (REPOSITORY / path).exists()) == []


@pytest.mark.parametrize("name", NAMES)
def test_variables_that_are_named_exist(name: str) -> None:
    named = set(_VARIABLE.findall(prose(name)))
    assert sorted(variable for variable in named if variable.lower() not in Settings.model_fields) == []
