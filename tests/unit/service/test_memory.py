"""A service's threads take their memory from two pools, not from one each, and give back what they no longer need."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orderbridge.memory import ENVIRONMENT
from tests.parts.patience import PATIENCE

_PROGRAM = """
import ctypes, gc, json, sys, threading, time
from orderbridge.memory import give_memory_back

given_back = sys.argv[1] == "give back"
if given_back:
    give_memory_back(every=0.05)
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
libc.mallinfo2.restype = type("mallinfo2", (ctypes.Structure,), {
    "_fields_": [(name, ctypes.c_size_t) for name in names.split()]
})

path = sys.argv[2]
started = threading.Barrier(13)
def take():
    kept = [bytes(2000) for _ in range(100)]
    [bytes(size) for size in range(520, 980) for _ in range(7)]  # free again: some stay the thread's own
    started.wait()
    started.wait()
for _ in range(12):
    threading.Thread(target=take).start()
started.wait()
libc.malloc_info(0, ctypes.c_void_p(file := libc.fopen(path.encode(), b"w")))
libc.fclose(ctypes.c_void_p(file))
with open(path) as text:
    pools = text.read().count("<heap nr=")
in_use = libc.mallinfo2().uordblks // 1024
started.wait()

def private():
    with open("/proc/self/smaps_rollup") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty"))

blocks = [bytearray(b"x" * 4000) for _ in range(10_000)]
full = private()
del blocks[: len(blocks) - 1]  # the last one, on top, keeps the rest from going back
deadline = time.monotonic() + (float(sys.argv[3]) if given_back else 0.5)
while full - private() < 30_000 and time.monotonic() < deadline:
    time.sleep(0.02)
told = {"pools": pools, "in_use": in_use, "went_back": full - private()}

class Circle:
    alive = 0
    def __init__(self):
        self.me = self
        Circle.alive += 1
    def __del__(self):
        Circle.alive -= 1

circles = [Circle() for _ in range(20_000)]
gc.collect()  # from here on they count as old, as what a slow call holds does
del circles
while Circle.alive > 2_000 and time.monotonic() < deadline:
    time.sleep(0.02)
print(json.dumps(told | {"circles": Circle.alive, "aside": gc.get_freeze_count()}))
"""


def told(how: str, path: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Of a process with twelve threads: glibc's pools, and the KiB that count as in use; how many KiB went back of
    39,000 in small blocks; how many of 20,000 objects that only refer to themselves are left.
    """
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, how, path, str(20 * PATIENCE)],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        timeout=60 * PATIENCE,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="no glibc, which has such pools, or one before 2.33"
)
def test_threads_share_memory_and_give_it_back(tmp_path: Path) -> None:
    ours = told("give back", str(tmp_path / "ours"), ENVIRONMENT)
    let_be = told("let be", str(tmp_path / "let be"), {"GLIBC_TUNABLES": ""})
    assert ours["pools"] <= 2 < let_be["pools"]
    assert ours["in_use"] < let_be["in_use"] - 1000
    assert ours["went_back"] > 30_000 > let_be["went_back"]
    assert ours["circles"] <= 2_000 < let_be["circles"]
    assert ours["aside"] > 0
