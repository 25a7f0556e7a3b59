"""The command line, as tests call it (the fixture `command` of tests/contract/cli)."""

from __future__ import annotations

from collections.abc import Callable

from typer.testing import Result

Command = Callable[..., Result]
LIVE = {"api_url": "https://sellingpartnerapi-na.amazon.com", "login_url": "https://api.amazon.com/auth/o2/token"}
"""Where an account is connected at Amazon."""
