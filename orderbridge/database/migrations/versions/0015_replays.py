"""Sending orders again: an index of when each was last told. The audit log names for whom a seal was opened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The index, and the column."""
    op.create_index("ix_orders_sequence", "orders", ["sequence", "order_id", "account_id", "placed_at"])
    op.add_column("openings", sa.Column("on_behalf_of", sa.String(100)))


def downgrade() -> None:
    """Without them."""
    op.drop_column("openings", "on_behalf_of")
    op.drop_index("ix_orders_sequence")
