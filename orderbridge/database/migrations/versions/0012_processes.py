"""Which processes run, as they tell of themselves; and dead letters are found without a look at all events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0009"
branch_labels = None
depends_on = None

_LETTER = sa.text("replace(topic, '.dead-letter', '') <> topic")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """The table and the index."""
    op.create_table(
        "processes",
        sa.Column("process_id", sa.String(36), nullable=False),
        sa.Column("service", sa.String(40), nullable=False),
        sa.Column("instance", sa.String(200), nullable=False),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("seen_at", _MOMENT, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("waiting_for", sa.String(200), nullable=True),
        sa.Column("lag", sa.BigInteger(), nullable=True),
        sa.Column("handled", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("process_id", name=op.f("pk_processes")),
    )
    op.create_index("ix_outbox_dead_letters", "outbox", ["position"], postgresql_where=_LETTER, sqlite_where=_LETTER)


def downgrade() -> None:
    """Without them."""
    op.drop_index("ix_outbox_dead_letters", table_name="outbox")
    op.drop_table("processes")
