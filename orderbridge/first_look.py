"""Where to look first, for whoever has just started a house on one machine: its pages, and what is to be seen there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def first_look(addresses: Mapping[str, Any], owner_link: str | None) -> str:
    """The links to the console, the store and the sandbox, as far as they are there, with what to look at first.

    `owner_link` makes whoever opens it the console's first owner; None once it has one.
    """
    owner = "It makes you its owner, once. " if owner_link else ""
    pages = {
        "The console": (owner_link or addresses["console"], f"{owner}First: Overview, then Orders."),
        "The store": (addresses["storefront"], "First: an order. Its buyer is opened there, its packages are sent."),
        "Its Amazon": (addresses.get("sandbox"), "First: /_sandbox/books, what it was told, order by order."),
    }
    lines = ["Where to look:"]
    for name, (url, words) in pages.items():
        if url is not None:
            lines += [f"  {name:<13}{url}", f"  {'':<13}{words}"]
    return "\n".join(lines)
