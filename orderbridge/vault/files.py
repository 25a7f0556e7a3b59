"""The key ring's files: written whole or not at all, and overwritten before they are removed."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def write_once(path: Path, text: str) -> None:
    """Write the file whole and lasting, readable by its owner alone, unless it is there already: then leave it."""
    if path.exists():
        return
    temporary = _beside(path)
    try:
        _write(temporary, text)
        # A second name for the same file, and it fails if the name is taken: of several writers, one wins. If we
        # crash before the first name is gone, overwriting the key later overwrites it there too. Not found: whoever
        # destroys the key just now has taken the first name away.
        with contextlib.suppress(FileExistsError, FileNotFoundError):
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def replace(path: Path, text: str) -> None:
    """Write the file whole and lasting in the place of the one that is there. What that held is not overwritten."""
    temporary = _beside(path)
    try:
        _write(temporary, text)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def erase(path: Path) -> bool:
    """Overwrite the file in place with random bytes and remove it; False if it is not there (any more)."""
    try:
        with path.open("r+b") as file:
            file.write(secrets.token_bytes(os.fstat(file.fileno()).st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except FileNotFoundError:
        return False
    sync_folder(path.parent)
    return True


def leftovers(path: Path) -> list[Path]:
    """What a crash left beside the file: hidden files that begin with its name."""
    return sorted(path.parent.glob(f".{path.name}.*"))


def sync_folder(folder: Path) -> None:
    """Have the folder's names on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}")


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode("utf-8", "surrogatepass"))
        file.flush()
        os.fsync(descriptor)
