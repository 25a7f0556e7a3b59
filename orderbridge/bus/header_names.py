"""Header names that are not UTF-8, which Kafka's protocol asks for and no broker checks (kcat sends any bytes).

aiokafka decodes a name strictly while it reads a fetched batch: its consumer dies of such a record, again at each
start, and with it every partition of the service. Here the rest of that batch is read with the bytes of the name shown
as `\\xff`, so that the record is an event like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy as SlowBatch
from aiokafka.record.memory_records import MemoryRecords


class _Buffer(bytearray):
    """Bytes whose slices decode without fail."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _Buffer(found) if isinstance(index, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return bytes(self).decode(encoding, "backslashreplace")


class _Batch:
    """aiokafka's batch, and where that cannot go on, the rest of it read by aiokafka's code in plain Python."""

    def __init__(self, batch: Any, raw: memoryview) -> None:
        self._batch, self._raw = batch, raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        read = 0
        try:
            for record in self._batch:
                yield record
                read += 1
        except UnicodeDecodeError:
            slow = iter(SlowBatch(self._raw))  # decompressed by iter()
            slow._buffer = _Buffer(slow._buffer)
            yield from islice(slow, read, None)


class _Records:
    """aiokafka's view of the bytes it fetched: batches, each with its length in front (Kafka protocol, RecordBatch)."""

    _LENGTH = slice(8, 12)

    def __init__(self, data: bytes) -> None:
        self._records, self._rest = MemoryRecords(data), memoryview(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def next_batch(self) -> Any:
        batch = self._records.next_batch()
        if batch is None:
            return None
        end = 12 + int.from_bytes(self._rest[self._LENGTH], "big")
        raw, self._rest = self._rest[:end], self._rest[end:]
        return _Batch(batch, raw)


def read_any_header_name() -> None:
    """Have the consumers of this process read records whatever their headers are named."""
    fetcher.MemoryRecords = _Records
