"""Prometheus as Debian has it: scrapes a house, and answers queries."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from orderbridge.ports import free_port
from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until
from tests.parts.requirement import skip_or_fail

DEPLOY = Path(__file__).parents[2] / "deploy"
_HOW = "install Prometheus (Debian: apt install prometheus)"


def program(name: str) -> str:
    """The path of `prometheus` or `promtool`; skips the test where it is missing."""
    return shutil.which(name) or skip_or_fail("prometheus", _HOW)


class Prometheus:
    """A running server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query. Raises AssertionError for one that Prometheus does not understand."""
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=20).json()
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found


@contextmanager
def prometheus(folder: Path, targets: Iterable[str]) -> Iterator[Prometheus]:
    """Scrapes the targets every second, with our alert rules, as long as the block runs."""
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(DEPLOY / "prometheus" / "alerts.yml")],
        "scrape_configs": [{"job_name": "orderbridge", "static_configs": [{"targets": list(targets)}]}],
    }
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(configuration))  # JSON is YAML
    address = f"127.0.0.1:{free_port([9090])}"
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={file}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    server = Prometheus(f"http://{address}")

    def ready() -> bool:
        try:
            return requests.get(f"{server.url}/-/ready", timeout=2).ok
        except requests.ConnectionError:
            return False

    try:
        wait_until(ready, seconds=30, what="Prometheus")
        yield server
    finally:
        process.terminate()
        process.wait(20 * PATIENCE)
