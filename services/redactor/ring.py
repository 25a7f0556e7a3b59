"""Nothing is destroyed in a folder that holds no key ring: the one that orders are sealed under would live on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from orderbridge.bus.outcomes import NotYet
from orderbridge.database.unit_of_work import Work
from orderbridge.vault.key_ring import FolderKeyRing

LOOK_AGAIN: Final = timedelta(minutes=1)


def with_ring(handler: Callable[..., None], ring: FolderKeyRing) -> Callable[[Any, Work], None]:
    """The handler with the ring, once there is one: the first service that seals begins it.

    A folder that is not mounted, or is another than the importer's, has none. What is due waits then, and is told as
    overdue, instead of being done in vain.
    """

    def handle(event: Any, work: Work) -> None:
        if not ring.has_begun():
            raise NotYet(work.now + LOOK_AGAIN, f"there is no key ring in {ring.folder}: is it the importer's?")
        handler(event, work, ring=ring)

    return handle
