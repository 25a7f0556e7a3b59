"""What the shipper has warned of, and a look at every order that awaits shipment: those here have none planned yet."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ORDERS = sa.table("orders", *map(sa.column, ("order_id", "account_id", "fulfilled_by", "amazon_status")))
_MOMENT = sa.DateTime(timezone=True)
_OUTBOX = sa.table(
    "outbox",
    *map(sa.column, ("event_id", "event_type", "topic", "key", "body", "name")),
    sa.column("posted_at", _MOMENT),
    sa.column("due_at", _MOMENT),
)


def upgrade() -> None:
    """The new table, and an event for each order that awaits shipment."""
    op.create_table(
        "shipment_warnings",
        sa.Column("order_id", sa.String(100), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("deadline", _MOMENT, nullable=False),
        sa.Column("told_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("order_id", "reason", name=op.f("pk_shipment_warnings")),
    )
    connection = op.get_bind()
    awaiting = sa.select(_ORDERS.c.order_id, _ORDERS.c.account_id).where(
        _ORDERS.c.fulfilled_by == "merchant", _ORDERS.c.amazon_status.in_(("unshipped", "partially_shipped"))
    )
    now = datetime.now(UTC)
    events = [
        {
            "event_id": str(uuid.uuid4()),
            "event_type": "shipment.check",
            "topic": "shipment.check",
            "key": order.order_id,
            "body": json.dumps({"order_id": order.order_id, "account_id": order.account_id}),
            "name": f"shipment-check:{order.order_id}",
            "posted_at": now,
            "due_at": now,
        }
        for order in connection.execute(awaiting)
    ]
    if events:
        connection.execute(_OUTBOX.insert(), events)


def downgrade() -> None:
    """Without it. A release that does not know `shipment.check` would give up what is planned: it is taken back."""
    unpublished = sa.text("DELETE FROM outbox WHERE topic = 'shipment.check' AND published_at IS NULL")
    op.get_bind().execute(unpublished)
    op.drop_table("shipment_warnings")
