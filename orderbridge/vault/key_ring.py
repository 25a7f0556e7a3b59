"""The key ring: one key per moment of death, kept outside the database, so that no dump of it carries a key."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from orderbridge.vault import jwe
from orderbridge.vault.keys import KEY_BYTES

_NAME_FORMAT = "%Y%m%dT%H%M%SZ"  # ISO 8601 basic form: no colons, which not every file system takes
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHECK_HEADER = {"purpose": "key ring check"}


class KeyDead(Exception):
    """The key of this moment is over or destroyed, and is never made again."""

    def __init__(self, moment: datetime) -> None:
        super().__init__(f"the key of {moment.isoformat()} is dead")
        self.moment = moment


class KeyUnknown(Exception):
    """The moment lies ahead, but the ring has no key for it: never made, or lost with the ring."""

    def __init__(self, moment: datetime) -> None:
        super().__init__(f"the ring has no key for {moment.isoformat()}")
        self.moment = moment


class WrongInstallationKey(Exception):
    """The installation's key is missing, or is not the one under which this ring was made."""


def key_name(moment: datetime) -> str:
    """The name of the key that dies at `moment`, such as ``20261223T090000Z``. ValueError if not a whole UTC second."""
    if moment.tzinfo is None or moment.microsecond:
        raise ValueError("the moment of a key is a timezone-aware whole second")
    return moment.astimezone(UTC).strftime(_NAME_FORMAT)


def moment_of(name: str) -> datetime:
    """The moment that a key's name says, UTC. Raises ValueError if it is not such a name in its one right form."""
    with contextlib.suppress(ValueError):
        moment = datetime.strptime(name, _NAME_FORMAT).replace(tzinfo=UTC)
        if key_name(moment) == name:
            return moment
    raise ValueError("not the name of a key")


class KeyRing(Protocol):
    """Keys that die. `FolderKeyRing` keeps them in a folder; a key management service (KMS) may take its place.

    It would have to promise: one key per moment, the same for all who ask at the same time; a destroyed key is gone
    for good, at once, for everyone and from its own backups (no "pending deletion" during which it still opens); a
    key for a moment that is over or was destroyed is never made again; to destroy needs another right than to seal
    and open; marks of redacted orders survive as long as any key. All moments are timezone-aware, `now` is the
    system's one clock.
    """

    def moment_for(self, deadline: datetime) -> datetime:
        """The moment of the key for data that must be dead by `deadline`: the last of the grid not after it, UTC."""

    def key(self, moment: datetime, now: datetime) -> bytes:
        """The 32 bytes of the key that dies at `moment`, made if there is none yet. Raises `KeyDead`."""

    def existing_key(self, moment: datetime, now: datetime) -> bytes:
        """The same, but never makes one. Raises `KeyDead` or `KeyUnknown`."""

    def destroy(self, moment: datetime) -> bool:
        """Destroy the key for good; True if there was one. Repeating it does no harm, and no `now` is asked for."""

    def alive(self) -> list[datetime]:
        """The moments whose keys are still there, in order: those up to now are due to be destroyed."""

    def mark_redacted(self, order_id: str) -> None:
        """Remember that the order was redacted before its day, also through a restore of the database."""

    def is_redacted(self, order_id: str) -> bool:
        """Whether `mark_redacted` was called for the order."""


class FolderKeyRing:
    """A folder with one file per key, each encrypted under the installation's key.

    ``check.jwe`` tells whether the installation's key is the right one, ``keys/`` holds the keys, ``tombstones/`` a
    name for each destroyed one, ``redacted/`` the ids of orders redacted early. Nothing is cached in memory: each use
    reads the file, so that a key destroyed by one process is at once gone in all (a fraction of a millisecond each).

    Overwriting destroys as surely as the medium overwrites in place: not on snapshots, not always on an SSD.
    """

    def __init__(self, folder: Path, installation_key: bytes | None, grid: timedelta = timedelta(hours=1)) -> None:
        """`grid` is whole seconds. Without an installation key the ring can destroy and mark, but give no key.

        Raises `WrongInstallationKey` if the key is not the one of this ring.
        """
        if grid < timedelta(seconds=1) or grid % timedelta(seconds=1):
            raise ValueError("the grid of the key ring is one or more whole seconds")
        if installation_key is not None and len(installation_key) != KEY_BYTES:
            raise WrongInstallationKey(f"the installation's key has {len(installation_key)} bytes, not {KEY_BYTES}")
        self._folder = folder
        self._grid = grid
        self._installation_key = installation_key
        self._check_file = folder / "check.jwe"
        self._keys = folder / "keys"
        self._tombstones = folder / "tombstones"
        self._redacted = folder / "redacted"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in (self._keys, self._tombstones, self._redacted):
            part.mkdir(mode=0o700, exist_ok=True)
        if installation_key is not None:
            self._check_installation_key(installation_key)

    def __repr__(self) -> str:
        return f"FolderKeyRing({str(self._folder)!r}, grid={self._grid})"

    def moment_for(self, deadline: datetime) -> datetime:
        return _EPOCH + (deadline - _EPOCH) // self._grid * self._grid

    def key(self, moment: datetime, now: datetime) -> bytes:
        if moment != self.moment_for(moment):
            raise ValueError(f"{moment.isoformat()} is not on the grid of the key ring, {self._grid}")
        self._refuse_dead(moment, now)
        path = self._key_file(moment)
        if not path.exists():
            # Checked again: the installation's key may have been changed since this process started.
            installation_key = self._check_installation_key(self._installation_key)
            key = secrets.token_bytes(KEY_BYTES)
            _write_once(path, jwe.encrypt(key, {"kid": path.name}, installation_key))
            # Destroyed while we wrote: whoever destroyed it may not have seen our file. He writes the tombstone and
            # then looks for the file, we write the file and then look for the tombstone: one of us sees the other's.
            if self._is_destroyed(moment):
                self.destroy(moment)
        return self.existing_key(moment, now)

    def existing_key(self, moment: datetime, now: datetime) -> bytes:
        self._refuse_dead(moment, now)
        if self._installation_key is None:
            raise WrongInstallationKey("no installation key: set ORDERBRIDGE_VAULT_KEY")
        path = self._key_file(moment)
        try:
            return jwe.decrypt(path.read_text("latin-1"), {"kid": path.name}, self._installation_key)
        except FileNotFoundError:
            self._refuse_dead(moment, now)
            raise KeyUnknown(moment) from None
        except jwe.NotOpened as error:
            # Random bytes, if it was destroyed since we looked.
            self._refuse_dead(moment, now)
            raise WrongInstallationKey(
                f"the key file {path.name} is damaged, or encrypted under another installation key"
            ) from error

    def destroy(self, moment: datetime) -> bool:
        # First the tombstone: if we die in the middle, the key counts as dead already.
        _write_once(self._tombstones / key_name(moment), "")
        return _erase(self._key_file(moment))

    def alive(self) -> list[datetime]:
        moments = []
        for path in self._keys.iterdir():
            with contextlib.suppress(ValueError):  # a file that a crash left half made
                moments.append(moment_of(path.name))
        return sorted(moments)

    def mark_redacted(self, order_id: str) -> None:
        _write_once(self._redacted_file(order_id), order_id)

    def is_redacted(self, order_id: str) -> bool:
        return self._redacted_file(order_id).exists()

    def _check_installation_key(self, installation_key: bytes | None) -> bytes:
        """Gives the key back if it is this ring's; makes the check file if the ring is new."""
        if installation_key is None:
            raise WrongInstallationKey("no installation key: set ORDERBRIDGE_VAULT_KEY")
        # In this order: others make the check file before their first key, so keys seen now had one before now.
        has_keys = any(self._keys.iterdir())
        if not self._check_file.exists():
            if has_keys:
                raise WrongInstallationKey(f"{self._folder} has keys but no {self._check_file.name}: restore it")
            _write_once(self._check_file, jwe.encrypt(b"", _CHECK_HEADER, installation_key))
        try:
            jwe.decrypt(self._check_file.read_text("latin-1"), _CHECK_HEADER, installation_key)
        except jwe.NotOpened as error:
            raise WrongInstallationKey(
                f"ORDERBRIDGE_VAULT_KEY is not the key under which {self._folder} was made"
            ) from error
        return installation_key

    def _refuse_dead(self, moment: datetime, now: datetime) -> None:
        if moment <= now or self._is_destroyed(moment):
            raise KeyDead(moment)

    def _is_destroyed(self, moment: datetime) -> bool:
        return (self._tombstones / key_name(moment)).exists()

    def _key_file(self, moment: datetime) -> Path:
        return self._keys / key_name(moment)

    def _redacted_file(self, order_id: str) -> Path:
        # Hashed: an order id asked for from outside must not become a path.
        return self._redacted / hashlib.sha256(order_id.encode("utf-8", "surrogatepass")).hexdigest()


def _write_once(path: Path, text: str) -> None:
    """Write the file whole and lasting, readable by its owner alone, unless it is there already: then leave it."""
    if path.exists():
        return
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8", "surrogatepass"))
            file.flush()
            os.fsync(descriptor)
        # A second name for the same file, and it fails if the name is taken: of several writers, one wins. If we
        # crash before the first name is gone, overwriting the key later overwrites it there too.
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _erase(path: Path) -> bool:
    """Overwrite the file in place with random bytes and remove it; False if it is not there (any more)."""
    try:
        with path.open("r+b") as file:
            file.write(secrets.token_bytes(os.fstat(file.fileno()).st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except FileNotFoundError:
        return False
    _sync_folder(path.parent)
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
