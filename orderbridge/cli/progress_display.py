"""How far an import is: a bar on a terminal, elsewhere a plain line every ten seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from orderbridge.cli.application import errors
from orderbridge.plural import number_of

_A_LINE_EVERY: Final = 10.0


@contextmanager
def progress_display() -> Iterator[Callable[[dict[str, Any]], None]]:
    """Shows, on standard error, where an open run stands: call it with the run's progress, as the importer keeps it."""
    if errors.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, TextColumn("left:"), TimeRemainingColumn(), console=errors, transient=True) as bar:
            task = bar.add_task("Waiting for the importer", total=None)
            yield lambda run: bar.update(task, description=_told(run), **_share(run))
        return
    said_at = -math.inf

    def say(run: dict[str, Any]) -> None:
        nonlocal said_at
        if monotonic() >= said_at + _A_LINE_EVERY:
            said_at = monotonic()
            errors.print(_told(run), markup=False, highlight=False, soft_wrap=True)

    yield say


def _told(run: dict[str, Any]) -> str:
    """Months by their reports, then the orders that are read one by one; else pages."""
    orders = number_of(run["counts"]["seen"], "order")
    if "spans_total" not in run:
        return f"Importing: {number_of(run['amazon_calls'], 'page')}, {orders} so far"
    fetch = len(run["to_fetch"])
    done = run["spans_total"] - len(run["spans"])
    single = f", {fetch} to be read one by one" if fetch else ""
    return f"Importing: {done} of {number_of(run['spans_total'], 'month')}, {orders}{single}"


def _share(run: dict[str, Any]) -> dict[str, Any]:
    if "spans_total" not in run:
        return {}
    return {"total": run["spans_total"], "completed": run["spans_total"] - len(run["spans"])}
