"""Which mails are late: the one meaning of it for the metric and the doctor."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_

from orderbridge.database.models import Mail


def late_since(moment: datetime) -> ColumnElement[bool]:
    """The rows of that moment that were due by then or have failed. One that waits for its day is not late."""
    return and_(Mail.ended_at.is_(None), Mail.created_at <= moment, or_(Mail.due_at <= moment, Mail.failures > 0))
