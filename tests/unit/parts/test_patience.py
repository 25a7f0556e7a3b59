"""What is slow is not given up."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.parts import patience
from tests.parts.process import wait_until


def item(file: str, seconds: float | None = None) -> Any:
    """A collected test, as far as it is looked at."""
    marks = [] if seconds is None else [pytest.mark.timeout(seconds).mark]
    return SimpleNamespace(
        path=Path(file),
        marks=marks,
        get_closest_marker=lambda _name: marks[0] if marks else None,
        add_marker=lambda mark, append: marks.insert(0, mark.mark),
    )


def test_each_test_has_so_much_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE", 3.0)
    items = [item("a"), item("b", 600)]
    patience.be_patient(items, 120)
    assert [patience.limit_of(one, 0) for one in items] == [360, 1800]


def test_without_patience_the_command_line_has_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE", 1.0)
    quick = item("a", 600)
    patience.be_patient([quick], 120)
    assert len(quick.marks) == 1


def test_a_wait_is_longer_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.parts.process.PATIENCE", 2.0)
    with pytest.raises(TimeoutError, match="the moon: not within 2 s"):
        wait_until(lambda: False, seconds=0.8, what="the moon")


def test_whoever_shares_the_files_begins_with_the_longest() -> None:
    items = [item("a"), item("b"), item("b", 600), item("b"), item("c", 20), item("d", 240)]
    ordered = list(items)
    patience.longest_files_first(ordered, 120)
    assert ordered == [*items[1:4], items[5], items[0], items[4]]
