"""Small things the sandbox remembers by kind and id (reports, destinations, subscriptions), and documents in parts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sandbox.database import Database

_TABLES = """
CREATE TABLE IF NOT EXISTS records (
    ordinal INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, owner TEXT NOT NULL, content TEXT NOT NULL,
    UNIQUE (kind, id));
CREATE TABLE IF NOT EXISTS document_parts (
    document_id TEXT NOT NULL, part INTEGER NOT NULL, content BLOB NOT NULL, PRIMARY KEY (document_id, part));
"""


class Records:
    """JSON objects by kind and id, each with an owner (an account, a client id), in the order in which they came."""

    def __init__(self, database: Database) -> None:
        self._connection = database.connection
        self._connection.executescript(_TABLES)

    def save(self, kind: str, record_id: str, owner: str, content: dict[str, Any]) -> None:
        """Insert or replace."""
        self._connection.execute(
            "INSERT INTO records (kind, id, owner, content) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET owner = excluded.owner, content = excluded.content",
            (kind, record_id, owner, json.dumps(content)),
        )

    def find(self, kind: str, record_id: str, owner: str | None = None) -> dict[str, Any] | None:
        """The object, or None; with `owner`, only if it is his."""
        row = self._connection.execute(
            "SELECT content FROM records WHERE kind = ? AND id = ? AND owner = coalesce(?, owner)",
            (kind, record_id, owner),
        ).fetchone()
        return json.loads(row[0]) if row else None

    def all(self, kind: str, owner: str | None = None) -> list[dict[str, Any]]:
        """All of a kind, or those of one owner, oldest first."""
        rows = self._connection.execute(
            "SELECT content FROM records WHERE kind = ? AND owner = coalesce(?, owner) ORDER BY ordinal", (kind, owner)
        )
        return [json.loads(row[0]) for row in rows]

    def delete(self, kind: str, record_id: str) -> None:
        self._connection.execute("DELETE FROM records WHERE kind = ? AND id = ?", (kind, record_id))

    def next_number(self) -> int:
        """A number that no record has had since the last one was saved."""
        row = self._connection.execute("SELECT coalesce(max(ordinal), 0) + 1 FROM records").fetchone()
        return int(row[0])

    def save_document(self, document_id: str, parts: Iterable[bytes]) -> None:
        """Store a document as its parts come."""
        self._connection.executemany(
            "INSERT INTO document_parts VALUES (?, ?, ?)",
            ((document_id, number, part) for number, part in enumerate(parts)),
        )

    def document(self, document_id: str) -> Iterator[bytes]:
        """The parts of a document, each read when it is taken."""
        number = 0
        while row := self._connection.execute(
            "SELECT content FROM document_parts WHERE document_id = ? AND part = ?", (document_id, number)
        ).fetchone():
            yield row[0]
            number += 1
