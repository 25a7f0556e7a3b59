"""What the ring remembers of single orders: redacted early, sealed anew for an earlier day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orderbridge.vault.key_ring import FolderKeyRing
from orderbridge.vault.marks import Superseded
from orderbridge.vault.seal import SealRefused, SealSuperseded, open_seal, seal

NOW = datetime(2026, 11, 23, 9, 14, 5, tzinfo=UTC)
LATER, SOONER = NOW + timedelta(days=30), NOW + timedelta(days=7)


@pytest.fixture
def ring(tmp_path: Path) -> FolderKeyRing:
    return FolderKeyRing(tmp_path, b"k" * 32)


def test_a_seal_that_dies_later_than_the_newest_is_refused(ring: FolderKeyRing) -> None:
    former = seal(ring, "114-1", b"Ann", LATER, NOW)
    others = seal(ring, "114-2", b"Bob", LATER, NOW)
    newest = seal(ring, "114-1", b"Ann", SOONER, NOW)
    assert ring.refused_after("114-1") is None
    ring.refuse_after("114-1", ring.moment_for(SOONER), ring.moment_for(LATER))
    with pytest.raises(SealSuperseded) as caught:
        open_seal(ring, "114-1", former, NOW)
    assert isinstance(caught.value, SealRefused)
    assert open_seal(ring, "114-1", newest, NOW) == b"Ann"
    assert open_seal(ring, "114-2", others, NOW) == b"Bob"
    ring.refuse_after("114-1", ring.moment_for(LATER), ring.moment_for(SOONER))
    assert open_seal(ring, "114-1", former, NOW) == b"Ann"
    later = ring.moment_for(LATER)
    assert list(ring.superseded()) == [Superseded("114-1", later, later)], "as long as it was ever to be"
    ring.forget_superseded("114-1")
    ring.forget_superseded("114-1")
    assert list(ring.superseded()) == []
    assert ring.refused_after("114-1") is None


def test_orders_that_were_redacted_early_are_listed(ring: FolderKeyRing, tmp_path: Path) -> None:
    marked = {"114-1", "../../etc/passwd", "114-2"}
    for order_id in marked:
        for _ in range(2):
            ring.mark_redacted(order_id)
    (tmp_path / "redacted" / ".half-made").write_text("114-3")
    assert sorted(ring.redacted_orders()) == sorted(marked)


def test_what_was_destroyed_is_listed(ring: FolderKeyRing) -> None:
    moment = ring.moment_for(LATER)
    ring.key(moment, NOW)
    assert (ring.alive(), ring.destroyed()) == ([moment], [])
    ring.destroy(moment)
    assert (ring.alive(), ring.destroyed()) == ([], [moment])
