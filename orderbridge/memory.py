"""A process of ours gives memory back that it no longer needs, where its C library is glibc (mallopt(3))."""

from __future__ import annotations

import ctypes
import threading
import time
from typing import Final

_M_ARENA_MAX: Final = -8


def give_memory_back(pools: int = 2, every: float = 60.0) -> None:
    """Have glibc keep no more memory than it must, until the process ends; before any other thread starts.

    It allocates from so few `pools`. Else each thread gets one of its own, up to eight for each core, and each grows to
    what its largest page of orders took, though one thread at a time runs Python. What is free in them, between what is
    kept too, goes back `every` so many seconds. Without it an importer kept growing for an hour (docs/reliability.md,
    "Soak").
    """
    libc = ctypes.CDLL(None)
    if not (hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim")):
        return  # another C library
    libc.mallopt(_M_ARENA_MAX, pools)
    threading.Thread(target=_trim, args=(libc, every), name="memory", daemon=True).start()


def _trim(libc: ctypes.CDLL, every: float) -> None:
    while True:
        time.sleep(every)
        libc.malloc_trim(0)
