"""A service's threads take their memory from two pools, not from one each."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
import ctypes, sys, threading
from orderbridge.service import share_memory_among_threads

share = sys.argv[1] == "share"
if share:
    share_memory_among_threads()
started = threading.Barrier(13)
def take():
    kept = [bytes(2000) for _ in range(100)]
    started.wait()
    started.wait()
for _ in range(12):
    threading.Thread(target=take).start()
started.wait()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = libc.fopen(sys.argv[2].encode(), b"w")
libc.malloc_info(0, ctypes.c_void_p(file))
libc.fclose(ctypes.c_void_p(file))
started.wait()
"""


def pools(how: str, folder: Path) -> int:
    """In how many pools glibc keeps the memory of a process with twelve threads."""
    told = folder / how
    subprocess.run([sys.executable, "-c", _PROGRAM, how, str(told)], check=True, timeout=60)
    return told.read_text().count("<heap nr=")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has no such pools")
def test_threads_share_memory(tmp_path: Path) -> None:
    assert pools("share", tmp_path) <= 2
    assert pools("let be", tmp_path) > 2
