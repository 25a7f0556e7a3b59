"""An exception that nobody caught is logged by its type and places, in both formats; its text might quote an input."""

from __future__ import annotations

import subprocess
import sys

import pytest

SECRET = "Wilhelmina"
_PROGRAM = """
import sys, threading
from orderbridge.settings import load_settings
from orderbridge.telemetry import configure_logging
configure_logging(load_settings(log_format=sys.argv[1], log_level="debug"), "importer")

def crash():
    try:
        raise ValueError("the buyer is Wilhelmina")
    except ValueError as error:
        raise RuntimeError("Wilhelmina again") from error

if sys.argv[2] == "thread":
    thread = threading.Thread(target=crash)
    thread.start()
    thread.join()
else:
    crash()
"""


@pytest.mark.parametrize("log_format", ["console", "json"])
@pytest.mark.parametrize(("where", "status"), [("main", 1), ("thread", 0)])
def test_a_crash_is_told_without_its_text(log_format: str, where: str, status: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, log_format, where], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == status
    assert done.stdout == ""
    assert "crashed" in done.stderr
    assert "importer" in done.stderr
    assert "builtins.RuntimeError at " in done.stderr
    assert "caused by builtins.ValueError at __main__:" in done.stderr
    assert SECRET not in done.stderr
