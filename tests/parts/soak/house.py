"""The house of a soak: every service a process, several accounts, somebody who looks at pages, short retention."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests
from kafka.admin import ConfigResource, ConfigResourceType

from orderbridge.accounts.onboarding import connect_account
from orderbridge.accounts.settings import AccountSettings
from orderbridge.api_tokens import NAME_THE_PERSON, OPEN_PERSONAL_DATA, create_token
from orderbridge.bus.connecting import admin_client
from orderbridge.bus.topics import TopicPlan, planned_topics
from orderbridge.database.migrate import upgrade
from orderbridge.ports import free_port
from orderbridge.settings import load_settings
from tests.parts.console import Visitor, add_user
from tests.parts.distributed_house import DistributedHouse
from tests.parts.kafka import Kafka
from tests.parts.mail_server import MailServer
from tests.parts.postgres import Postgres
from tests.parts.soak.service import VARIABLE
from tests.parts.worker_processes import WorkerProcesses

WORKERS = ("importer", "shipper", "redactor", "reporter", "api", "console")
"""Beside them run the ticker, whose retention is shortened, the storefront and the sandbox."""
IMPORT_EVERY_MINUTES = 2
_PAGES = ("/", "/orders", "/shipments", "/runs")
_LOOKS_EVERY = 5.0
"""Seconds."""


class SoakHouse(DistributedHouse):
    """`keep` seconds is what is kept for days elsewhere; nothing is started anew that ends."""

    def __init__(
        self, folder: Path, kafka: Kafka, postgres: Postgres, *, accounts: int, speed: int, keep: float
    ) -> None:
        super().__init__(
            folder, kafka.bootstrap_servers, postgres.new_database(), "", speed=speed, workers=WORKERS, store=True
        )
        self.kafka, self.postgres, self.keep = kafka, postgres, keep
        self.accounts = ("main", *(f"seller-{number}" for number in range(2, accounts + 1)))
        self.mail = MailServer()
        api, console = free_port(), free_port()
        more = {
            "key_ring_grid_seconds": "60",
            "api_port": str(api),
            "api_url": f"http://127.0.0.1:{api}",
            "console_port": str(console),
            "public_url": f"http://127.0.0.1:{console}",
            "smtp_url": self.mail.url(),
            "mail_from": "bridge@example.com",
        }
        self.environment |= {f"ORDERBRIDGE_{name.upper()}": value for name, value in more.items()}
        self.settings = load_settings(folder, **{**self.settings.model_dump(), **more})
        own = {"ticker": {VARIABLE: str(keep)}}
        self.ticker = WorkerProcesses(self.environment, ("tests.parts.soak.service",), folder / "logs", own)
        self._first_pids: dict[str, int] = {}

    def start(self) -> None:
        """Everything, ready and joined."""
        self.mail.start()
        upgrade(self.database.engine)
        with self.database.unit_of_work() as work:
            _, token = create_token(work, "soak", [OPEN_PERSONAL_DATA, NAME_THE_PERSON])
        self.environment["ORDERBRIDGE_API_TOKEN"] = token
        super().start()
        self.shorten_topics()
        add_user(self.database, "anna")
        self._first_pids = self.pids()

    def connect(self) -> None:
        """All accounts, with orders of up to 31 days."""
        settings = AccountSettings(
            enabled=True,
            import_fba=True,
            import_from=datetime.now(UTC) - timedelta(days=31),
            import_every_minutes=IMPORT_EVERY_MINUTES,
            log_email="seller@example.com",
        )
        for account in self.accounts:
            token = f"sandbox-refresh-token-{account}"
            if account != "main":
                self.post(f"{self.sandbox}/_sandbox/accounts", {"account": account, "refresh_token": token})
            connect_account(self.settings, self.database, account, token, settings)

    def start_workers(self) -> None:
        """The ticker first: the others' first events wait for it."""
        self.ticker.start(["ticker"])
        super().start_workers()

    def shorten_topics(self) -> None:
        """Have Kafka delete events as early as the ticker deletes rows."""
        values = {"retention.ms": str(int(self.keep * 1000)), "segment.ms": str(int(max(self.keep * 250, 60_000)))}
        bounded = [plan for plan in planned_topics(self.settings) if "retention.ms" in plan.configuration]
        with admin_client(self.settings) as admin:
            admin.alter_configs(
                [
                    ConfigResource(ConfigResourceType.TOPIC, plan.name, configs=plan.configuration | values)
                    for plan in bounded
                ]
            )

    def unbounded_topics(self) -> list[str]:
        """Those that neither a retention bounds nor compaction, as the broker tells."""
        plans = planned_topics(self.settings)
        with admin_client(self.settings) as admin:
            described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, plan.name) for plan in plans])
        settings: dict[str, dict[str, dict[str, str]]] = next(iter(described.values()))
        return [plan.name for plan in plans if not _is_bounded(plan, settings.get(plan.name, {}))]

    def pids(self) -> dict[str, int]:
        """Of the services; Kafka and PostgreSQL where they are ours."""
        servers = {"kafka": self.kafka.pid, "postgres": self.postgres.pid}
        ticker = {name: self.ticker.pid(name) for name in self.ticker.names() if name not in self.ticker.dead()}
        return super().pids() | ticker | {name: pid for name, pid in servers.items() if pid is not None}

    def watch(self) -> None:
        """Nothing: who ends, ends the soak's judgement of him."""

    def ended(self) -> list[str]:
        """Those that ran at the start, and do not now."""
        now = self.pids()
        return [name for name, pid in self._first_pids.items() if now.get(name) != pid]

    def close(self) -> None:
        """Stop everything."""
        self.ticker.close()
        super().close()
        self.mail.stop()


def _is_bounded(plan: TopicPlan, described: dict[str, dict[str, str]]) -> bool:
    policy = described.get("cleanup.policy", {}).get("value") or ""
    return "compact" in policy or int(described.get("retention.ms", {}).get("value") or -1) > 0


class Looker:
    """Looks at the console's pages, and at an order in the store, whose personal data is opened for that."""

    def __init__(self, house: SoakHouse, placed: dict[str, str], seed: int) -> None:
        self._house, self._placed, self._chance = house, placed, random.Random(seed)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look, name="looker")
        self.answers: dict[int, int] = {}
        """By status; 404 is an order that the store does not have yet."""

    def start(self) -> None:
        """From now on."""
        self._thread.start()

    def stop(self) -> None:
        """The end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(60)

    def _look(self) -> None:
        visitor = Visitor(self._house.settings.public_url)
        visitor.sign_in("anna")
        for page in self._pages():
            if self._stopping.wait(_LOOKS_EVERY):
                return
            with suppress(requests.RequestException):
                answer = visitor.get(page) if page.startswith("/") else requests.get(page, timeout=30)
                self.answers[answer.status_code] = self.answers.get(answer.status_code, 0) + 1

    def _pages(self) -> Iterator[str]:
        while True:
            yield self._chance.choice(_PAGES)
            if placed := list(self._placed):
                order_id = self._chance.choice(placed)
                yield f"{self._house.storefront}/orders/{order_id}"
                yield f"/orders/{order_id}"
