"""Start-up time and memory of each worker: from its start until it has joined its group and is ready."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import requests

from bench.parts import arguments, kafka_and_postgres, report
from orderbridge.bus.topics import create_topics
from orderbridge.database.migrate import upgrade
from orderbridge.database.unit_of_work import Database
from orderbridge.http_session import request
from orderbridge.ports import free_port
from orderbridge.settings import PREFIX, load_settings
from orderbridge.vault.keys import new_installation_key
from tests.parts.process import wait_until

SERVICES = ("ticker", "importer", "shipper", "redactor")


def main() -> None:
    """Measure each service alone, the second of two starts (the first fills the disk's cache)."""
    given = arguments(__doc__)
    with kafka_and_postgres() as (kafka, postgres), tempfile.TemporaryDirectory() as folder:
        values = {
            "database_url": postgres.new_database(),
            "kafka_bootstrap_servers": kafka.bootstrap_servers,
            "vault_key": new_installation_key(),
            "secrets_key": new_installation_key(),
            "key_ring": f"{folder}/ring",
        }
        settings = load_settings(Path(folder), **values)
        upgrade(Database(settings.database_url).engine)
        create_topics(settings)
        environment = {f"{PREFIX}{name.upper()}": value for name, value in values.items()}
        services = {name: [_start(name, environment) for _ in range(2)][-1] for name in SERVICES}
    report({"services": services}, as_json=given.json)


def _start(service: str, environment: dict[str, str]) -> dict[str, float]:
    port = free_port()
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "orderbridge.service", service],
        env={**os.environ, **environment, f"{PREFIX}HEALTH_PORT": str(port)},
        stderr=subprocess.DEVNULL,
    )

    def ready() -> bool:
        try:
            answer = request("GET", f"http://127.0.0.1:{port}/readyz", timeout=1)
            return answer.ok and (service == "ticker" or answer.json()["partitions"] > 0)
        except requests.RequestException:
            return False

    try:
        wait_until(ready, seconds=60, what=f"{service} is ready")
        seconds = time.monotonic() - began
        memory = psutil.Process(process.pid).memory_info().rss
    finally:
        process.terminate()
        process.wait(20)
    return {"seconds": round(seconds, 2), "megabytes": round(memory / 1e6)}


if __name__ == "__main__":
    main()
