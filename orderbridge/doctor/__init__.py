"""Looks an installation over: what is not as it should be, what that means, and what to do.

Each file has one subject. A check looks, and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """What one check found. `what` says how it is and what that means; `what_to_do` is empty where all is well."""

    severity: Severity
    about: str
    what: str
    what_to_do: str = ""


def ok(about: str, what: str) -> Finding:
    """All is well."""
    return Finding("ok", about, what)


def warning(about: str, what: str, what_to_do: str) -> Finding:
    """It works, and should be another way."""
    return Finding("warning", about, what, what_to_do)


def error(about: str, what: str, what_to_do: str) -> Finding:
    """It must be mended."""
    return Finding("error", about, what, what_to_do)
