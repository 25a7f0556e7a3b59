"""What the processes of the key ring's tests do. On its own, so that they start without importing pytest."""

from __future__ import annotations

from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

from orderbridge.vault.key_ring import FolderKeyRing, KeyDead


def make_key(
    folder: Path, installation_key: bytes, moment: datetime, now: datetime, barrier: Barrier, answers: Connection
) -> None:
    barrier.wait(60)
    answers.send_bytes(FolderKeyRing(folder, installation_key).key(moment, now))


def use_key_when_asked(
    folder: Path, installation_key: bytes, moment: datetime, now: datetime, asked: Connection, answers: Connection
) -> None:
    ring = FolderKeyRing(folder, installation_key)
    while asked.recv():
        try:
            answers.send(ring.key(moment, now).hex())
        except KeyDead:
            answers.send("dead")
