"""How much PostgreSQL looks at for a query: pages of 8 kB, in memory or not. Exact, unlike a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

_EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "


@contextmanager
def pages_read(engine: Engine, begins_with: str) -> Iterator[list[int]]:
    """The pages that each query looks at that begins so, as it is sent; each is done twice."""
    pages: list[int] = []

    def look(connection: Connection, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(begins_with):
            cursor = connection.connection.cursor()
            cursor.execute(_EXPLAIN + statement, parameters)
            (explained,) = cursor.fetchone() or ([],)
            pages.append(explained[0]["Plan"]["Shared Hit Blocks"] + explained[0]["Plan"]["Shared Read Blocks"])

    event.listen(engine, "before_cursor_execute", look)
    try:
        yield pages
    finally:
        event.remove(engine, "before_cursor_execute", look)
