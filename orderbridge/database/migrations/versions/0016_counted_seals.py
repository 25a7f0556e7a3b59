"""What is alive is counted along an index: the overview read 100,000 seals for their number.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_SEALED = sa.text("redacted_at IS NULL AND seal IS NOT NULL")


def upgrade() -> None:
    """Make the index."""
    op.create_index("ix_sealed", "personal_data", ["dies_at"], postgresql_where=_SEALED, sqlite_where=_SEALED)


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_sealed", table_name="personal_data")
