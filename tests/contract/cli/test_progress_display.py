"""How far an import is, on a terminal and off it."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from orderbridge.cli import progress_display

HISTORY: dict[str, Any] = {"counts": {"seen": 1}, "spans_total": 12, "spans": [1, 2, 3], "to_fetch": ["114-…"]}
SEARCH: dict[str, Any] = {"counts": {"seen": 100}, "amazon_calls": 1}


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize(
    ("run", "told"),
    [
        (HISTORY, "Importing: 9 of 12 months, 1 order, 1 to be read one by one"),
        (SEARCH, "Importing: 1 page, 100 orders so far"),
    ],
)
def test_it_says_how_far_a_run_is(
    monkeypatch: pytest.MonkeyPatch, run: dict[str, Any], told: str, terminal: bool
) -> None:
    out = StringIO()
    monkeypatch.setattr(progress_display, "errors", Console(file=out, force_terminal=terminal, width=200))
    with progress_display.progress_display() as display:
        display(run)
    assert told in out.getvalue()


def test_off_a_terminal_it_is_a_line_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    out, at = StringIO(), [0.0]
    monkeypatch.setattr(progress_display, "errors", Console(file=out, force_terminal=False, width=200))
    monkeypatch.setattr(progress_display, "monotonic", lambda: at[0])
    with progress_display.progress_display() as display:
        for second in range(21):
            at[0] = float(second)
            display({**SEARCH, "amazon_calls": second})
    assert [line.split()[1] for line in out.getvalue().splitlines()] == ["0", "10", "20"]
