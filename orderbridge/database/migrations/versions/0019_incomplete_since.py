"""What Amazon refuses: since when of the orders, how often of a marketplace; and what is skipped for a program.

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the columns and the table."""
    op.add_column("account_states", sa.Column("incomplete_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("account_states", sa.Column("denied_times", sa.Text(), nullable=True))
    op.create_table(
        "skipped_orders",
        sa.Column("account_id", sa.String(100), nullable=False),
        sa.Column("order_id", sa.String(100), nullable=False),
        sa.Column("programs", sa.Text(), nullable=False),
        sa.Column("skipped_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "order_id", name=op.f("pk_skipped_orders")),
    )
    op.create_index(op.f("ix_skipped_orders_skipped_at"), "skipped_orders", ["skipped_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("skipped_orders")
    op.drop_column("account_states", "denied_times")
    op.drop_column("account_states", "incomplete_since")
