"""How much longer than on a quiet machine the tests wait, and run, before they are given up.

A bound is there for what hangs. What is only slow, since the machine is small or has much else to do, must not fail:
`make test`, which runs several tests at once, is more patient than `pytest` is with one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

VARIABLE: Final = "ORDERBRIDGE_TEST_PATIENCE"
PATIENCE: Final = float(os.environ.get(VARIABLE) or 1)


def be_patient(items: list[pytest.Item], default: float) -> None:
    """Multiplies the time that each test may take, in seconds: its mark's, or the `default`."""
    for item in items if PATIENCE != 1 else []:
        seconds = limit_of(item, default)
        item.add_marker(pytest.mark.timeout(seconds * PATIENCE), append=False)


def longest_files_first(items: list[pytest.Item], default: float) -> None:
    """Orders the files by the longest time that a test in each may take, and leaves each file's tests as they are.

    Where several processes share the files, none is left alone in the end with one that takes minutes.
    """
    longest: dict[Path, float] = {}
    for item in items:
        longest[item.path] = max(limit_of(item, default), longest.get(item.path, 0))
    items.sort(key=lambda item: -longest[item.path])


def limit_of(item: pytest.Item, default: float) -> float:
    """The seconds of a test's `timeout` mark, which is closest to it, or the `default`."""
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark else default
