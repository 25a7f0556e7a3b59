"""Files that people and systems hand us, read no further than a bound: a wrong name may lead to /dev/zero."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import BinaryIO


def read_file(path: Path, most: int, encoding: str = "utf-8") -> str:
    """The whole text of a file. Raises OSError, also where it has more than `most` bytes, and UnicodeDecodeError."""
    with path.open("rb") as file:
        return read_stream(file, most, encoding)


def read_stream(file: BinaryIO, most: int, encoding: str = "utf-8") -> str:
    """All that comes until the stream's end. Raises as `read_file` does."""
    data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most} bytes")
    return data.decode(encoding)
