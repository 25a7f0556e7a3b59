"""What the console's pages of orders, runs and shipments look for: the store's queue, problems, and indexes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_OPEN = sa.text("state <> 'confirmed'")
_PROBLEMS = sa.text("problems > 0")
_INDEXES = {
    "ix_orders_placed": ("orders", ["placed_at", "order_id"]),
    "ix_orders_account_placed": ("orders", ["account_id", "placed_at", "order_id"]),
    "ix_orders_queue": ("orders", ["queue", "placed_at", "order_id"]),
    "ix_orders_amazon_status": ("orders", ["amazon_status", "placed_at", "order_id"]),
    "ix_orders_to_ship": ("orders", ["fulfilled_by", "amazon_status", "ship_by"]),
    "ix_outbox_key": ("outbox", ["key", "position"]),
    "ix_packages_state": ("packages", ["state", "ship_by", "order_id", "package_key"]),
    "ix_packages_confirmed": ("packages", ["confirmed_at", "order_id", "package_key"]),
    "ix_runs_started": ("runs", ["started_at", "run_id"]),
    "ix_run_lines_rank": ("run_lines", ["run_id", "rank", "line_id"]),
}
_REPLACED = {"ix_orders_account_id": ("orders", ["account_id"]), "ix_run_lines_run_id": ("run_lines", ["run_id"])}
_FILL = {
    "sqlite": (
        "UPDATE orders SET queue = coalesce(json_extract(document, '$.store.status.name'), '')",
        "UPDATE runs SET problems = coalesce(json_array_length(coalesce(log, progress), '$.problems'), 0)",
    ),
    "postgresql": (
        "UPDATE orders SET queue = coalesce(document::json -> 'store' -> 'status' ->> 'name', '')",
        "UPDATE runs SET problems = coalesce(json_array_length(coalesce(log, progress)::json -> 'problems'), 0)",
    ),
}


def upgrade() -> None:
    """The columns, filled from the documents, and the indexes."""
    op.add_column("orders", sa.Column("queue", sa.Text(), nullable=False, server_default=""))
    op.add_column("runs", sa.Column("problems", sa.Integer(), nullable=False, server_default="0"))
    for statement in _FILL[op.get_bind().dialect.name]:
        op.execute(statement)
    for name, (table, columns) in _INDEXES.items():
        op.create_index(name, table, columns)
    op.create_index(
        "ix_packages_open",
        "packages",
        ["ship_by", "order_id", "package_key"],
        postgresql_where=_OPEN,
        sqlite_where=_OPEN,
    )
    op.create_index(
        "ix_runs_problems", "runs", ["started_at", "run_id"], postgresql_where=_PROBLEMS, sqlite_where=_PROBLEMS
    )
    for name in _REPLACED:
        op.drop_index(name)


def downgrade() -> None:
    """Without them."""
    for name, (table, columns) in _REPLACED.items():
        op.create_index(name, table, columns)
    for name in ("ix_packages_open", "ix_runs_problems", *_INDEXES):
        op.drop_index(name)
    op.drop_column("runs", "problems")
    op.drop_column("orders", "queue")
