"""A test that moves a clock moves its module's own, never the one that all threads of the process have."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
OF_ALL_THREADS = re.compile(r"""setattr\(\s*time\b|setattr\(\s*["'][\w.]*\btime\.\w+["']""")
"""An event loop that sets its alarm while a test has put `time.monotonic` back sleeps for hours: a server did."""


def test_no_test_moves_the_clock_of_all_threads() -> None:
    files = [file for file in TESTS.rglob("*.py") if file != Path(__file__)]
    assert [str(file.relative_to(TESTS)) for file in files if OF_ALL_THREADS.search(file.read_text())] == []


def test_it_would_be_seen() -> None:
    for line in ('patch.setattr(time, "monotonic", f)', 'monkeypatch.setattr("orderbridge.bus.time.monotonic", f)'):
        assert OF_ALL_THREADS.search(line)
    assert not OF_ALL_THREADS.search('monkeypatch.setattr("orderbridge.clock.monotonic", f)')
