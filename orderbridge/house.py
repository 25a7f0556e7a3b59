"""The whole system on one machine, without Docker: an embedded broker, SQLite, and every service as a child process."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import requests

from orderbridge.accounts import AccountSettings, find_account
from orderbridge.bus.embedded import EmbeddedBroker
from orderbridge.database.migrate import upgrade
from orderbridge.database.unit_of_work import Database
from orderbridge.onboarding import check_endpoints, connect_account
from orderbridge.settings import ENVIRONMENT_FILE, PREFIX, load_settings
from orderbridge.supervisor import Supervisor
from orderbridge.vault.keys import new_installation_key

ENGINE = ("ticker", "importer", "shipper", "redactor")
_READY_SECONDS = 60.0
_SANDBOX_CLIENT = {"amazon_client_id": "sandbox-client", "amazon_client_secret": "sandbox-secret"}
_SANDBOX_TOKEN = "sandbox-refresh-token-main"  # noqa: S105  (of our own sandbox, which anyone may read)


class HouseError(Exception):
    """The house cannot be started; the message says why and what to do."""


@dataclass(frozen=True)
class Plan:
    """What a house is to be: where its data lies, and whether Amazon is the sandbox."""

    data: Path
    """Addresses and the environment for commands typed beside it."""
    store: Path
    """Database, sandbox, storefront and logs."""
    key_ring: Path
    grid: timedelta
    speed: int
    sandbox: bool
    account: AccountSettings | None
    """Settings of the sandbox's account."""


class House:
    """A running house. `settings` are those of its services; `addresses` where its parts answer."""

    def __init__(self, plan: Plan, stop: threading.Event, say: Callable[[str], None] = lambda _: None) -> None:
        self.plan = plan
        self._stop = stop
        self._say = say
        self._lock = _take_lock(plan.data)
        plan.store.mkdir(parents=True, exist_ok=True)
        self._supervisor = Supervisor(plan.store / "logs")
        self._kept = _kept_values(plan)
        self._broker = EmbeddedBroker()
        values = self._values()
        self.environment = {f"{PREFIX}{name.upper()}": value for name, value in values.items()}
        self.settings = load_settings(plan.data, **values)
        self.database = Database(self.settings.database_url)
        self.addresses = self._addresses()

    def start(self) -> None:
        """Start everything and return when all is ready.

        Raises HouseError naming what is not, or when it is told to stop meanwhile.
        """
        upgrade(self.database.engine)
        _write_private(self.plan.data / ENVIRONMENT_FILE, "".join(f"{k}={v}\n" for k, v in self.environment.items()))
        (self.plan.data / "addresses.json").write_text(json.dumps(self.addresses, indent=2) + "\n")
        if self.plan.sandbox:
            self._say("Starting the sandbox: a small Amazon of your own")
            port = self.addresses["sandbox"].rsplit(":", 1)[1]
            arguments = ["--port", port, "--speed", str(self.plan.speed), "--data", str(self.plan.store / "sandbox")]
            self._supervisor.start("sandbox", arguments, self.environment)
            self._wait("sandbox", f"{self.addresses['sandbox']}/_sandbox/health")
            with self.database.unit_of_work() as work:
                known = find_account(work, "main")
            if known is None:
                connect_account(self.settings, self.database, "main", _SANDBOX_TOKEN, self.plan.account)
        check_endpoints(self.settings, self.database)
        self._say("Starting the services")
        for service in ENGINE:
            health = self.addresses["health"][service]
            port = {f"{PREFIX}HEALTH_PORT": health.rsplit(":", 1)[1]}
            self._supervisor.start(service, [], {**self.environment, **port})
        self._supervisor.start("storefront", [], self.environment)
        self._wait("storefront", f"{self.addresses['storefront']}/healthz")
        for service in ENGINE:
            self._wait(service, f"{self.addresses['health'][service]}/readyz", joined=service != "ticker")

    def watch(self) -> None:
        """Restart what has ended."""
        self._supervisor.watch()

    def pids(self) -> dict[str, int]:
        """Process ids of the running services."""
        return self._supervisor.pids()

    def stop(self) -> None:
        """Stop everything."""
        self._supervisor.stop()
        self.database.close()
        self._broker.close()
        for name in (ENVIRONMENT_FILE, "addresses.json"):
            (self.plan.data / name).unlink(missing_ok=True)
        self._lock.close()

    def _wait(self, name: str, url: str, *, joined: bool = False) -> None:
        end = time.monotonic() + _READY_SECONDS
        while time.monotonic() < end:
            self._supervisor.watch()
            if self._stop.is_set():
                raise HouseError("Stopped before everything was ready.")
            if name in self._supervisor.failing():
                break
            try:
                answer = requests.get(url, timeout=2)
                if answer.ok and not (joined and answer.json().get("partitions", 0) == 0):
                    return
            except requests.RequestException:
                pass
            self._stop.wait(0.1)
        raise HouseError(f"{name} did not become ready; its log is {self.plan.store / 'logs' / name}.log")

    def _values(self) -> dict[str, str]:
        """The settings of all services, by name."""
        plan, kept = self.plan, self._kept
        values = {
            "database_url": f"sqlite:///{plan.store.resolve() / 'orderbridge.sqlite'}",
            "kafka_bootstrap_servers": self._broker.bootstrap_servers,
            "kafka_embedded": "true",
            "topic_partitions": "4",
            "vault_key": kept["vault_key"],
            "secrets_key": kept["secrets_key"],
            "key_ring": str(plan.key_ring.resolve()),
            "key_ring_grid_seconds": str(int(plan.grid.total_seconds())),
            "storefront_port": str(_free_port(8401)),
            "storefront_database": str(plan.store.resolve() / "storefront.sqlite"),
            "log_format": "json",
        }
        if plan.sandbox:
            url = f"http://127.0.0.1:{kept['sandbox_port']}"
            values |= {**_SANDBOX_CLIENT, "amazon_api_url": url, "amazon_login_url": f"{url}/auth/o2/token"}
        return values

    def _addresses(self) -> dict[str, Any]:
        health = {name: f"http://127.0.0.1:{_free_port(8410 + index)}" for index, name in enumerate(ENGINE)}
        return {
            "kafka": self.settings.kafka_bootstrap_servers,
            "storefront": f"http://127.0.0.1:{self.settings.storefront_port}",
            **({"sandbox": self.settings.amazon_api_url} if self.plan.sandbox else {}),
            "health": health,
        }


def clean(folder: Path) -> None:
    """Empty a demo's store."""
    shutil.rmtree(folder, ignore_errors=True)


def _kept_values(plan: Plan) -> dict[str, str]:
    """Secrets and the sandbox's port, made at the first start and kept: accounts and seals depend on them."""
    file = plan.store / "kept.json"
    if file.exists():
        kept: dict[str, str] = json.loads(file.read_text())
        return kept
    kept = {
        "vault_key": new_installation_key(),
        "secrets_key": new_installation_key(),
        "sandbox_port": str(_free_port(8402)),
    }
    _write_private(file, json.dumps(kept))
    return kept


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _take_lock(data: Path) -> IO[str]:
    """One house per data folder; the lock falls with its process."""
    data.mkdir(parents=True, exist_ok=True)
    lock = (data / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise HouseError(
            f"Another `orderbridge up` or `demo` runs in {data}. Stop it, or use another folder with --data."
        ) from None
    return lock


def _free_port(preferred: int) -> int:
    """The preferred port of loopback, or any free one where it is taken."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise HouseError("no free port on 127.0.0.1")
