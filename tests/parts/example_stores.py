"""The example stores of `docs/examples`, run as by their readers: in a folder of their own, told by the environment."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.parts.process import ServerProcess
from tests.parts.requirement import Missing

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "docs" / "examples"
LANGUAGES = ("python", "node", "php")


class ExampleStore:
    """One of them, in an empty folder. Raises Missing where its language, or what it needs, is not here."""

    def __init__(self, language: str, folder: Path, variables: Mapping[str, object]) -> None:
        """`variables` are the `ORDERBRIDGE_…` ones, without the prefix."""
        self.language = language
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.command = {"python": self._python, "node": self._node, "php": self._php}[language]()
        given = {f"ORDERBRIDGE_{name.upper()}": str(value) for name, value in variables.items()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ORDERBRIDGE_")}
        own = {"STORE_FOLDER": str(folder), "STORE_FILE": str(folder / "store.sqlite"), "PYTHONPATH": str(REPOSITORY)}
        self._environment = kept | own | given

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one of its commands to its end."""
        return subprocess.run(
            [*self.command, *words],
            cwd=self.folder,
            env=self._environment | variables,
            capture_output=True,
            text=True,
            timeout=90,
        )

    def start(self, *words: str, **variables: str) -> subprocess.Popen[bytes]:
        """Begin one of its commands, which writes into `log`."""
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*self.command, *words], cwd=self.folder, env=self._environment | variables, stdout=log, stderr=log
            )

    def has_written_down(self, package_id: str) -> bool:
        """Whether a shipment lies in its folder, sent or not; of those that keep files."""
        return any(f'"{package_id}\\' in path.read_text() for path in self.folder.glob("said*.json"))

    def reading(self) -> ServerProcess:
        """Its `read`, which writes into `log`."""
        variables = [f"{name}={value}" for name, value in self._environment.items()]
        command = ["/usr/bin/env", "-i", "-C", str(self.folder), *variables, *self.command, "read"]
        return ServerProcess(command, log=self.folder / "log")

    def log(self) -> list[str]:
        """The lines that `read` has written so far."""
        log = self.folder / "log"
        return log.read_text().splitlines() if log.exists() else []

    def put(self, order: dict[str, Any]) -> None:
        """Have an order in its books, as if it had been read."""
        if self.language != "python":
            (self.folder / "orders.json").write_text(json.dumps({order["order_id"]: order}))
            return
        self.run("help")  # makes the tables
        with sqlite3.connect(self.folder / "store.sqlite") as books:
            row = (order["order_id"], order["sequence"], json.dumps(order))
            books.execute("INSERT INTO orders VALUES (?, ?, ?)", row)
        books.close()

    def order(self, order_id: str) -> dict[str, Any]:
        """The order as it is in the books."""
        if self.language != "python":
            found: dict[str, Any] = json.loads((self.folder / "orders.json").read_text())[order_id]
            return found
        books = sqlite3.connect(self.folder / "store.sqlite")
        (document,) = books.execute("SELECT document FROM orders WHERE order_id = ?", (order_id,)).fetchone()
        books.close()
        order: dict[str, Any] = json.loads(document)
        return order

    def answer(self, event_id: str) -> str:
        """How the shipment with this event was answered, by the books."""
        if self.language != "python":
            return str(json.loads((self.folder / "answers.json").read_text())[event_id]["state"])
        books = sqlite3.connect(self.folder / "store.sqlite")
        (state,) = books.execute("SELECT state FROM shipments WHERE event_id = ?", (event_id,)).fetchone()
        books.close()
        return str(state)

    def _python(self) -> list[str]:
        return [sys.executable, str(EXAMPLES / "python" / "store.py")]

    def _node(self) -> list[str]:
        if not (shutil.which("node") and shutil.which("npm")):
            raise Missing("node and npm are not installed (Debian: apt install nodejs npm)")
        for name in ("store.mjs", "package.json", "package-lock.json"):
            shutil.copy(EXAMPLES / "node" / name, self.folder)
        fetched = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(fetched, cwd=self.folder, capture_output=True, text=True, timeout=90)
        if done.returncode and "EINTEGRITY" in done.stderr:
            raise ValueError(f"npm gives another kafkajs than is pinned: {done.stderr}")
        if done.returncode:
            raise Missing("npm cannot fetch kafkajs: " + " ".join(done.stderr.split())[:300])
        return ["node", str(self.folder / "store.mjs")]

    def _php(self) -> list[str]:
        if not shutil.which("php"):
            raise Missing("php is not installed (Debian: apt install php-cli)")
        return ["php", str(EXAMPLES / "php" / "store.php")]


def php_has_rdkafka() -> bool:
    """Whether PHP can reach Kafka here."""
    return "rdkafka" in subprocess.run(["php", "-m"], capture_output=True, text=True, timeout=30).stdout.split()
