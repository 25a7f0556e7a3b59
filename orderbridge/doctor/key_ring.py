"""The key ring's folder: readable by few, in no copy of anything, under the right key, and with nothing in it that is
dead.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import make_url

from orderbridge.doctor import Finding, error, ok, warning
from orderbridge.settings import Settings
from orderbridge.vault.key_ring import IGNORE_ALL, IGNORE_FILE, FolderKeyRing, WrongInstallationKey, moment_of
from orderbridge.vault.keys import InvalidKeyText, installation_key

LATE = timedelta(minutes=15)
"""A key is destroyed within a minute of its moment; the redactor looks again after ten."""
_ROOM_BYTES, _ROOM_FILES = 8 << 20, 1000
"""A month of keys, one an hour, and their tombstones take less."""
_DUMPS = (".dump", ".sql", ".backup", ".bak", ".tar", ".gz", ".zst", ".sqlite", ".db")
_COPYING = ("btrfs", "zfs", "bcachefs", "overlay", "nilfs2")
"""File systems that write what is overwritten to another place."""


def check_key_ring(settings: Settings, now: datetime) -> Iterator[Finding]:
    """All that can be seen from here; a process that cannot see the ring says so."""
    folder = settings.key_ring
    if not folder.is_dir():
        yield ok("key ring", f"There is none at {folder} to be seen from here: nothing of it was looked at.")
        return
    yield from _check_permissions(folder)
    yield from _check_place(settings, folder.resolve())
    yield from _check_medium(folder.resolve())
    yield from _check_room(folder)
    yield from _check_installation_key(settings, folder)
    yield from _check_keys(folder, now)


def _check_permissions(folder: Path) -> Iterator[Finding]:
    try:
        open_to = [path for path in (folder, *folder.rglob("*")) if _is_open(path)]
    except OSError as trouble:
        yield error("key ring", f"{folder} cannot be read: {trouble.strerror}.", "Run this as the services' own user.")
        return
    if open_to:
        yield error(
            "key ring",
            f"{open_to[0]} and {len(open_to) - 1} more can be used by other users of this machine."
            if len(open_to) > 1
            else f"{open_to[0]} can be used by other users of this machine.",
            f"chmod -R go= {folder}",
        )
    else:
        yield ok("key ring", f"{folder} is its owner's alone.")


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & 0o077)
    except FileNotFoundError:  # a key that the redactor has destroyed meanwhile
        return False


def _check_place(settings: Settings, folder: Path) -> Iterator[Finding]:
    """Copies are seen by what lies about. What copies the whole machine is not."""
    found = False
    tree = next((above for above in (folder, *folder.parents) if (above / ".git").exists()), None)
    if tree is not None and not _is_ignored(folder):
        found = True
        yield error(
            "key ring",
            f"{folder} lies in the git working tree {tree}: one `git add` copies the keys for good.",
            f"Have git ignore it: `(umask 077; echo '*' > {shlex.quote(str(folder / IGNORE_FILE))})`. Or move it "
            "elsewhere, and set ORDERBRIDGE_KEY_RING.",
        )
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        beside = Path(url.database).resolve().parent
        if folder.is_relative_to(beside):
            found = True
            yield error(
                "key ring",
                f"{folder} lies within {beside}, the folder of the database: a copy of it carries the keys along, and "
                "they outlive day 30 in it.",
                "Move it to another folder, and set ORDERBRIDGE_KEY_RING.",
            )
    dumps = sorted(path.name for path in folder.parent.iterdir() if path.is_file() and path.suffix in _DUMPS)
    if dumps:
        found = True
        yield warning(
            "key ring",
            f"Beside {folder} lies {dumps[0]}, which looks like a dump or a database: is that folder backed up whole?",
            "Keep the ring where no backup and no snapshot comes by.",
        )
    if not found:
        yield ok(
            "key ring",
            "No database, dump or git that takes it in was seen around it; backups of the machine cannot be.",
        )


def _is_ignored(folder: Path) -> bool:
    """Whether the ring keeps itself out of git; one that an older version made does not."""
    try:
        return (folder / IGNORE_FILE).read_bytes().split() == [IGNORE_ALL.strip().encode()]
    except OSError:
        return False


def _check_medium(folder: Path) -> Iterator[Finding]:
    kind = _file_system(folder)
    if kind in _COPYING:
        yield warning(
            "key ring",
            f"It lies on {kind}, which writes elsewhere what is overwritten: a destroyed key may stay on the disk, and "
            "in every snapshot.",
            "Put it on ext4, XFS or tmpfs, on an encrypted volume of its own, without snapshots.",
        )


def _check_room(folder: Path) -> Iterator[Finding]:
    """Whether more keys can be written: without the key of its hour no order is sealed, and none is imported."""
    size, files = _room(folder)
    if size < _ROOM_BYTES or files < _ROOM_FILES:
        yield error(
            "key ring",
            f"The disk of {folder} is nearly full: {size >> 10} KiB and {files} files are left. Without room for the "
            "next key no order is imported.",
            f"Make room there: the ring itself needs {_ROOM_BYTES >> 20} MiB, and none of its files may be deleted.",
        )


def _room(folder: Path) -> tuple[int, int]:
    """Bytes and files that may still be written beside the folder."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize, disk.f_favail if disk.f_files else _ROOM_FILES  # some count no files


def _file_system(folder: Path) -> str:
    """The kind of the file system that a path lies on, where the kernel says so (Linux), else nothing."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    except OSError:
        return ""
    inside = [
        (len(words[4]), words[words.index("-") + 1])
        for words in mounts
        if "-" in words and folder.is_relative_to(words[4].encode().decode("unicode_escape"))
    ]
    return max(inside, default=(0, ""))[1]


def _check_installation_key(settings: Settings, folder: Path) -> Iterator[Finding]:
    if settings.vault_key is None:
        yield ok("key ring", "ORDERBRIDGE_VAULT_KEY is not set here: whether it is the right one was not looked at.")
        return
    # A ring without its check file would be taken for a new one, and be given one.
    if not (folder / "check.jwe").exists():
        if any((folder / "keys").glob("*")):
            yield error("key ring", f"{folder} has keys but no check.jwe.", "Restore that file: no service starts.")
        else:
            yield ok("key ring", "It is new: nothing was sealed under it yet.")
        return
    try:
        FolderKeyRing(folder, installation_key(settings.need("vault_key")), settings.key_ring_grid)
    except (WrongInstallationKey, InvalidKeyText) as trouble:
        yield error(
            "key ring",
            f"{trouble}. The importer does not start with it.",
            "Set the key that `orderbridge init` wrote when the ring was made. It is in your copy of .env.",
        )
    else:
        yield ok("key ring", "ORDERBRIDGE_VAULT_KEY is the key that it was made under.")


def _check_keys(folder: Path, now: datetime) -> Iterator[Finding]:
    keys, dead = _moments(folder / "keys"), _moments(folder / "tombstones")
    over = sorted(moment for moment in keys if moment < now - LATE)
    back = sorted(keys & dead)
    if over:
        yield error(
            "key ring",
            f"{len(over)} keys are past their moment, the oldest since {over[0]:%Y-%m-%d %H:%M} UTC: what is sealed "
            "under them should be dead.",
            "Is the redactor running, and does it see this folder? See its log and /healthz.",
        )
    if back:
        yield error(
            "key ring",
            f"{len(back)} keys are here although they were destroyed, the first is {back[0]:%Y-%m-%d %H:%M} UTC's: the "
            "folder was restored from a copy. There is a copy, then.",
            "Find that copy and destroy it. The redactor destroys the keys here again.",
        )
    if keys and not dead and min(keys) < now:
        yield warning(
            "key ring",
            "There is no tombstone, although keys should have died by now: the folder may be a restored one.",
            "Nothing opens by them, since the date refuses as well. Find out where the folder came from.",
        )
    if not over and not back:
        yield ok("key ring", f"{len(keys)} keys, each with its day ahead; {len(dead)} were destroyed.")


def _moments(folder: Path) -> set[datetime]:
    found = set()
    for name in os.listdir(folder) if folder.is_dir() else ():
        try:
            found.add(moment_of(name))
        except ValueError:  # half made by a crash
            continue
    return found
