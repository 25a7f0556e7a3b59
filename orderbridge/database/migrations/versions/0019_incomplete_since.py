"""Since when an account's orders were read without something that Amazon refused.

Revision ID: 0019
Revises: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the column."""
    op.add_column("account_states", sa.Column("incomplete_since", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("account_states", "incomplete_since")
