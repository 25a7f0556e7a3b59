"""What is mailed to sellers, a row for each event and address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0010"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """The new table."""
    op.create_table(
        "mails",
        sa.Column("event_id", sa.String(300), nullable=False),
        sa.Column("recipient", sa.String(320), nullable=False),
        sa.Column("account_id", sa.String(100), nullable=False),
        sa.Column("letter_id", sa.String(40), nullable=False),
        sa.Column("about", sa.String(160), nullable=False),
        sa.Column("event_type", sa.String(60), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("due_at", _MOMENT, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.String(40), nullable=True),
        sa.Column("claimed_until", _MOMENT, nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("ended_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("event_id", "recipient", name=op.f("pk_mails")),
    )
    for column in ("account_id", "letter_id", "ended_at"):
        op.create_index(op.f(f"ix_mails_{column}"), "mails", [column])


def downgrade() -> None:
    """Without it. A release that does not know the reporter's events would never read what is planned: it goes."""
    unpublished = sa.text(
        "DELETE FROM outbox WHERE topic IN ('mail.due', 'reporter.retry', 'reporter.dead-letter') "
        "AND published_at IS NULL"
    )
    op.get_bind().execute(unpublished)
    op.drop_table("mails")
