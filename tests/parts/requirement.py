"""What becomes of a test whose part is missing: skipped, or failed when the part is required."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

VARIABLE = "ORDERBRIDGE_TEST_REQUIRE"
PARTS = frozenset({"kafka", "postgres", "browser", "models", "kcat", "node", "php", "docker", "prometheus"})


class Missing(Exception):
    """A part cannot be had here; the text says how to get it."""


def required_parts() -> frozenset[str]:
    """The parts named in ORDERBRIDGE_TEST_REQUIRE, a comma-separated list.

    Raises pytest.UsageError for a name that is no part: a misspelt requirement would require nothing.
    """
    names = frozenset(name.strip() for name in os.environ.get(VARIABLE, "").split(",")) - {""}
    if unknown := names - PARTS:
        raise pytest.UsageError(f"{VARIABLE}: unknown {', '.join(sorted(unknown))}; known: {', '.join(sorted(PARTS))}")
    return names


def skip_or_fail(part: str, reason: str) -> NoReturn:
    """Skips the running test for want of `part` (one of PARTS); fails it if that part is required."""
    if part in required_parts():
        pytest.fail(f"{part} is required by {VARIABLE}: {reason}", pytrace=False)
    pytest.skip(f"no {part}: {reason}")
