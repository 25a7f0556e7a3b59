"""The command line `orderbridge`. Exit status: 0 done, 1 failed, 2 wrong usage."""

from __future__ import annotations

import sys

import structlog

# A command registers itself when its module is imported.
from orderbridge.cli import (
    account_settings,
    accounts,
    carriers,
    data,
    dead_letters,
    doctor,
    events,
    imports,
    key_rotation,
    late_orders,
    mail,
    notifications,
    openings,
    order_list,
    orders,
    privacy,
    recover,
    redaction,
    replaying,
    resealing,
    running,
    runs,
    shipments,
    tokens,
    topics,
    users,
    where_is,
)
from orderbridge.cli.application import app

__all__ = [
    "account_settings",
    "accounts",
    "app",
    "carriers",
    "data",
    "dead_letters",
    "doctor",
    "events",
    "imports",
    "key_rotation",
    "late_orders",
    "mail",
    "main",
    "notifications",
    "openings",
    "order_list",
    "orders",
    "privacy",
    "recover",
    "redaction",
    "replaying",
    "resealing",
    "running",
    "runs",
    "shipments",
    "tokens",
    "topics",
    "users",
    "where_is",
]


def main() -> None:
    """Run the command line. Standard output is for what a command prints; what is logged goes to standard error."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    app()
