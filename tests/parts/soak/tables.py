"""Every table, by what keeps it from growing for ever, or by what it grows with."""

from __future__ import annotations

PRUNED = frozenset(
    {
        "attempts",
        "consent_requests",
        "console_links",
        "console_sessions",
        "handler_failures",
        "inbox",
        "login_failures",
        "mails",
        "openings",
        "outbox",
        "processes",
        "run_lines",
        "runs",
        "skipped_orders",
        "slots",
        "unknown_orders",
    }
)
"""By the ticker, once they are old (`services/ticker/prune.py`)."""
WITH_ORDERS = frozenset({"orders", "packages", "personal_data", "shipment_warnings", "store_order_numbers"})
"""Nothing takes their rows away: so many an order, by design. `personal_data` keeps a row without a seal."""
OF_THE_INSTALLATION = frozenset(
    {
        "access_tokens",
        "account_states",
        "accounts",
        "alembic_version",
        "api_tokens",
        "attentions",
        "console_users",
        "leases",
        "quotas",
        "service_states",
        "store_options",
        "subscriptions",
        "unmapped_words",
    }
)
"""As many as there are accounts, services, users, operations of Amazon's or words of its."""

KEPT_FOR_A_YEAR = "openings"
"""The audit log: in a soak it only grows, since a trigger refuses to give up a younger row."""
PUBLISHED, WAITING = "outbox, published", "outbox, waiting"
"""What waits for its date does so for days, as long as its order or key does: it grows with the orders."""
AT_REST = (PRUNED | OF_THE_INSTALLATION) - {"outbox", KEPT_FOR_A_YEAR} | {PUBLISHED}
IN_PROPORTION = WITH_ORDERS - {"orders"} | {WAITING, KEPT_FOR_A_YEAR}
"""To `orders`."""
