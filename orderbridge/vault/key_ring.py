"""The key ring: one key per moment of death, kept outside the database, so that no dump of it carries a key."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from orderbridge.vault import jwe
from orderbridge.vault.files import erase, leftovers, write_once
from orderbridge.vault.keys import KEY_BYTES
from orderbridge.vault.marks import OrderMarks, Superseded
from orderbridge.vault.moments import key_name, moment_of

__all__ = ["FolderKeyRing", "KeyDead", "KeyRing", "KeyUnknown", "WrongInstallationKey", "key_name", "moment_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHECK_HEADER = {"purpose": "key ring check"}
CHECK_FILE = "check.jwe"
ROTATION_FILE = "rotation.jwe"
"""It is there while the installation's key is being changed (`orderbridge.vault.rotation`)."""
IGNORE_FILE = ".gitignore"
IGNORE_ALL = "*\n"


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

    def destroyed(self) -> Iterable[datetime]:
        """The moments whose keys were destroyed. One that is alive too was restored from a backup."""

    def mark_redacted(self, order_id: str) -> None:
        """Remember that the order was redacted before its day, also through a restore of the database."""

    def is_redacted(self, order_id: str) -> bool:
        """Whether `mark_redacted` was called for the order."""

    def redacted_orders(self) -> Iterator[str]:
        """The orders for which `mark_redacted` was called."""

    def refuse_after(self, order_id: str, moment: datetime, until: datetime) -> None:
        """Remember that the order's newest seal dies at `moment`: older seals that die later are refused from now on.

        `until` is when the last of those dies. A later moment, told later, takes the place of this one.
        """

    def refused_after(self, order_id: str) -> datetime | None:
        """What `refuse_after` was last told of the order; None if it never was."""

    def superseded(self) -> Iterator[Superseded]:
        """What `refuse_after` was told, of all orders."""

    def forget_superseded(self, order_id: str) -> None:
        """Remember it no more: all older seals of the order are dead by their keys."""


class FolderKeyRing(OrderMarks):
    """A folder with one file per key, each encrypted under the installation's key.

    ``check.jwe`` tells whether the installation's key is the right one, ``keys/`` holds the keys, ``tombstones/`` a
    name for each destroyed one, ``redacted/`` the ids of orders redacted early, ``superseded/`` the moment of an
    order's newest seal where older ones die later; ``.gitignore`` keeps all of it out of git. Nothing is cached in
    memory: each use reads the file, so that a key destroyed by one process is at once gone in all (a fraction of a
    millisecond each).

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
        self.folder = folder
        self._grid = grid
        self._installation_key = installation_key
        self._check_file = folder / CHECK_FILE
        self._keys = folder / "keys"
        self._tombstones = folder / "tombstones"
        is_new = not folder.exists()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if is_new:
            # In a working tree one `git add` would copy the keys for good. A disk that cannot take this file takes no
            # key either, which is said where a key is needed.
            with contextlib.suppress(OSError):
                write_once(folder / IGNORE_FILE, IGNORE_ALL)
        super().__init__(folder)
        for part in (self._keys, self._tombstones):
            part.mkdir(mode=0o700, exist_ok=True)
        if installation_key is not None:
            self._check_installation_key(installation_key)

    def __repr__(self) -> str:
        return f"FolderKeyRing({str(self.folder)!r}, grid={self._grid})"

    def has_begun(self) -> bool:
        """Whether a service with the installation's key has opened it: before, no key is in it."""
        return self._check_file.exists()

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
            write_once(path, jwe.encrypt(key, {"kid": path.name}, installation_key))
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
        write_once(self._tombstones / key_name(moment), "")
        path = self._key_file(moment)
        for copy in leftovers(path):
            erase(copy)
        return erase(path)

    def alive(self) -> list[datetime]:
        return _moments(self._keys)

    def destroyed(self) -> list[datetime]:
        return _moments(self._tombstones)

    def _check_installation_key(self, installation_key: bytes | None) -> bytes:
        """Gives the key back if it is this ring's; makes the check file if the ring is new."""
        if installation_key is None:
            raise WrongInstallationKey("no installation key: set ORDERBRIDGE_VAULT_KEY")
        # In this order: others make the check file before their first key, so keys seen now had one before now.
        has_keys = any(self._keys.iterdir())
        if (self.folder / ROTATION_FILE).exists():
            raise WrongInstallationKey(
                f"the key of {self.folder} is being changed: run `orderbridge privacy rotate-key` to its end"
            )
        if not self._check_file.exists():
            if has_keys:
                raise WrongInstallationKey(f"{self.folder} has keys but no {self._check_file.name}: restore it")
            write_once(self._check_file, jwe.encrypt(b"", CHECK_HEADER, installation_key))
        try:
            jwe.decrypt(self._check_file.read_text("latin-1"), CHECK_HEADER, installation_key)
        except jwe.NotOpened as error:
            raise WrongInstallationKey(
                f"ORDERBRIDGE_VAULT_KEY is not the key under which {self.folder} was made"
            ) from error
        return installation_key

    def _refuse_dead(self, moment: datetime, now: datetime) -> None:
        if moment <= now or self._is_destroyed(moment):
            raise KeyDead(moment)

    def _is_destroyed(self, moment: datetime) -> bool:
        return (self._tombstones / key_name(moment)).exists()

    def _key_file(self, moment: datetime) -> Path:
        return self._keys / key_name(moment)


def _moments(folder: Path) -> list[datetime]:
    moments = []
    for path in folder.iterdir():
        with contextlib.suppress(ValueError):  # a file that a crash left half made
            moments.append(moment_of(path.name))
    return sorted(moments)
