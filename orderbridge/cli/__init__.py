"""The command line `orderbridge`. Exit status: 0 done, 1 failed, 2 wrong usage."""

from __future__ import annotations

import sys

from rich.console import Console

from orderbridge.cli import accounts, data, events, running
from orderbridge.cli.application import app
from orderbridge.settings import BadSettings

__all__ = ["app", "main"]
for _module in (running, data, accounts, events):
    _module.register(app)


def main() -> None:
    """Run the command line; settings that are missing or wrong end in a sentence, not a traceback."""
    try:
        app()
    except BadSettings as error:
        Console(stderr=True).print(f"[red]Settings:[/red] {error}")
        sys.exit(1)
