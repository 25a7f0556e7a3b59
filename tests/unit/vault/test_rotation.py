"""The installation's key is changed: cut off at any step it goes on, and nothing is left under the old key."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orderbridge.vault import jwe
from orderbridge.vault.key_ring import (
    CHECK_HEADER,
    IGNORE_FILE,
    ROTATION_FILE,
    FolderKeyRing,
    KeyDead,
    WrongInstallationKey,
)
from orderbridge.vault.moments import key_name
from orderbridge.vault.rotation import NoKeyRing, rotate

NOW = datetime(2026, 11, 23, 9, 14, 5, tzinfo=UTC)
OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32
MOMENTS = [datetime(2026, 12, 23, hour, tzinfo=UTC) for hour in (7, 8, 9)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ring = FolderKeyRing(tmp_path / "ring", OLD)
    for moment in MOMENTS:
        ring.key(moment, NOW)
    return tmp_path / "ring"


def keys(folder: Path, installation_key: bytes) -> list[bytes]:
    ring = FolderKeyRing(folder, installation_key)
    return [ring.existing_key(moment, NOW) for moment in ring.alive()]


def opens_under(folder: Path, installation_key: bytes) -> list[str]:
    """The files that the key opens, hidden ones too."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        for header in (CHECK_HEADER, *({"kid": key_name(moment)} for moment in MOMENTS)):
            try:
                jwe.decrypt(path.read_text("latin-1"), header, installation_key)
                found.append(path.name)
            except jwe.NotOpened:
                continue
    return found


def test_the_same_keys_lie_under_the_new_one(folder: Path) -> None:
    before, seen = keys(folder, OLD), []
    assert rotate(folder, OLD, NEW, lambda number, of: seen.append((number, of))) == 3
    assert seen[:3] == [(1, 3), (2, 3), (3, 3)]
    assert keys(folder, NEW) == before
    assert opens_under(folder, OLD) == []
    assert len(opens_under(folder, NEW)) == 4
    with pytest.raises(WrongInstallationKey, match="ORDERBRIDGE_VAULT_KEY is not the key"):
        FolderKeyRing(folder, OLD)
    assert rotate(folder, OLD, NEW) == 3, "again, it does no harm"
    assert keys(folder, NEW) == before


def test_what_lay_under_the_old_key_is_overwritten(folder: Path, tmp_path: Path) -> None:
    path = folder / "keys" / key_name(MOMENTS[0])
    os.link(path, tmp_path / "watched")
    before = path.read_bytes()
    rotate(folder, OLD, NEW)
    after = (tmp_path / "watched").read_bytes()
    assert len(after) == len(before)
    assert after != before
    assert after != path.read_bytes()


def test_wrong_keys_change_nothing(folder: Path, tmp_path: Path) -> None:
    before = keys(folder, OLD)
    with pytest.raises(WrongInstallationKey, match="ORDERBRIDGE_VAULT_KEY is not"):
        rotate(folder, OTHER, NEW)
    assert keys(folder, OLD) == before
    with pytest.raises(NoKeyRing):
        rotate(tmp_path / "nowhere", OLD, NEW)
    assert not (tmp_path / "nowhere").exists()


def killed_at(step: int, act: Callable[[], Any]) -> bool:
    """Do it in a process that dies, as by SIGKILL, before its `step`-th use of the disk; True if it died."""
    child = os.fork()
    if child == 0:
        try:
            steps = 0

            def counted(real: Callable[..., Any]) -> Callable[..., Any]:
                def use(*arguments: Any, **options: Any) -> Any:
                    nonlocal steps
                    steps += 1
                    if steps == step:
                        os._exit(9)
                    return real(*arguments, **options)

                return use

            for module, name in ((os, "link"), (os, "fsync"), (os, "open"), (Path, "replace"), (Path, "unlink")):
                setattr(module, name, counted(getattr(module, name)))
            act()
            os._exit(0)
        except BaseException:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9)
    return status == 9


def test_killed_at_each_step_it_goes_on(tmp_path: Path) -> None:
    step = 0
    while True:
        step += 1
        folder = tmp_path / f"ring-{step}"
        ring = FolderKeyRing(folder, OLD)
        for moment in MOMENTS[:2]:
            ring.key(moment, NOW)
        before = keys(folder, OLD)
        if not killed_at(step, lambda folder=folder: rotate(folder, OLD, NEW)):  # type: ignore[misc]  # bound at once
            break
        under = [key for key in (OLD, NEW) if is_taken(folder, key)]
        assert len(under) <= 1, step
        for key in under:
            assert keys(folder, key) == before, step
        FolderKeyRing(folder, None).alive()  # the redactor goes on
        assert rotate(folder, OLD, NEW) == 2, step
        assert keys(folder, NEW) == before, step
        assert opens_under(folder, OLD) == [], step
        assert [path.name for path in folder.rglob(".*")] == [IGNORE_FILE], step
        assert not (folder / ROTATION_FILE).exists()
    assert step > 30, "so many uses of the disk there are"


def is_taken(folder: Path, key: bytes) -> bool:
    try:
        FolderKeyRing(folder, key)
    except WrongInstallationKey as error:
        assert "rotate-key" in str(error) or "is not the key" in str(error)  # noqa: PT017
        return False
    return True


def test_in_the_middle_both_keys_are_refused_and_no_key_is_made(folder: Path) -> None:
    running = FolderKeyRing(folder, OLD)  # since before
    before = keys(folder, OLD)
    while not killed_at(25, lambda: rotate(folder, OLD, NEW)):
        raise AssertionError("it was through")
    for key in (OLD, NEW):
        with pytest.raises(WrongInstallationKey, match="run `orderbridge privacy rotate-key` to its end"):
            FolderKeyRing(folder, key)
    with pytest.raises(WrongInstallationKey, match="rotate-key"):
        running.key(MOMENTS[2] + timedelta(hours=1), NOW)
    with pytest.raises(WrongInstallationKey, match="on its way to another key"):
        rotate(folder, OLD, OTHER)
    dies = MOMENTS[0]
    assert FolderKeyRing(folder, None).destroy(dies)
    assert rotate(folder, OLD, NEW) == 2
    ring = FolderKeyRing(folder, NEW)
    assert [ring.existing_key(moment, NOW) for moment in MOMENTS[1:]] == before[1:]
    with pytest.raises(KeyDead):
        ring.existing_key(dies, NOW)
    assert opens_under(folder, OLD) == []


def test_a_key_destroyed_while_it_is_encrypted_anew_stays_dead(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Path.replace

    def late(self: Path, target: Path) -> Path:
        monkeypatch.undo()
        assert FolderKeyRing(folder, None).destroy(MOMENTS[0])
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", late)
    assert rotate(folder, OLD, NEW) == 2
    assert FolderKeyRing(folder, NEW).alive() == MOMENTS[1:]
    left = sorted(path.name for path in (folder / "keys").iterdir())
    assert left == [key_name(moment) for moment in MOMENTS[1:]]
