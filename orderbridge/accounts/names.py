"""What a new account may be called: its name stands in addresses, commands and file names."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
WRONG_NAME: Final = (
    "An account's name has 1 to 40 letters, digits, dots, dashes or underscores, and begins with a letter or a digit: "
    "main, for instance."
)


def may_be_called(account_id: str) -> bool:
    """Whether a new account may have this name; if not, `WRONG_NAME` is for people."""
    return _NAME.fullmatch(account_id) is not None
