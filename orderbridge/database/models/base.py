"""What all tables share."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import LargeBinary, MetaData, Text
from sqlalchemy.orm import DeclarativeBase

from orderbridge.database.types import Utc


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: Utc(), str: Text(), bytes: LargeBinary()}
