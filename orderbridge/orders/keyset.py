"""Paging by keys: a page goes on behind the last row of the former, and no row is counted or skipped over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, literal, tuple_
from sqlalchemy.orm import InstrumentedAttribute

Columns = Sequence[InstrumentedAttribute[Any]]


def above(columns: Columns, place: Sequence[object]) -> ColumnElement[bool]:
    """Rows whose columns, compared one after the other, lie above the place."""
    return tuple_(*columns) > _typed(columns, place)


def below(columns: Columns, place: Sequence[object]) -> ColumnElement[bool]:
    """Rows whose columns, compared one after the other, lie below the place."""
    return tuple_(*columns) < _typed(columns, place)


def _typed(columns: Columns, place: Sequence[object]) -> ColumnElement[Any]:
    """Each value as its column keeps it: SQLite's moments are text, which would compare otherwise."""
    return tuple_(*(literal(value, column.type) for column, value in zip(columns, place, strict=True)))
