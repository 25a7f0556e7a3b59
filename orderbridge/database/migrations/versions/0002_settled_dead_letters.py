"""What became of a dead letter."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two empty columns: no row is rewritten."""
    op.add_column("outbox", sa.Column("settled_as", sa.String(length=20), nullable=True))
    op.add_column("outbox", sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("outbox", "settled_at")
    op.drop_column("outbox", "settled_as")
