"""Changes the installation's key: each key file is encrypted anew, and no order is read.

Cut off at any point, the same call goes on. Until it is through, whoever holds either key is refused
(`ROTATION_FILE`), so that no key is made under a key that is on its way out. The redactor, which needs none, goes on.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from orderbridge.vault import jwe
from orderbridge.vault.files import erase, leftovers, replace, sync_folder, write_once
from orderbridge.vault.key_ring import CHECK_FILE, CHECK_HEADER, ROTATION_FILE, FolderKeyRing, WrongInstallationKey
from orderbridge.vault.moments import key_name


class NoKeyRing(Exception):
    """There is no key ring in the folder."""


def rotate(folder: Path, old: bytes, new: bytes, done: Callable[[int, int], None] = lambda *_: None) -> int:
    """Encrypt the ring's keys under `new` (32 bytes) in place of `old`; returns how many keys the ring has.

    `done(number, of)` is called after each. What was encrypted under `old` is overwritten. Repeating it does no harm.
    Raises `NoKeyRing`, and `WrongInstallationKey` if the ring lies under neither key, or is on its way to a third.
    """
    check, rotation = folder / CHECK_FILE, folder / ROTATION_FILE
    if not check.exists():
        raise NoKeyRing(f"there is no key ring in {folder}")
    if not (_is_under(check, new) or _is_under(check, old)):
        raise WrongInstallationKey(f"ORDERBRIDGE_VAULT_KEY is not the key under which {folder} was made")
    write_once(rotation, jwe.encrypt(b"", CHECK_HEADER, new))
    if not _is_under(rotation, new):
        raise WrongInstallationKey(
            f"{folder} is on its way to another key: give ORDERBRIDGE_VAULT_KEY_NEW the value that it had then"
        )
    ring = FolderKeyRing(folder, None)
    _all(ring, folder, old, new, done)
    replace(check, jwe.encrypt(b"", CHECK_HEADER, new))
    keys = _all(ring, folder, old, new, done)  # one that was being made when we began
    for left in (*leftovers(check), *leftovers(rotation)):
        erase(left)
    rotation.unlink()
    sync_folder(folder)
    return keys


def _all(ring: FolderKeyRing, folder: Path, old: bytes, new: bytes, done: Callable[[int, int], None]) -> int:
    moments = ring.alive()
    for number, moment in enumerate(moments, 1):
        _one(ring, folder / "keys" / key_name(moment), moment, old, new)
        done(number, len(moments))
    return len(moments)


def _one(ring: FolderKeyRing, path: Path, moment: datetime, old: bytes, new: bytes) -> None:
    header = {"kid": path.name}
    try:
        text = path.read_text("latin-1")
    except FileNotFoundError:
        return  # destroyed meanwhile
    if not _opens(text, header, new):
        try:
            key = jwe.decrypt(text, header, old)
        except jwe.NotOpened as error:
            if moment in ring.destroyed() or not path.exists():  # random bytes: it is being destroyed just now
                return
            raise WrongInstallationKey(f"the key file {path.name} lies under neither key, or is damaged") from error
        try:
            with contextlib.suppress(FileExistsError):  # we were cut off between this and the next
                os.link(path, path.with_name(f".{path.name}.former"))  # to be overwritten once it is replaced
            replace(path, jwe.encrypt(key, header, new))
        except FileNotFoundError:
            return  # destroyed meanwhile, and what we were writing with it
        # Whoever destroyed it meanwhile may not have seen our file: he writes the tombstone first and then looks.
        if moment in ring.destroyed():
            ring.destroy(moment)
            return
    for former in leftovers(path):
        erase(former)


def _is_under(path: Path, key: bytes) -> bool:
    return _opens(path.read_text("latin-1"), CHECK_HEADER, key)


def _opens(text: str, header: dict[str, str], key: bytes) -> bool:
    try:
        jwe.decrypt(text, header, key)
    except jwe.NotOpened:
        return False
    return True
