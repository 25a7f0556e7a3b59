"""Tokens of the API, and the audit log of what was opened, which nobody may change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_KEPT = "A line of the audit log is never changed, and stays for 12 months."
_SQLITE = (
    f"CREATE TRIGGER openings_unchanged BEFORE UPDATE ON openings BEGIN SELECT RAISE(ABORT, '{_KEPT}'); END",
    "CREATE TRIGGER openings_kept BEFORE DELETE ON openings WHEN julianday(OLD.asked_at) > julianday('now') - 365 "
    f"BEGIN SELECT RAISE(ABORT, '{_KEPT}'); END",
)
_POSTGRESQL = (
    f"""CREATE FUNCTION openings_kept() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND OLD.asked_at <= now() - interval '365 days' THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION '{_KEPT}';
    END $$""",
    "CREATE TRIGGER openings_kept BEFORE UPDATE OR DELETE ON openings FOR EACH ROW EXECUTE FUNCTION openings_kept()",
    "CREATE TRIGGER openings_not_emptied BEFORE TRUNCATE ON openings EXECUTE FUNCTION openings_kept()",
)


def upgrade() -> None:
    """The two tables, and what keeps the log as it was written."""
    op.create_table(
        "api_tokens",
        sa.Column("token_id", sa.String(40), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("accounts", sa.Text(), nullable=True),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("revoked_at", _MOMENT, nullable=True),
        sa.Column("last_used_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_api_tokens_secret_hash")),
    )
    op.create_table(
        "openings",
        sa.Column("opening_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, nullable=False),
        sa.Column("asked_at", _MOMENT, nullable=False),
        sa.Column("token_id", sa.String(40), nullable=False),
        sa.Column("token_name", sa.String(100), nullable=False),
        sa.Column("order_id", sa.String(100), nullable=True),
        sa.Column("account_id", sa.String(100), nullable=True),
        sa.Column("purpose", sa.String(40), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(40), nullable=True),
        sa.PrimaryKeyConstraint("opening_id", name=op.f("pk_openings")),
    )
    op.create_index("ix_openings_order_id", "openings", ["order_id"])
    op.create_index("ix_openings_asked_at", "openings", ["asked_at"])
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _SQLITE if sqlite else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    """Without them."""
    op.drop_table("openings")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION openings_kept()")
    op.drop_table("api_tokens")
