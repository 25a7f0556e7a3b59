"""The documents of this repository, as its tests read them: links, anchors, code, tables."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
DOCUMENTS = (*sorted(REPOSITORY.glob("*.md")), *sorted((REPOSITORY / "docs").rglob("*.md")))
NAMES = [str(document.relative_to(REPOSITORY)) for document in DOCUMENTS]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.M)


def prose(name: str) -> str:
    """A document without its fenced code."""
    return _FENCE.sub("", (REPOSITORY / name).read_text())


def links(name: str) -> list[str]:
    """Where a document's links lead, those to other hosts left out."""
    found: list[str] = _LINK.findall(_CODE.sub("code", prose(name)))
    return [link for link in found if not link.startswith(("http://", "https://", "mailto:"))]


def anchors(name: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    made: list[str] = []
    for heading in _HEADING.findall(prose(name)):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        repeated = made.count(slug)
        made.append(slug)
        if repeated:
            made.append(f"{slug}-{repeated}")
    return set(made)


def inline_code(name: str) -> list[str]:
    """What stands between backticks."""
    return _CODE.findall(prose(name))


def shell_lines(name: str) -> list[str]:
    """The lines of a document's shell blocks, without their comments."""
    blocks = [text for language, text in _FENCE.findall((REPOSITORY / name).read_text()) if language == "sh"]
    return [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


def table(name: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, its own head left out."""
    section = (REPOSITORY / name).read_text().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]
