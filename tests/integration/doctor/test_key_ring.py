"""What the doctor says of a key ring: each thing that can be wrong is planted and found, and nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orderbridge.doctor import key_ring
from orderbridge.doctor.key_ring import check_key_ring
from orderbridge.settings import Settings, load_settings
from orderbridge.vault.key_ring import FolderKeyRing
from orderbridge.vault.keys import installation_key, new_installation_key

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = new_installation_key()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ring with one living key and one that was destroyed, apart from everything."""
    folder = tmp_path / "keys-of-the-house" / "ring"
    ring = FolderKeyRing(folder, installation_key(KEY))
    ring.key(ring.moment_for(NOW - HOUR), NOW - 3 * HOUR)
    ring.destroy(ring.moment_for(NOW - HOUR))
    ring.key(ring.moment_for(NOW + 48 * HOUR), NOW)
    return folder


def settings(folder: Path, **others: Any) -> Settings:
    return load_settings(
        folder, **{"key_ring": folder, "vault_key": KEY, "database_url": "postgresql+psycopg://x/y", **others}
    )


def troubles(folder: Path, **others: Any) -> list[tuple[str, str]]:
    found = list(check_key_ring(settings(folder, **others), NOW))
    assert all(finding.what_to_do for finding in found if finding.severity != "ok")
    return [(finding.severity, finding.what) for finding in found if finding.severity != "ok"]


@pytest.fixture(autouse=True)
def _plain_medium(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "_file_system", lambda _folder: "ext4")


def test_a_healthy_ring(folder: Path) -> None:
    assert troubles(folder) == []
    assert [finding.what for finding in check_key_ring(settings(folder), NOW)][-1] == (
        "1 keys, each with its day ahead; 1 were destroyed."
    )


def test_a_key_that_is_destroyed_meanwhile_is_no_trouble(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = Path.rglob
    monkeypatch.setattr(Path, "rglob", lambda self, pattern: [*listed(self, pattern), self / "keys" / "gone"])
    assert troubles(folder) == []


def test_a_ring_that_cannot_be_seen_is_not_made(tmp_path: Path) -> None:
    assert troubles(tmp_path / "none") == []
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("left", [(4 << 20, 10_000), (1 << 30, 12)])
def test_its_disk_is_nearly_full(folder: Path, left: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "_room", lambda _folder: left)
    ((severity, what),) = troubles(folder)
    assert severity == "error"
    assert f"{left[0] >> 10} KiB and {left[1]} files are left" in what


def test_the_room_is_what_may_still_be_written(folder: Path) -> None:
    size, files = key_ring._room(folder)
    assert abs(size - shutil.disk_usage(folder).free) < 64 << 20
    assert files > 0


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o704])
@pytest.mark.parametrize("part", [".", "keys", "check.jwe"])
def test_others_can_use_it(folder: Path, part: str, mode: int) -> None:
    (folder / part).chmod(mode)
    ((severity, what),) = troubles(folder)
    assert severity == "error"
    assert str(folder / part) in what


def test_within_a_working_tree(folder: Path) -> None:
    (folder.parent.parent / ".git").mkdir()
    assert troubles(folder) == [], "it keeps itself out of git"


@pytest.mark.parametrize("text", [None, "", "*.log\n", "*\n!keys/\n", "\xff"])
def test_within_a_working_tree_that_takes_it_in(tmp_path: Path, folder: Path, text: str | None) -> None:
    (tmp_path / ".git").mkdir()
    folder = folder.rename(folder.with_name("older ring"))
    (folder / ".gitignore").unlink()
    if text is not None:
        (folder / ".gitignore").touch(mode=0o600)
        (folder / ".gitignore").write_text(text, "latin-1")
    ((severity, what),) = troubles(folder)
    assert severity == "error"
    assert "git working tree" in what
    (told,) = [one.what_to_do for one in check_key_ring(settings(folder), NOW) if one.what == what]
    (command,) = re.findall(r"`([^`]+)`", told or "")
    (folder / ".gitignore").unlink(missing_ok=True)
    subprocess.run(["sh", "-c", command], check=True)
    assert troubles(folder) == [], "what it says to do is enough"


def test_beside_the_database(folder: Path) -> None:
    ((severity, what),) = troubles(folder, database_url=f"sqlite:///{folder.parent}/orderbridge.sqlite")
    assert severity == "error"
    assert "the folder of the database" in what


@pytest.mark.parametrize("name", ["orderbridge.dump", "all.sql", "old.sqlite"])
def test_beside_a_dump(folder: Path, name: str) -> None:
    (folder.parent / name).touch()
    ((severity, what),) = troubles(folder)
    assert severity == "warning"
    assert name in what


@pytest.mark.parametrize(("kind", "warned"), [("ext4", False), ("btrfs", True), ("zfs", True), ("", False)])
def test_a_medium_that_copies(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, warned: bool) -> None:
    monkeypatch.setattr(key_ring, "_file_system", lambda _folder: kind)
    assert [severity for severity, _ in troubles(folder)] == ["warning"] * warned


def test_the_file_system_is_read_from_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert key_ring._file_system(Path("/proc/self")) == "proc"


@pytest.mark.parametrize("key", [new_installation_key(), "no key"], ids=["another", "none at all"])
def test_the_wrong_installation_key(folder: Path, key: str) -> None:
    before = sorted(folder.rglob("*"))
    ((severity, what),) = troubles(folder, vault_key=key)
    assert severity == "error"
    assert "ORDERBRIDGE_VAULT_KEY" in what
    assert key not in what
    assert sorted(folder.rglob("*")) == before


def test_the_check_file_is_missing(folder: Path) -> None:
    (folder / "check.jwe").unlink()
    assert [severity for severity, _ in troubles(folder)] == ["error"]
    assert not (folder / "check.jwe").exists()


def test_keys_past_their_moment(folder: Path) -> None:
    late = FolderKeyRing(folder, installation_key(KEY))
    late.key(late.moment_for(NOW - 2 * HOUR), NOW - 4 * HOUR)
    ((severity, what),) = troubles(folder)
    assert severity == "error"
    assert what.startswith("1 keys are past their moment, the oldest since 2026-11-24 07:00 UTC")


def test_a_restored_ring(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    ring = FolderKeyRing(folder, installation_key(KEY))
    moment = ring.moment_for(NOW + 24 * HOUR)
    ring.key(moment, NOW)
    shutil.copytree(folder / "keys", copy)
    ring.destroy(moment)
    shutil.copytree(copy, folder / "keys", dirs_exist_ok=True)
    ((severity, what),) = troubles(folder)
    assert severity == "error"
    assert "restored from a copy" in what


def test_tombstones_that_are_missing(folder: Path) -> None:
    shutil.rmtree(folder / "tombstones")
    (folder / "tombstones").mkdir(mode=0o700)
    assert troubles(folder) == []  # no key should have died
    ring = FolderKeyRing(folder, installation_key(KEY))
    ring.key(ring.moment_for(NOW), NOW - HOUR)
    assert [severity for severity, what in troubles(folder) if "no tombstone" in what] == ["warning"]
