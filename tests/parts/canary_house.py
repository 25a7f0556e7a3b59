"""The whole house for the proof: real services as processes, a clock of the test's, and an Amazon full of canaries."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import func, select

import tests.parts.kafka_python  # noqa: F401 - before the bus, which imports Kafka
from orderbridge.accounts.onboarding import connect_account
from orderbridge.accounts.settings import AccountSettings
from orderbridge.api_tokens import OPEN_PERSONAL_DATA, create_token
from orderbridge.bus.reading import read_topics
from orderbridge.bus.topics import create_topics
from orderbridge.database.migrate import upgrade
from orderbridge.database.models import InboxRow, OutboxRow
from orderbridge.database.unit_of_work import Database
from orderbridge.ports import free_port
from orderbridge.settings import PREFIX, load_settings
from orderbridge.vault.keys import new_installation_key
from sandbox.accounts import CLIENT_ID, CLIENT_SECRET, DEFAULT_ACCOUNT
from sandbox.database import Database as SandboxDatabase
from sandbox.seller_central import SellerCentral
from tests.parts.hooked_service import VARIABLE, FileClock, set_clock
from tests.parts.leavings import search_everything, store_without_compression
from tests.parts.mail_server import MailServer
from tests.parts.needles import Search
from tests.parts.opener import Opener, Sealed
from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until
from tests.parts.sandbox_server import SandboxServer

WORKERS = ("ticker", "importer", "shipper", "redactor", "reporter")
API = "api"
"""It runs from day 0 to the end, without a restart."""
SPEED = 60
"""Of Amazon's limits and of its search's lag: the proof is not about them."""
REPOSITORY = Path(__file__).parents[2]
_COMMAND = (sys.executable, "-m", "tests.parts.hooked_service")


class CanaryHouse:
    """`data_folders` are those of the database and of Kafka, as far as they have any."""

    def __init__(
        self,
        folder: Path,
        sandbox: SandboxServer,
        database_url: str,
        kafka: str,
        *,
        data_folders: tuple[Path, ...],
        embedded: bool = False,
        **hooks: Any,
    ) -> None:
        """`hooks` are those of `tests/parts/hooked_service.py`."""
        self.folder = folder
        self._ahead = timedelta()
        clock_file = folder / "clock"
        set_clock(clock_file, self._ahead)
        self._clock_file, self.clock = clock_file, FileClock(clock_file)
        self._sandbox_database = SandboxDatabase()
        self.amazon = SellerCentral(self._sandbox_database, self.clock, speed=SPEED)
        sandbox.play(self.amazon)
        self._hooks = {"clock": str(clock_file), **hooks}
        self.health = {worker: free_port() for worker in (*WORKERS, API)}
        self._api_port = free_port()
        self.mail = MailServer()
        self.mail.start()
        values = {
            "smtp_url": self.mail.url(),
            "mail_from": "bridge@shop.example",
            "database_url": database_url,
            "kafka_bootstrap_servers": kafka,
            "kafka_embedded": str(embedded).lower(),
            "topic_partitions": "2",
            "vault_key": new_installation_key(),
            "secrets_key": new_installation_key(),
            "key_ring": str(folder / "key-ring"),
            "amazon_api_url": sandbox.url,
            "amazon_login_url": f"{sandbox.url}/auth/o2/token",
            "amazon_client_id": CLIENT_ID,
            "amazon_client_secret": CLIENT_SECRET,
            "log_level": "debug",
            "api_port": str(self._api_port),
        }
        self._environment = {f"{PREFIX}{name.upper()}": value for name, value in values.items()}
        self.settings = load_settings(folder, **values)
        self.database = Database(database_url, self.clock)
        self._data_folders = data_folders
        self.outputs = folder / "outputs"
        self.outputs.mkdir()
        self._token: str | None = None
        self._processes: dict[str, tuple[subprocess.Popen[bytes], str]] = {}

    # --- time and processes

    def prepare(self, account: AccountSettings) -> None:
        """Tables, topics and the account; no service runs yet."""
        upgrade(self.database.engine)
        if not self.database.is_sqlite:
            store_without_compression(self.database)
        if not self.settings.kafka_embedded:
            create_topics(self.settings)
        connect_account(self.settings, self.database, "main", DEFAULT_ACCOUNT.refresh_token, account)

    def start(self, log_format: str) -> None:
        """Our services, ready; their logs go on where they were."""
        for worker in self.health:
            if worker not in self._processes:
                self._start(worker, log_format)
        for worker in self.health:
            wait_until(lambda worker=worker: self._is_ready(worker), seconds=90, what=f"{worker} is ready")  # type: ignore[misc]  # mypy knows no defaults of a lambda

    def stop(self) -> None:
        """Our services end, orderly, but for the api."""
        self._stop(WORKERS)

    def _stop(self, names: Iterable[str]) -> None:
        stopped = [self._processes.pop(name)[0] for name in names if name in self._processes]
        for process in stopped:
            process.terminate()
        for process in stopped:
            process.wait(30 * PATIENCE)

    def watch(self) -> list[str]:
        """Start again what has died; returns which those were."""
        died = [name for name, (process, _) in self._processes.items() if process.poll() is not None]
        for name in died:
            self._start(name, self._processes[name][1])
        return died

    def advance(self, by: timedelta) -> None:
        """Time passes, for all of them at once."""
        self._ahead += by
        set_clock(self._clock_file, self._ahead)

    def wait(self, condition: Any, *, seconds: float, what: str) -> None:
        """Until it holds; who dies meanwhile is started again. Else what the services said last is printed."""
        try:
            wait_until(lambda: bool(self.watch() or True) and condition(), seconds=seconds, what=what, interval=0.2)
        except TimeoutError:
            for log in self.outputs.glob("*.log"):
                print(f"--- {log.name}", log.read_bytes()[-6000:].decode(errors="replace"), sep="\n")
            raise

    def close(self) -> None:
        """Stop everything."""
        self._stop((*WORKERS, API))
        self.mail.stop()
        self.database.close()
        self._sandbox_database.close()

    def _start(self, worker: str, log_format: str) -> None:
        own = {f"{PREFIX}HEALTH_PORT": str(self.health[worker]), f"{PREFIX}INSTANCE": worker}
        with (self.outputs / f"{worker}.log").open("ab") as log:
            process = subprocess.Popen(
                [*_COMMAND, "run", worker],
                env={**self._all_variables(log_format), **own},
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._processes[worker] = (process, log_format)

    def _all_variables(self, log_format: str = "json") -> dict[str, str]:
        more = {VARIABLE: json.dumps(self._hooks), f"{PREFIX}LOG_FORMAT": log_format}
        return {**os.environ, **self._environment, **more}

    def _is_ready(self, worker: str) -> bool:
        self.watch()
        try:
            return requests.get(f"http://127.0.0.1:{self.health[worker]}/readyz", timeout=2).ok
        except requests.RequestException:
            return False

    # --- what people do

    def command(self, *arguments: str, status: int = 0) -> str:
        """What a command prints; it is kept for the search, both outputs."""
        done = subprocess.run(
            [*_COMMAND, "cli", *arguments],
            env=self._all_variables(),
            cwd=REPOSITORY,
            capture_output=True,
            timeout=120 * PATIENCE,
        )
        name = f"command-{len(list(self.outputs.iterdir()))}"
        (self.outputs / name).write_bytes(" ".join(arguments).encode() + done.stdout + done.stderr)
        assert done.returncode == status, (arguments, done.returncode, done.stderr.decode()[-2000:])
        return done.stdout.decode()

    def tail(self, lines: int) -> None:
        """`events tail` from the beginning, until so many lines have come, then Ctrl-C; for people and for scripts."""
        for more in ((), ("--json",)):
            file = self.outputs / f"tail{len(more)}"
            with file.open("wb") as output:
                process = subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "tests.parts.hooked_service",
                        "cli",
                        "events",
                        "tail",
                        "--since-start",
                        *more,
                    ],
                    env={**self._all_variables(), "PYTHONUNBUFFERED": "1"},
                    cwd=REPOSITORY,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            try:
                wait_until(
                    lambda: _lines_of(process, file) >= lines,  # noqa: B023  # awaited within the round
                    seconds=60,
                    what=f"{lines} events are printed",
                    interval=0.2,
                )
            except TimeoutError as error:
                raise TimeoutError(f"{error}; printed were {_lines_of(process, file)}") from None
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(20 * PATIENCE)

    def scrape(self) -> None:
        """The metrics and health pages of every service, and every mail, kept for the search."""
        self.mail.keep(self.outputs)
        for worker, port in self.health.items():
            for page in ("metrics", "healthz", "readyz"):
                answer = requests.get(f"http://127.0.0.1:{port}/{page}", timeout=10)
                with (self.outputs / f"{worker}-{page}").open("ab") as file:
                    file.write(answer.content)

    # --- what is to be seen

    def published(self, topic: str) -> int:
        """How many events of the topic went out so far."""
        with self.database.unit_of_work() as work:
            query = select(func.count()).where(OutboxRow.topic == topic, OutboxRow.published_at.is_not(None))
            return work.session.execute(query).scalar_one()

    def unhandled(self, topic: str, consumer: str) -> int:
        """How many events of the topic the consumer has not handled yet: still to go out, or under way."""
        with self.database.unit_of_work() as work:
            handled = select(InboxRow.event_id).where(InboxRow.consumer == consumer)
            query = select(func.count()).where(OutboxRow.topic == topic, OutboxRow.event_id.not_in(handled))
            return work.session.execute(query).scalar_one()

    def seals(self) -> list[Sealed]:
        """Every seal that a store was ever given."""
        found = []
        for record in read_topics(self.settings, ("order.imported", "order.updated")):
            body = json.loads(record.value or b"{}")
            personal = body["personal_data"]
            if personal.get("seal"):
                found.append(Sealed(body["order_id"], personal["seal"], personal["dies_at"]))
        return found

    def opened_by_api(self, seals: Iterable[Sealed]) -> set[str]:
        """What the open call says of at most 100 seals, to a store with a token for it."""
        if self._token is None:
            with self.database.unit_of_work() as work:
                _, self._token = create_token(work, "a-store", [OPEN_PERSONAL_DATA])
        answer = requests.post(
            f"http://127.0.0.1:{self._api_port}/api/v1/personal-data/open",
            json={"purpose": "display", "seals": [{"order_id": one.order_id, "seal": one.seal} for one in seals]},
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=30,
        )
        answer.raise_for_status()
        return {one["state"] for one in answer.json()["seals"]}

    @contextmanager
    def opener(self) -> Iterator[Opener]:
        """A process of its own that opens seals, from now until the end of the block."""
        process = subprocess.Popen(
            [*_COMMAND, "opener"],
            env=self._all_variables(),
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield Opener(process)
        finally:
            process.communicate()

    def search(self) -> Search:
        """Everything that has left memory: data folders, rows, topics, logs, pages, what commands printed."""
        folders = (*self._data_folders, self.outputs, self.folder / "key-ring")
        return search_everything(self.settings, self.database, folders)


def _lines_of(process: subprocess.Popen[bytes], file: Path) -> int:
    """How many lines the command has printed. A command that ended instead is a failure, told with its last words."""
    printed = file.read_bytes()
    assert process.poll() is None, printed[-3000:].decode()
    return printed.count(b"\n")
