"""A service's threads take their memory from two pools, not from one each, and give back what was large."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts.patience import PATIENCE

_PROGRAM = """
import ctypes, sys, threading
from orderbridge.service import give_memory_back

if sys.argv[1] == "give back":
    give_memory_back()
started = threading.Barrier(13)
def take():
    kept = [bytes(2000) for _ in range(100)]
    started.wait()
    started.wait()
for _ in range(12):
    threading.Thread(target=take).start()
started.wait()
large = bytes(2_000_000)
del large
large = bytes(400_000)
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = libc.fopen(sys.argv[2].encode(), b"w")
libc.malloc_info(0, ctypes.c_void_p(file))
libc.fclose(ctypes.c_void_p(file))
started.wait()
"""


def memory(how: str, folder: Path) -> tuple[int, int]:
    """In how many pools glibc keeps the memory of a process with twelve threads, and how much outside of them."""
    told = folder / how
    subprocess.run([sys.executable, "-c", _PROGRAM, how, str(told)], check=True, timeout=60 * PATIENCE)
    outside = re.findall(r'<total type="mmap" count="\d+" size="(\d+)"', told.read_text())[-1]
    return told.read_text().count("<heap nr="), int(outside)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has no such pools")
def test_threads_share_memory_and_large_blocks_go_back(tmp_path: Path) -> None:
    pools, outside = memory("give back", tmp_path)
    assert pools <= 2
    pools_let_be, outside_let_be = memory("let be", tmp_path)
    assert pools_let_be > 2
    assert outside - outside_let_be > 300_000
