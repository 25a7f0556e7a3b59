"""A one-time link and a token of the API name the user of the console who made them.

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the columns."""
    op.add_column("console_links", sa.Column("made_by", sa.String(60), nullable=True))
    op.add_column("api_tokens", sa.Column("made_by", sa.String(60), nullable=True))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("api_tokens", "made_by")
    op.drop_column("console_links", "made_by")
