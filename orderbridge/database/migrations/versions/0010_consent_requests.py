"""Sellers on their way through Seller Central's consent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0012"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """The table."""
    op.create_table(
        "consent_requests",
        sa.Column("state_hash", sa.String(64), nullable=False),
        sa.Column("session_hash", sa.String(64), nullable=False),
        sa.Column("account_id", sa.String(100), nullable=False),
        sa.Column("marketplace_id", sa.String(40), nullable=False),
        sa.Column("asked_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("used_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_consent_requests")),
    )


def downgrade() -> None:
    """Without it."""
    op.drop_table("consent_requests")
