"""Packages that are held until somebody decides."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A column that says why."""
    op.add_column("packages", sa.Column("held_for", sa.String(40), nullable=True))


def downgrade() -> None:
    """Held packages wait again."""
    op.execute("UPDATE packages SET state = 'waiting' WHERE state = 'held'")
    op.drop_column("packages", "held_for")
