"""The index by day of death holds only what is alive: whatever was redacted would make it grow for ever."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ALIVE = sa.text("redacted_at IS NULL")


def upgrade() -> None:
    """One index for another."""
    op.drop_index("ix_personal_data_dies_at", table_name="personal_data")
    op.create_index("ix_alive", "personal_data", ["dies_at"], postgresql_where=_ALIVE, sqlite_where=_ALIVE)


def downgrade() -> None:
    """The whole one again."""
    op.drop_index("ix_alive", table_name="personal_data")
    op.create_index("ix_personal_data_dies_at", "personal_data", ["dies_at"])
