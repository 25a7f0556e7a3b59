"""The whole system as it is deployed: every service a process of its own, on real Kafka and PostgreSQL."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from orderbridge.accounts.onboarding import connect_account
from orderbridge.accounts.settings import AccountSettings
from orderbridge.bus.topics import create_topics
from orderbridge.database.migrate import upgrade
from orderbridge.database.unit_of_work import Database
from orderbridge.ports import free_port
from orderbridge.settings import PREFIX, load_settings
from orderbridge.supervisor import Supervisor
from orderbridge.vault.keys import new_installation_key
from schemas.imports import ImportDue
from tests.parts.process import wait_until

WORKERS = ("ticker", "importer", "shipper", "redactor")


class DistributedHouse:
    """Services by name (`shipper`, `shipper-2`, …), each with a stable instance name, restarted when it dies.

    `environment` is what a process needs that a test starts itself.
    """

    def __init__(
        self,
        folder: Path,
        kafka: str,
        database_url: str,
        topic_prefix: str,
        *,
        speed: int,
        workers: tuple[str, ...],
        store: bool = True,
        access: Callable[[str], Mapping[str, str]] = lambda _role: {},
        amazon: str | None = None,
    ) -> None:
        """With `store` there is a storefront, a whole store. `access`: the settings with which each role of
        `orderbridge.bus.acl` is let into Kafka; what is done here is the operator's. `amazon` is a proxy before the
        sandbox (`host:port`).
        """
        self._outside = Supervisor(folder / "logs")  # Amazon and the store, who go on when our services stop
        self._supervisor = Supervisor(folder / "logs")
        self._workers = workers
        self.sandbox = f"http://127.0.0.1:{free_port()}"
        self.storefront = f"http://127.0.0.1:{free_port()}"
        self.health = {worker: f"http://127.0.0.1:{free_port()}" for worker in workers}
        api_url = f"http://{amazon}" if amazon else self.sandbox
        values = {
            "database_url": database_url,
            "kafka_bootstrap_servers": kafka,
            "topic_prefix": topic_prefix,
            "topic_partitions": "3",
            "vault_key": new_installation_key(),
            "secrets_key": new_installation_key(),
            "key_ring": str(folder / "key-ring"),
            "amazon_api_url": api_url,
            "amazon_login_url": f"{api_url}/auth/o2/token",
            "amazon_client_id": "sandbox-client",
            "amazon_client_secret": "sandbox-secret",
            "storefront_port": self.storefront.rsplit(":", 1)[1],
            "storefront_database": str(folder / "storefront.sqlite"),
            "log_format": "json",
        }
        self.environment = {f"{PREFIX}{name.upper()}": value for name, value in values.items()}
        self.settings = load_settings(folder, **values, **access("operator"))
        self._access = access
        self.database = Database(self.settings.database_url)
        self._speed = speed
        self._has_store = store
        self.folder = folder

    def start(self) -> None:
        """Everything, ready and joined."""
        upgrade(self.database.engine)
        create_topics(self.settings)
        port = self.sandbox.rsplit(":", 1)[1]
        data = str(self.folder / "sandbox")
        self._outside.start("sandbox", ["--port", port, "--speed", str(self._speed), "--data", data], {})
        self._wait("sandbox", f"{self.sandbox}/_sandbox/health")
        self.connect()
        if self._has_store:
            self._outside.start("storefront", [], self.environment | self._variables("store"))
            self._wait("storefront", f"{self.storefront}/healthz")
        self.start_workers()

    def connect(self) -> None:
        """The sandbox's account, to our own installation."""
        settings = AccountSettings(enabled=True, import_from=datetime.now(UTC) - timedelta(days=31))
        connect_account(self.settings, self.database, "main", "sandbox-refresh-token-main", settings)

    def start_workers(self) -> None:
        """Our services, ready and joined."""
        for worker in self._workers:
            own = {f"{PREFIX}HEALTH_PORT": self.health[worker].rsplit(":", 1)[1], f"{PREFIX}INSTANCE": worker}
            role = worker.split("-")[0]
            environment = {**self.environment, **self._variables(role), **own}
            self._supervisor.start(role, [], environment, name=worker)
        for worker in self._workers:
            self._wait(worker, f"{self.health[worker]}/readyz")

    def _variables(self, role: str) -> dict[str, str]:
        return {f"{PREFIX}{name.upper()}": value for name, value in self._access(role).items()}

    def stop_workers(self) -> None:
        """Our services end, orderly; Amazon and the store stay."""
        self._supervisor.stop()
        self._supervisor = Supervisor(self.folder / "logs")

    def kill(self, worker: str) -> None:
        """SIGKILL; the supervisor starts it again a second later."""
        os.kill(self._supervisor.pids()[worker], signal.SIGKILL)

    def pids(self) -> dict[str, int]:
        """The process id of everything that runs, by name."""
        return self._outside.pids() | self._supervisor.pids()

    def watch(self) -> None:
        """Restart what has died."""
        self._outside.watch()
        self._supervisor.watch()

    def import_now(self) -> None:
        """Press the button."""
        with self.database.unit_of_work() as work:
            work.post(ImportDue(account_id="main", reason="now"), name="test:import")

    def get(self, url: str) -> Any:
        """JSON of a part."""
        answer = requests.get(url, timeout=300)  # books of ten thousand orders take their time
        answer.raise_for_status()
        return answer.json()

    def post(self, url: str, body: Mapping[str, Any]) -> Any:
        """Post JSON to a part."""
        answer = requests.post(url, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def close(self) -> None:
        """Stop everything."""
        self._supervisor.stop()
        self._outside.stop()
        self.database.close()

    def _wait(self, name: str, url: str) -> None:
        def answers() -> bool:
            self.watch()
            try:
                return requests.get(url, timeout=2).ok
            except requests.RequestException:
                return False

        wait_until(answers, seconds=90, what=f"{name} is ready", interval=0.1)
