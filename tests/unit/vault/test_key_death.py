"""How a key of the ring dies: at its moment, or destroyed, in the middle of whatever others do."""

from __future__ import annotations

import multiprocessing
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orderbridge.vault import key_ring as key_ring_module
from orderbridge.vault.key_ring import FolderKeyRing, KeyDead, WrongInstallationKey, key_name
from tests.unit.vault.ring_processes import use_key_when_asked

NOW = datetime(2026, 11, 23, 9, 14, 5, tzinfo=UTC)
MOMENT = datetime(2026, 12, 23, 9, tzinfo=UTC)
INSTALLATION_KEY = b"k" * 32
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
SPAWN = multiprocessing.get_context("spawn")  # a fork would share the parent's memory


def key_file(folder: Path) -> Path:
    return folder / "keys" / key_name(MOMENT)


def test_a_key_whose_moment_is_over_is_not_given_nor_made(tmp_path: Path) -> None:
    ring = FolderKeyRing(tmp_path, INSTALLATION_KEY)
    ring.key(MOMENT, MOMENT - SECOND)
    for moment, now in [(MOMENT, MOMENT), (MOMENT, MOMENT + HOUR), (MOMENT - HOUR, MOMENT)]:
        for give in (ring.key, ring.existing_key):
            with pytest.raises(KeyDead) as caught:
                give(moment, now)
            assert caught.value.moment == moment
    assert ring.alive() == [MOMENT], "it is over, but only `destroy` removes it"


def test_destroyed_is_overwritten_removed_and_never_made_again(tmp_path: Path) -> None:
    ring = FolderKeyRing(tmp_path, INSTALLATION_KEY)
    ring.key(MOMENT, NOW)
    with key_file(tmp_path).open("rb") as file:
        before = file.read()
        assert ring.destroy(MOMENT) is True
        file.seek(0)
        after = file.read()
    assert len(after) == len(before)
    assert sum(a == b for a, b in zip(before, after, strict=True)) < len(before) // 4, "overwritten in place"
    assert not key_file(tmp_path).exists()
    assert ring.destroy(MOMENT) is False
    assert ring.alive() == []
    for again in (ring, FolderKeyRing(tmp_path, INSTALLATION_KEY)):
        for give in (again.key, again.existing_key):
            with pytest.raises(KeyDead):
                give(MOMENT, NOW)
    assert not key_file(tmp_path).exists()


def test_destroying_needs_the_folder_and_not_the_key(tmp_path: Path) -> None:
    redactors = FolderKeyRing(tmp_path, None)
    assert redactors.destroy(MOMENT - HOUR) is False  # the redactor may be the first to start
    ring = FolderKeyRing(tmp_path, INSTALLATION_KEY)
    ring.key(MOMENT, NOW)
    for give in (redactors.key, redactors.existing_key):
        with pytest.raises(WrongInstallationKey, match="ORDERBRIDGE_VAULT_KEY"):
            give(MOMENT, NOW)
    assert redactors.alive() == [MOMENT]
    assert redactors.destroy(MOMENT) is True
    with pytest.raises(KeyDead):
        ring.existing_key(MOMENT, NOW)


def test_the_tombstone_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = FolderKeyRing(tmp_path, INSTALLATION_KEY)
    ring.key(MOMENT, NOW)

    def crash(path: Path) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(key_ring_module, "erase", crash)
        with pytest.raises(KeyboardInterrupt):
            ring.destroy(MOMENT)
    assert key_file(tmp_path).exists()
    with pytest.raises(KeyDead):
        ring.existing_key(MOMENT, NOW)
    assert ring.alive() == [MOMENT], "still listed, so that it is destroyed"
    assert ring.destroy(MOMENT) is True


def test_a_key_destroyed_while_it_is_made_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring, redactors = FolderKeyRing(tmp_path, INSTALLATION_KEY), FolderKeyRing(tmp_path, None)
    link = os.link

    def late(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        assert redactors.destroy(MOMENT) is False
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(KeyDead):
        ring.key(MOMENT, NOW)
    assert list((tmp_path / "keys").iterdir()) == []


def test_a_key_destroyed_while_it_is_read_is_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring, redactors = FolderKeyRing(tmp_path, INSTALLATION_KEY), FolderKeyRing(tmp_path, None)
    ring.key(MOMENT, NOW)
    read_text = Path.read_text

    def late(path: Path, encoding: str) -> str:
        redactors.destroy(MOMENT)
        return read_text(path, encoding)

    monkeypatch.setattr(Path, "read_text", late)
    with pytest.raises(KeyDead):
        ring.existing_key(MOMENT, NOW)


def test_a_process_that_has_used_a_key_cannot_use_it_after_its_death(tmp_path: Path) -> None:
    asked, ask = SPAWN.Pipe(duplex=False)
    answer, answered = SPAWN.Pipe(duplex=False)
    arguments = (tmp_path, INSTALLATION_KEY, MOMENT, NOW, asked, answered)
    process = SPAWN.Process(target=use_key_when_asked, args=arguments)
    process.start()
    answers = []
    for destroyed in (False, False, True):
        if destroyed:
            FolderKeyRing(tmp_path, None).destroy(MOMENT)
        ask.send(True)
        assert answer.poll(60)
        answers.append(answer.recv())
    ask.send(False)
    process.join(60)
    assert process.exitcode == 0
    assert answers[0] == answers[1] != answers[2] == "dead"
