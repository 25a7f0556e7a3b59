"""The reporter's worker: what is slow elsewhere is not its own standing still."""

from __future__ import annotations

from pathlib import Path

from orderbridge.database.unit_of_work import Database
from orderbridge.mail.delivery import LONGEST
from orderbridge.settings import load_settings
from services.reporter.app import wire


def test_the_longest_delivery_is_not_stuck(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'none.sqlite'}")
    worker = wire(load_settings(tmp_path), database)
    database.close()
    assert LONGEST < worker._stuck_after < 2 * LONGEST
