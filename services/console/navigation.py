"""The entries of the menu, in their order, and who sees each."""

from __future__ import annotations

from typing import Final, NamedTuple

from orderbridge.access.users import Role


class Entry(NamedTuple):
    """A line of the menu."""

    label: str
    path: str
    role: Role


NAVIGATION: Final = (
    Entry("Overview", "/", "viewer"),
    Entry("Orders", "/orders", "viewer"),
    Entry("Shipments", "/shipments", "viewer"),
    Entry("Runs", "/runs", "viewer"),
    Entry("Dead letters", "/dead-letters", "viewer"),
    Entry("Accounts", "/accounts", "viewer"),
    Entry("Store tokens", "/tokens", "operator"),
    Entry("Users", "/users", "owner"),
)
