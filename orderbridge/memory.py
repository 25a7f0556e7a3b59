"""A process of ours gives memory back that it no longer needs: to Python, and to the system (mallopt(3))."""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from typing import Final

ENVIRONMENT: Final = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=1"}
"""What a process of ours is started with, since it cannot be set later (glibc's manual, "Tunables").

Each thread of glibc's keeps up to seven free blocks of each size up to 1 KiB to itself. With 32 threads that is 7 MiB,
which fill within hours, as each comes by each size. One of each is as fast.
"""
_M_ARENA_MAX: Final = -8


def give_memory_back(pools: int = 2, every: float = 60.0) -> None:
    """Have this process keep no more memory than it must, until it ends; before any other thread starts.

    `every` so many seconds:

    - what refers to itself, and nothing else to it, is freed. Python looks through everything for that only once there
      is a quarter more of it: with the 200,000 objects of our libraries, after hours of mails. Those are set aside once
      all is loaded (`gc.freeze`), so that a look takes milliseconds.
    - what is free goes back to the system, between what is kept too. glibc allocates from so few `pools`. Else each
      thread gets one of its own, up to eight for each core, and each grows to what its largest page of orders took,
      though one thread at a time runs Python.

    Without it an importer kept growing for an hour (docs/reliability.md, "Soak").
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # other C libraries have no such pools
        libc.mallopt(_M_ARENA_MAX, pools)
    threading.Thread(target=_give_back, args=(libc, every), name="memory", daemon=True).start()


def _give_back(libc: ctypes.CDLL, every: float) -> None:
    time.sleep(every)
    gc.collect()
    gc.freeze()
    while True:
        if hasattr(libc, "malloc_trim"):
            libc.malloc_trim(0)
        time.sleep(every)
        gc.collect()
