"""The whole system on one machine, without Docker: an embedded broker, SQLite, and every service as a child process."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from orderbridge.access.links import create_first_owner_link
from orderbridge.access.users import has_owner
from orderbridge.accounts import find_account
from orderbridge.accounts.onboarding import check_endpoints, connect_account
from orderbridge.accounts.settings import AccountSettings
from orderbridge.amazon import AmazonError
from orderbridge.api_tokens import NAME_THE_PERSON, OPEN_PERSONAL_DATA, create_token, revoke_tokens
from orderbridge.bus.embedded import EmbeddedBroker
from orderbridge.data_folder import HouseError, kept_values, tell
from orderbridge.database.engine import is_outage
from orderbridge.database.migrate import upgrade
from orderbridge.database.models import Subscription
from orderbridge.database.unit_of_work import Database
from orderbridge.http_session import request
from orderbridge.mail.server import mail_server
from orderbridge.ports import free_port
from orderbridge.settings import PREFIX, contradicted, load_settings
from orderbridge.supervisor import Supervisor

ENGINE = ("ticker", "importer", "shipper", "redactor", "api", "console", "reporter")
_JOINS = ("importer", "shipper", "redactor", "reporter")
"""Those that read topics."""
_LISTENER = "listener"
_STOREFRONTS = "storefront of this house"
_CONSOLES = "console of this house"
_LOOK_EVERY = 5.0
_READY_SECONDS = 60.0
_SANDBOX_CLIENT = {
    "amazon_client_id": "sandbox-client",
    "amazon_client_secret": "sandbox-secret",
    "amazon_application_id": "amzn1.sp.solution.sandbox",
}
_SANDBOX_TOKEN = "sandbox-refresh-token-main"  # noqa: S105  (of our own sandbox, which anyone may read)


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
    keys: Mapping[str, str] = field(default_factory=dict)
    """`vault_key` and `secrets_key`, as far as the installation was given them; else the house makes its own."""
    storefront_port: int = 8401
    """Where the example store is to answer, if that is free."""
    console_port: int = 8400
    """The same of the console."""
    public_url: str | None = None
    """The console's address as people type it, where the installation was given one."""


def plan_to_stand(data: Path, key_ring: Path | None, speed: int) -> Plan:
    """What `orderbridge up` runs, by its settings; the folder is its own already (`one_house`).

    Raises HouseError if the key ring lies in the data folder, BadSettings.
    """
    given = load_settings(data)
    beside = given.key_ring if "key_ring" in given.model_fields_set else data.parent / f"{data.name}-key-ring"
    ring = key_ring or beside
    if ring.resolve().is_relative_to(data.resolve()):
        raise HouseError(
            f"The key ring {ring} lies within the data folder: a copy of the data would carry its keys along. "
            "Choose another place with --key-ring."
        )
    sandbox = given.amazon_client_id is None
    if not sandbox:
        given.need("amazon_client_secret")
    return Plan(
        data=data,
        store=data,
        key_ring=ring,
        grid=timedelta(hours=1),
        speed=speed,
        sandbox=sandbox,
        account=AccountSettings(enabled=True, import_every_minutes=1),
        storefront_port=given.storefront_port,
        console_port=given.console_port,
        public_url=given.public_url if "public_url" in given.model_fields_set else None,
        keys={name: given.need(name) for name in ("vault_key", "secrets_key") if getattr(given, name) is not None},
    )


class House:
    """A running house, within `one_house`. `settings` are its services', `addresses` where its parts answer."""

    def __init__(self, plan: Plan, stop: threading.Event, say: Callable[[str], None] = lambda _: None) -> None:
        self.plan = plan
        self._stop = stop
        self._say = say
        plan.store.mkdir(parents=True, exist_ok=True)
        self._supervisor = Supervisor(plan.store / "logs")
        self._kept = kept_values(plan.store, plan.keys, plan.key_ring, free_port([8402]))
        self._broker = EmbeddedBroker()
        values = self._values()
        self.environment = {f"{PREFIX}{name.upper()}": value for name, value in values.items()}
        self.settings = load_settings(plan.data, **values)
        mail_server(self.settings)  # a wrong one is said before anything starts
        self.database = Database(self.settings.database_url)
        self.addresses = self._addresses()
        self.first_owner_link: str | None = None
        self._looked_at = -_LOOK_EVERY

    def refuse_contradictions(self) -> None:
        """Raises HouseError if the environment gives another value than the house: commands would follow that.

        The form of log lines is everybody's own.
        """
        names = [name for name in contradicted(self.settings) if name != f"{PREFIX}LOG_FORMAT"]
        if names:
            raise HouseError(
                f"The environment has its own {', '.join(names)}, and a command typed beside this house would follow "
                "that. Unset it and start again."
            )

    def start(self) -> None:
        """Start everything and return when all is ready.

        Raises HouseError naming what is not, or when it is told to stop meanwhile; WrongEndpoint if an account was
        connected elsewhere.
        """
        if not upgrade(self.database.engine):
            self._say("The database is ahead of this release: one release back may be")
        self.environment[f"{PREFIX}API_TOKEN"] = self._new_token(_STOREFRONTS)
        consoles = {f"{PREFIX}API_TOKEN": self._new_token(_CONSOLES, NAME_THE_PERSON)}
        self._await_the_first_owner()
        tell(self.plan.data, self.environment, self.addresses)
        if self.plan.sandbox:
            self._say("Starting the sandbox: a small Amazon of your own")
            port = self.addresses["sandbox"].rsplit(":", 1)[1]
            arguments = ["--port", port, "--speed", str(self.plan.speed), "--data", str(self.plan.store / "sandbox")]
            self._supervisor.start("sandbox", arguments, self.environment)
            self._wait("sandbox", f"{self.addresses['sandbox']}/_sandbox/health")
            with self.database.unit_of_work() as work:
                known = find_account(work, "main")
            if known is None:
                try:
                    connect_account(self.settings, self.database, "main", _SANDBOX_TOKEN, self.plan.account)
                except AmazonError as error:
                    raise HouseError(f"The sandbox did not take its own account: {error}") from error
        check_endpoints(self.settings, self.database)
        self._say("Starting the services")
        for service in ENGINE:
            health = self.addresses["health"][service]
            port = {f"{PREFIX}HEALTH_PORT": health.rsplit(":", 1)[1]}
            own = consoles if service == "console" else {}
            self._supervisor.start(service, [], {**self.environment, **own, **port})
        self._supervisor.start("storefront", [], self.environment)
        self._wait("storefront", f"{self.addresses['storefront']}/healthz")
        for service in ENGINE:
            self._wait(service, f"{self.addresses['health'][service]}/readyz", joined=service in _JOINS)

    def _new_token(self, name: str, *more: str) -> str:
        """A token to open personal data by (and more), new at each start, in the place of the last of that name."""
        with self.database.unit_of_work() as work:
            revoke_tokens(work, name)
            _, secret = create_token(work, name, [OPEN_PERSONAL_DATA, *more])
        return secret

    def _await_the_first_owner(self) -> None:
        """A link for whoever started this house, until the console has an owner."""
        with self.database.unit_of_work() as work:
            if not has_owner(work):
                token = create_first_owner_link(work)
                self.first_owner_link = f"{self.settings.public_url.rstrip('/')}/join/{token}"

    def watch(self) -> None:
        """Restart what has ended; start the listener once an account is subscribed to Amazon's notifications."""
        self._supervisor.watch()
        health = self.addresses["health"]
        if _LISTENER in health or time.monotonic() - self._looked_at < _LOOK_EVERY or not self._is_subscribed():
            return
        port = free_port([8410 + len(health)])
        health[_LISTENER] = f"http://127.0.0.1:{port}"
        tell(self.plan.data, self.environment, self.addresses)
        self._supervisor.start(_LISTENER, [], {**self.environment, f"{PREFIX}HEALTH_PORT": str(port)})

    def pids(self) -> dict[str, int]:
        """Process ids of the running services."""
        return self._supervisor.pids()

    def stop(self) -> None:
        """Stop everything but the broker, which ends with this process."""
        self._supervisor.stop()
        self.database.close()

    def _is_subscribed(self) -> bool:
        self._looked_at = time.monotonic()
        try:
            with self.database.unit_of_work() as work:
                return work.session.scalars(select(Subscription.account_id).limit(1)).first() is not None
        except DBAPIError as error:
            if not is_outage(error):
                raise
            return False  # asked again soon

    def _wait(self, name: str, url: str, *, joined: bool = False) -> None:
        end = time.monotonic() + _READY_SECONDS
        while time.monotonic() < end:
            self._supervisor.watch()
            if self._stop.is_set():
                raise HouseError("Stopped before everything was ready.")
            if name in self._supervisor.failing():
                break
            try:
                answer = request("GET", url, timeout=2)
                if answer.ok and not (joined and answer.json().get("partitions", 0) == 0):
                    return
            except requests.RequestException:
                pass
            self._stop.wait(0.1)
        raise HouseError(f"{name} did not become ready; its log is {self.plan.store / 'logs' / name}.log")

    def _values(self) -> dict[str, str]:
        """The settings of all services, by name."""
        plan, kept = self.plan, self._kept
        api_port, console_port = free_port([8403]), free_port([plan.console_port])
        values = {
            "database_url": f"sqlite:///{plan.store.resolve() / 'orderbridge.sqlite'}",
            "kafka_bootstrap_servers": self._broker.bootstrap_servers,
            "kafka_embedded": "true",
            "topic_partitions": "4",
            "vault_key": kept["vault_key"],
            "secrets_key": kept["secrets_key"],
            "key_ring": str(plan.key_ring),
            "key_ring_grid_seconds": str(int(plan.grid.total_seconds())),
            "api_port": str(api_port),
            "api_url": f"http://127.0.0.1:{api_port}",
            "console_port": str(console_port),
            "public_url": plan.public_url or f"http://127.0.0.1:{console_port}",
            "storefront_port": str(free_port([plan.storefront_port])),
            "storefront_database": str(plan.store.resolve() / "storefront.sqlite"),
            "log_format": "json",
        }
        if plan.sandbox:
            url = f"http://127.0.0.1:{kept['sandbox_port']}"
            addresses = {"amazon_api_url": url, "amazon_login_url": f"{url}/auth/o2/token", "seller_central_url": url}
            values |= {**_SANDBOX_CLIENT, **addresses}
        return values

    def _addresses(self) -> dict[str, Any]:
        health = {name: f"http://127.0.0.1:{free_port([8410 + index])}" for index, name in enumerate(ENGINE)}
        return {
            "kafka": self.settings.kafka_bootstrap_servers,
            "console": f"http://127.0.0.1:{self.settings.console_port}",
            "api": self.settings.api_url,
            "storefront": f"http://127.0.0.1:{self.settings.storefront_port}",
            **({"sandbox": self.settings.amazon_api_url} if self.plan.sandbox else {}),
            "health": health,
        }


def clean(folder: Path) -> None:
    """Empty a demo's store."""
    shutil.rmtree(folder, ignore_errors=True)
