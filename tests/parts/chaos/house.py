"""The whole house of a test of chaos: every part a process, a proxy between every two tiers, a small disk."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from orderbridge.accounts.onboarding import connect_account
from orderbridge.accounts.settings import AccountSettings
from orderbridge.bus.topics import create_topics
from orderbridge.database.migrate import upgrade
from orderbridge.database.models import InboxRow, OutboxRow, PackageRow
from orderbridge.settings import load_settings
from schemas.imports import ImportDue
from tests.parts.chaos.schedule import STOREFRONT, WORKERS, Schedule, Size
from tests.parts.chaos.service import VARIABLE
from tests.parts.distributed_house import DistributedHouse
from tests.parts.kafka import Kafka
from tests.parts.leavings import store_without_compression
from tests.parts.postgres import Postgres
from tests.parts.tcp_proxy import TcpProxy
from tests.parts.worker_processes import WorkerProcesses

GROUPS = ("importer", "shipper", "redactor")
_SPEED = 60
_COMMAND = ("tests.parts.chaos.service",)


class ChaosHouse(DistributedHouse):
    """Kafka tells its clients the proxy's address; the database's URL and Amazon's are the proxies' too."""

    def __init__(
        self,
        folder: Path,
        kafka: Kafka,
        postgres: Postgres,
        proxies: dict[str, TcpProxy],
        disk: Path | None,
        size: Size,
        plan: Schedule,
        defect: str | None = None,
    ) -> None:
        """`proxies` are those of `kafka`, `postgres` and `amazon`; on `disk` is PostgreSQL's data."""
        direct = postgres.new_database()
        behind = direct.replace(direct.split("@")[1].split("/")[0], proxies["postgres"].address)
        super().__init__(
            folder,
            proxies["kafka"].address,
            direct,
            "",
            speed=_SPEED,
            workers=(),
            amazon=proxies["amazon"].address,
        )
        proxies["postgres"].target = direct.split("@")[1].split("/")[0]
        proxies["amazon"].target = self.sandbox.removeprefix("http://")
        self.kafka, self.postgres, self.proxies, self.disk = kafka, postgres, proxies, disk
        self.size = size
        self.environment |= {
            "ORDERBRIDGE_DATABASE_URL": behind,
            "ORDERBRIDGE_SESSION_TIMEOUT_SECONDS": str(size.session),
            "ORDERBRIDGE_KEY_RING_GRID_SECONDS": "1",
        }
        self.settings = load_settings(folder, **{**self.settings.model_dump(), "key_ring_grid_seconds": 1})
        self.logs = folder / "logs"
        common = {"hurried": size.hurried, "defect": defect}
        own = {
            name: {VARIABLE: json.dumps({**common, "apart": plan.apart.get(name, 0)})}
            for name in (*WORKERS, STOREFRONT)
        }
        self.workers = WorkerProcesses(self.environment, _COMMAND, self.logs, own)
        port, data = self.sandbox.rsplit(":", 1)[1], str(folder / "sandbox")
        options = ("--port", port, "--speed", str(_SPEED), "--data", data)
        self.amazon = WorkerProcesses(self.environment, (*_COMMAND, *options), folder / "amazon")

    def start(self) -> None:
        """Everything, ready and joined."""
        upgrade(self.database.engine)
        store_without_compression(self.database)
        create_topics(self.settings)
        self.amazon.spawn("sandbox")
        self._wait("sandbox", f"{self.sandbox}/_sandbox/health")
        settings = AccountSettings(enabled=True, import_fba=True, import_from=datetime.now(UTC) - timedelta(days=31))
        connect_account(self.settings, self.database, "main", "sandbox-refresh-token-main", settings)
        self.workers.spawn(STOREFRONT)
        self._wait(STOREFRONT, f"{self.storefront}/healthz")
        self.workers.start(WORKERS)

    def watch(self) -> None:
        """Nothing: who has died is started again by `Faults`."""

    def import_now(self) -> None:
        """Press the button, unless an import is still to be taken up: on a busy machine they would pile up."""
        handled = select(InboxRow.event_id).where(InboxRow.consumer == "importer")
        asked = (OutboxRow.topic == ImportDue.event_type, OutboxRow.event_id.not_in(handled))
        with self.database.unit_of_work() as work:
            soon = work.now + timedelta(minutes=1)  # the next page of a run that is under way
            due = select(OutboxRow.position).where(*asked, OutboxRow.due_at <= soon).limit(1)
            waits = work.session.scalar(due) is not None
        if not waits:
            super().import_now()

    def close(self) -> None:
        """Stop everything."""
        self.workers.close()
        self.amazon.close()
        super().close()

    def unfinished(self) -> str:
        """What is still to be done, in words; nothing if the house is idle."""
        with self.database.unit_of_work() as work:
            unpublished = select(func.count()).select_from(OutboxRow).where(OutboxRow.published_at.is_(None))
            due = work.session.scalar(unpublished.where(OutboxRow.due_at <= work.now))
            retries = work.session.scalar(unpublished.where(OutboxRow.topic.endswith(".retry")))
            answered = PackageRow.state.in_(("confirmed", "rejected"))
            packages = work.session.scalar(select(func.count()).select_from(PackageRow).where(~answered))
        reports = {name: self.workers.report(name) for name in WORKERS if name.split("-")[0] in GROUPS}
        lag = {name: report.get("lag", "no answer") for name, report in reports.items() if report.get("lag", 1)}
        ready = [name for name in WORKERS if not self.workers.is_ready(name)]
        found = {"due in the outbox": due, "retries": retries, "open packages": packages, "lag": lag, "unready": ready}
        return ", ".join(f"{name}: {what}" for name, what in found.items() if what)

    def store_books(self) -> dict[str, Any]:
        """The store's own books, as its API has them."""
        books: dict[str, Any] = self.get(f"{self.storefront}/api/books")
        return books

    def store_documents(self) -> dict[str, Any]:
        """Each order as the store keeps it, out of its file."""
        with closing(sqlite3.connect(f"file:{self.settings.storefront_database}?mode=ro", uri=True)) as file:
            return {
                order_id: json.loads(text)
                for order_id, text in file.execute("SELECT order_id, document FROM documents")
            }
