from __future__ import annotations

import errno
import multiprocessing
import os
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbridge.vault import key_ring as module
from orderbridge.vault.key_ring import (
    FolderKeyRing,
    KeyDead,
    KeyRing,
    KeyUnknown,
    WrongInstallationKey,
    key_name,
    moment_of,
)
from tests.unit.vault.ring_processes import make_key

NOW = datetime(2026, 11, 23, 9, 14, 5, tzinfo=UTC)
MOMENT = datetime(2026, 12, 23, 9, tzinfo=UTC)
INSTALLATION_KEY = b"k" * 32
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
SPAWN = multiprocessing.get_context("spawn")  # a fork would share the parent's memory


def key_file(folder: Path, moment: datetime = MOMENT) -> Path:
    return folder / "keys" / key_name(moment)


# --- moments and names


@given(
    deadline=st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(timezone(HOUR * 5.5))),  # noqa: DTZ001 - hypothesis wants naive bounds
    seconds=st.sampled_from([1, 7, 60, 3600, 86_400]),
)
def test_the_moment_is_the_last_of_the_grid_not_after_the_deadline(deadline: datetime, seconds: int) -> None:
    grid = timedelta(seconds=seconds)
    ring = FolderKeyRing.__new__(FolderKeyRing)  # without a folder
    ring._grid = grid
    moment = ring.moment_for(deadline)
    assert moment <= deadline < moment + grid
    assert moment.tzinfo is UTC
    assert moment.timestamp() % seconds == 0
    assert ring.moment_for(moment) == moment
    assert moment_of(key_name(moment)) == moment


@pytest.mark.parametrize("name", ["", "x", "2026-12-23T09:00:00Z", "20261223T090000", "20261223t090000Z", "../a"])
def test_other_names_are_no_moments(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a key"):
        moment_of(name)


def test_moments_are_aware_and_on_the_grid(tmp_path: Path) -> None:
    ring = FolderKeyRing(tmp_path, INSTALLATION_KEY)
    with pytest.raises(ValueError, match="grid"):
        ring.key(MOMENT + SECOND, NOW)
    with pytest.raises(ValueError, match="timezone-aware"):
        ring.destroy(MOMENT.replace(tzinfo=None))
    with pytest.raises(TypeError):
        ring.moment_for(MOMENT.replace(tzinfo=None))
    for grid in (timedelta(0), timedelta(seconds=-1), timedelta(milliseconds=1500)):
        with pytest.raises(ValueError, match="whole seconds"):
            FolderKeyRing(tmp_path, INSTALLATION_KEY, grid)


# --- making and reading keys


def test_a_key_is_made_once_and_read_by_all(tmp_path: Path) -> None:
    ring: KeyRing = FolderKeyRing(tmp_path / "a" / "ring", INSTALLATION_KEY)
    with pytest.raises(KeyUnknown):
        ring.existing_key(MOMENT, NOW)
    key = ring.key(MOMENT, NOW)
    assert len(key) == 32
    assert ring.key(MOMENT, NOW) == ring.existing_key(MOMENT, NOW) == key
    assert FolderKeyRing(tmp_path / "a" / "ring", INSTALLATION_KEY).key(MOMENT, NOW) == key
    assert ring.key(MOMENT + HOUR, NOW) != key
    assert ring.alive() == [MOMENT, MOMENT + HOUR]
    assert key not in key_file(tmp_path / "a" / "ring").read_bytes()


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        ring = FolderKeyRing(tmp_path / "ring", INSTALLATION_KEY)
        ring.key(MOMENT, NOW)
        ring.destroy(MOMENT - HOUR)
        ring.mark_redacted("114-1")
        ring.refuse_after("114-2", MOMENT, MOMENT)
    finally:
        os.umask(before)
    paths = [tmp_path / "ring", *(tmp_path / "ring").rglob("*")]
    modes = {path.relative_to(tmp_path): oct(path.stat().st_mode & 0o777) for path in paths}
    assert len(modes) == 11
    assert all(mode == ("0o700" if (tmp_path / path).is_dir() else "0o600") for path, mode in modes.items()), modes


def test_it_keeps_itself_out_of_git(tmp_path: Path) -> None:
    ring = tmp_path / "ring"
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    FolderKeyRing(ring, INSTALLATION_KEY).key(MOMENT, NOW)
    seen = subprocess.run(["git", "-C", tmp_path, "status", "--porcelain"], check=True, capture_output=True)
    assert seen.stdout == b""
    (ring / ".gitignore").unlink()
    FolderKeyRing(ring, INSTALLATION_KEY)
    assert not (ring / ".gitignore").exists(), "only a new ring writes it: others may not write at all"


def test_a_disk_that_takes_no_more_is_said_where_a_key_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_once", full)
    assert FolderKeyRing(tmp_path / "ring", None).alive() == []
    with pytest.raises(OSError, match="No space left"):
        FolderKeyRing(tmp_path / "ring", INSTALLATION_KEY)


def test_eight_processes_at_once_get_the_same_key(tmp_path: Path) -> None:
    barrier = SPAWN.Barrier(8)
    pipes = [SPAWN.Pipe(duplex=False) for _ in range(8)]
    processes = [
        SPAWN.Process(target=make_key, args=(tmp_path / "ring", INSTALLATION_KEY, MOMENT, NOW, barrier, theirs))
        for _, theirs in pipes
    ]
    for process in processes:
        process.start()
    keys = set()
    for ours, _ in pipes:
        assert ours.poll(60)
        keys.add(ours.recv_bytes())
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 8
    assert keys == {FolderKeyRing(tmp_path / "ring", INSTALLATION_KEY).key(MOMENT, NOW)}
    assert [path.name for path in (tmp_path / "ring" / "keys").iterdir()] == [key_name(MOMENT)], "no half-made files"


def test_two_that_write_at_once_read_the_winners_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring, other = FolderKeyRing(tmp_path, INSTALLATION_KEY), FolderKeyRing(tmp_path, INSTALLATION_KEY)
    link = os.link
    winners: list[bytes] = []

    def overtaken(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        winners.append(other.key(MOMENT, NOW))
        link(source, target)

    monkeypatch.setattr(os, "link", overtaken)
    assert [ring.key(MOMENT, NOW)] == winners
    assert len(list((tmp_path / "keys").iterdir())) == 1


def test_a_half_made_file_of_a_crash_does_no_harm(tmp_path: Path) -> None:
    ring = FolderKeyRing(tmp_path, INSTALLATION_KEY)
    key = ring.key(MOMENT, NOW)
    left = tmp_path / "keys" / f".{key_name(MOMENT)}.0123456789abcdef"
    os.link(key_file(tmp_path), left)  # a crash between the two names
    os.link(left, tmp_path / "watched")
    before = left.read_bytes()
    assert ring.alive() == [MOMENT]
    assert FolderKeyRing(tmp_path, INSTALLATION_KEY).key(MOMENT, NOW) == key
    ring.destroy(MOMENT)
    assert (tmp_path / "watched").read_bytes() != before, "destroying the key overwrites what is left of it"
    assert not left.exists()


# --- the installation's key


@pytest.mark.parametrize("has_keys", [True, False])
def test_a_wrong_installation_key_stops(tmp_path: Path, has_keys: bool) -> None:
    ring = FolderKeyRing(tmp_path, INSTALLATION_KEY)
    if has_keys:
        ring.key(MOMENT, NOW)
    with pytest.raises(WrongInstallationKey, match="ORDERBRIDGE_VAULT_KEY"):
        FolderKeyRing(tmp_path, b"w" * 32)
    with pytest.raises(WrongInstallationKey, match="3 bytes"):
        FolderKeyRing(tmp_path, b"www")
    assert len(ring.alive()) == has_keys


def test_a_ring_with_keys_but_no_check_file_stops(tmp_path: Path) -> None:
    ring = FolderKeyRing(tmp_path, INSTALLATION_KEY)
    ring.key(MOMENT, NOW)
    (tmp_path / "check.jwe").unlink()
    with pytest.raises(WrongInstallationKey, match=r"no check\.jwe"):
        FolderKeyRing(tmp_path, INSTALLATION_KEY)
    with pytest.raises(WrongInstallationKey, match=r"no check\.jwe"):
        ring.key(MOMENT + HOUR, NOW)
    assert not (tmp_path / "check.jwe").exists()


def test_no_key_is_made_under_an_installation_key_that_was_replaced(tmp_path: Path) -> None:
    ring = FolderKeyRing(tmp_path / "ring", INSTALLATION_KEY)
    FolderKeyRing(tmp_path / "other", b"w" * 32)
    (tmp_path / "other" / "check.jwe").replace(tmp_path / "ring" / "check.jwe")
    with pytest.raises(WrongInstallationKey):
        ring.key(MOMENT, NOW)
    assert ring.alive() == []


def test_a_damaged_or_renamed_key_file_is_an_error_and_not_a_new_key(tmp_path: Path) -> None:
    ring = FolderKeyRing(tmp_path, INSTALLATION_KEY)
    ring.key(MOMENT, NOW)
    content = key_file(tmp_path).read_bytes()
    key_file(tmp_path, MOMENT + HOUR).write_bytes(content)  # a key must not live on under a later name
    key_file(tmp_path).write_bytes(content[:-1])
    for moment in (MOMENT, MOMENT + HOUR):
        with pytest.raises(WrongInstallationKey, match="damaged"):
            ring.key(moment, NOW)


# --- marks, and what is shown


@pytest.mark.parametrize("order_id", ["114-3941689-8772232", "../../check.jwe", "x" * 5000, "\ud800", ""])
def test_marks_of_redacted_orders_last(tmp_path: Path, order_id: str) -> None:
    ring = FolderKeyRing(tmp_path, None)
    assert not ring.is_redacted(order_id)
    ring.mark_redacted(order_id)
    ring.mark_redacted(order_id)
    assert FolderKeyRing(tmp_path, INSTALLATION_KEY).is_redacted(order_id)
    assert not ring.is_redacted("114-0000000-0000000")
    (mark,) = (tmp_path / "redacted").iterdir()
    assert mark.read_bytes() == order_id.encode("utf-8", "surrogatepass")


def test_nothing_shows_a_key(tmp_path: Path) -> None:
    ring = FolderKeyRing(tmp_path, INSTALLATION_KEY)
    key = ring.key(MOMENT, NOW)
    shown = repr(ring) + str(ring) + repr(KeyDead(MOMENT)) + repr(KeyUnknown(MOMENT))
    with pytest.raises(WrongInstallationKey) as caught:
        FolderKeyRing(tmp_path, b"w" * 32)
    shown += repr(caught.value) + repr(caught.value.__cause__)
    for hidden in ("k" * 32, "w" * 32, repr(key)[2:-1], key.hex()):
        assert hidden not in shown
    assert "FolderKeyRing" in shown
