"""What the import needs: its runs and their lines, the store's options, attentions, shared tokens, subscriptions.

An import that is open while this runs is dropped with its window: the cursor has not moved, so that its span is read
again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OPEN = sa.text("finished_at IS NULL")


def upgrade() -> None:
    """New columns and tables."""
    for name in ("authorized_at", "secret_expires_at"):
        op.add_column("accounts", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    for name in ("imported_from", "read_again_from", "first_run_at", "reconciled_at"):
        op.add_column("account_states", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("account_states", sa.Column("denied_marketplaces", sa.Text(), nullable=True))
    # Who has imported before is past "Import Orders From": it can no longer be changed.
    op.execute("UPDATE account_states SET first_run_at = cursor WHERE cursor IS NOT NULL")
    op.drop_column("account_states", "window")
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(100), nullable=False),
        sa.Column("account_id", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("progress", sa.Text(), nullable=False),
        sa.Column("log", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runs")),
    )
    op.create_index(
        "uq_open_run", "runs", ["account_id", "kind"], unique=True, postgresql_where=_OPEN, sqlite_where=_OPEN
    )
    op.create_index("ix_runs_account", "runs", ["account_id", "started_at"])
    op.create_index(op.f("ix_runs_finished_at"), "runs", ["finished_at"])
    op.create_table(
        "run_lines",
        sa.Column("line_id", _COUNTER, autoincrement=True, nullable=False),
        sa.Column("run_id", sa.String(100), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("line_id", name=op.f("pk_run_lines")),
    )
    op.create_index(op.f("ix_run_lines_run_id"), "run_lines", ["run_id"])
    op.create_table(
        "unmapped_words",
        sa.Column("account_id", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("word", sa.String(200), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_order_id", sa.String(100), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "kind", "word", name=op.f("pk_unmapped_words")),
    )
    op.create_table(
        "store_options",
        sa.Column("account_id", sa.String(100), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_store_options")),
    )
    op.create_table(
        "attentions",
        sa.Column("account_id", sa.String(100), nullable=False),
        sa.Column("trouble", sa.String(60), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("what_to_do", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "trouble", name=op.f("pk_attentions")),
    )
    op.create_table(
        "access_tokens",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("renew_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_access_tokens")),
    )
    op.create_table(
        "subscriptions",
        sa.Column("account_id", sa.String(100), nullable=False),
        sa.Column("queue_url", sa.Text(), nullable=False),
        sa.Column("destination_id", sa.Text(), nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_subscriptions")),
    )


def downgrade() -> None:
    """Without them. Open runs are read again from their cursors."""
    for table in ("subscriptions", "access_tokens", "attentions", "store_options", "unmapped_words"):
        op.drop_table(table)
    op.drop_table("run_lines")
    op.drop_table("runs")
    op.add_column("account_states", sa.Column("window", sa.Text(), nullable=True))
    for name in ("imported_from", "read_again_from", "first_run_at", "reconciled_at", "denied_marketplaces"):
        op.drop_column("account_states", name)
    for name in ("authorized_at", "secret_expires_at"):
        op.drop_column("accounts", name)
