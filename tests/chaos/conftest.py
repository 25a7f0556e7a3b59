"""What a test of chaos has beside its own Kafka and PostgreSQL: proxies before them, and a small disk."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.parts.chaos.house import ChaosHouse
from tests.parts.chaos.run import Run
from tests.parts.chaos.schedule import Size, schedule
from tests.parts.kafka import Kafka
from tests.parts.postgres import Postgres
from tests.parts.tcp_proxy import TcpProxy

SEED = int(os.environ.get("ORDERBRIDGE_CHAOS_SEED") or random.randrange(1_000_000))


@pytest.fixture
def proxies(kafka_proxy: TcpProxy) -> Iterator[dict[str, TcpProxy]]:
    """Before every tier."""
    more = {"postgres": TcpProxy(), "amazon": TcpProxy()}
    yield {"kafka": kafka_proxy, **more}
    for proxy in more.values():
        proxy.close()


@pytest.fixture
def small_disk(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder on a disk of its own, of the size that the test's `size` says; an ordinary one where none may be made.

    `Path.is_mount` tells which it is.
    """
    size: Size = request.getfixturevalue("size")
    folder = Path(tempfile.mkdtemp(prefix="orderbridge-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size.disk},mode=0755", "tmpfs", str(folder)]
    mounted = shutil.which("mount") is not None and subprocess.run(mount, capture_output=True).returncode == 0
    folder.chmod(0o755)
    yield folder
    if mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def go(
    size: Size,
    own_kafka: Kafka,
    own_postgres: Postgres,
    proxies: dict[str, TcpProxy],
    small_disk: Path,
    tmp_path: Path,
) -> Callable[..., dict[str, Any]]:
    """Has one run, with the faults of some kinds or of all, and a planted defect or none; returns its result."""

    def run(faults: tuple[str, ...] | None = None, defect: str | None = None) -> dict[str, Any]:
        plan = schedule(SEED, size, faults)
        disk = small_disk if small_disk.is_mount() else None
        return Run(ChaosHouse(tmp_path, own_kafka, own_postgres, proxies, disk, size, plan, defect), size, plan)()

    return run
