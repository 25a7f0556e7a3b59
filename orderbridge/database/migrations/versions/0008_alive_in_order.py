"""Those whose personal data is alive, in the order of their moments and their numbers: a key's are taken in batches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ALIVE = sa.text("redacted_at IS NULL")


def _index(*columns: str) -> None:
    op.drop_index("ix_alive", table_name="personal_data")
    op.create_index("ix_alive", "personal_data", [*columns], postgresql_where=_ALIVE, sqlite_where=_ALIVE)


def upgrade() -> None:
    """With the orders' numbers."""
    _index("dies_at", "order_id")


def downgrade() -> None:
    """By the moment alone."""
    _index("dies_at")
