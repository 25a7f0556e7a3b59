"""Numbers of things in sentences."""

from __future__ import annotations


def number_of(count: int, thing: str) -> str:
    """`1 order`, `2 orders`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
