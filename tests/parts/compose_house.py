"""The house as docker compose runs it: the demo's project, under a name, on ports and with secrets of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import requests

from orderbridge.ports import free_port
from tests.parts.containers import daemon_answers
from tests.parts.process import wait_until
from tests.parts.requirement import Missing

REPOSITORY = Path(__file__).parents[2]
BASES = ("python:3.13-slim", "postgres:17", f"apache/kafka:{(REPOSITORY / 'KAFKA_VERSION').read_text().strip()}")
_GET_IT = "Docker Engine 25 with Compose 2.24, or newer (docs.docker.com/engine/install)"
_PRESS_THE_BUTTON = """
import time
from orderbridge.database.unit_of_work import Database
from orderbridge.settings import load_settings
from schemas.imports import ImportDue

database = Database(load_settings().database_url)
while True:
    try:
        with database.unit_of_work() as work:
            work.post(ImportDue(account_id="main", reason="now"), name="test:import")
    except Exception as error:
        print(type(error).__name__, flush=True)
    time.sleep(3)
"""


def docker(*arguments: str, seconds: float = 120, **environment: str) -> str:
    """What a docker command prints. Raises AssertionError with its errors if it fails."""
    result = subprocess.run(
        ["docker", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    assert result.returncode == 0, f"docker {' '.join(arguments)}: {result.stderr[-3000:]}{result.stdout[-1000:]}"
    return result.stdout


def find_docker() -> str:
    """The version of Docker and Compose. Raises Missing if there is none that will do, or if it has no images."""
    if shutil.which("docker") is None or not daemon_answers():
        raise Missing(f"no Docker daemon answers: start it, or install {_GET_IT}")
    try:
        version = docker("version", "--format", "{{.Server.Version}}").strip()
        compose = docker("compose", "version", "--short").strip()
    except AssertionError as error:
        raise Missing(f"{_GET_IT} is needed: {error}") from None
    for image in BASES:
        try:
            docker("image", "inspect", "--format", "{{.Id}}", image)
        except AssertionError:
            try:
                docker("pull", "--quiet", image, seconds=300)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                raise Missing(f"Docker cannot fetch {image}: {error}") from None
    return f"Docker {version}, Compose {compose}"


class ComposeHouse:
    """`docker compose` with the demo's variables. `close` removes every container and volume of it."""

    def __init__(self, folder: Path) -> None:
        self.project = f"orderbridge-test-{uuid.uuid4().hex[:8]}"
        self.image = f"{self.project}:latest"
        self._ports = {name: free_port() for name in ("console", "api", "kafka", "sandbox", "storefront")}
        self.secrets = folder / "secrets"
        init = [sys.executable, "-m", "orderbridge", "init", "--secrets", str(self.secrets)]
        subprocess.run(init, cwd=folder, check=True, capture_output=True, timeout=60)
        self.environment = {
            "COMPOSE_PROJECT_NAME": self.project,
            "IMAGE": self.image,
            "SECRETS": str(self.secrets),
            "KAFKA_PORT": str(self._ports["kafka"]),
            "SANDBOX_PORT": str(self._ports["sandbox"]),
            **{f"ORDERBRIDGE_{name.upper()}_PORT": str(self._ports[name]) for name in ("console", "api", "storefront")},
        }
        self.kafka = f"127.0.0.1:{self._ports['kafka']}"

    def compose(self, *arguments: str, seconds: float = 240) -> str:
        """What a compose command of this house prints."""
        return docker("compose", "--env-file", "demo.env", *arguments, seconds=seconds, **self.environment)

    def run(self, service: str, *command: str, index: int = 1) -> str:
        """What a command prints that runs beside a service, in its container.

        Not by `compose exec`: among several containers it takes those of `compose run` for the service's, too.
        """
        return docker("exec", f"{self.project}-{service}-{index}", *command)

    def up(self, *arguments: str) -> float:
        """Have everything up and healthy; says in how many seconds."""
        began = time.monotonic()
        self.compose("up", "--detach", "--wait", "--no-build", *arguments)
        return time.monotonic() - began

    def url(self, part: str) -> str:
        """Where a part is published."""
        return f"http://127.0.0.1:{self._ports[part]}"

    def get(self, part: str, path: str) -> Any:
        """JSON of a part."""
        answer = requests.get(self.url(part) + path, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def post(self, part: str, path: str, body: dict[str, Any]) -> Any:
        """Post JSON to a part."""
        answer = requests.post(self.url(part) + path, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers, running or not; those of `run` are none."""
        labels = {"project": self.project, "service": service, "oneoff": "False"}
        filters = [f"--filter=label=com.docker.compose.{name}={value}" for name, value in labels.items()]
        return docker("ps", "--all", "--quiet", *filters).split()

    def inspect(self, service: str) -> dict[str, Any]:
        """Docker's own description of a service's first container."""
        found: list[dict[str, Any]] = json.loads(docker("inspect", self.containers(service)[0]))
        return found[0]

    def kill(self, service: str) -> None:
        """SIGKILL to a service's first container, which is started again and becomes healthy."""
        container = self.containers(service)[0]
        docker("kill", container)
        docker("start", container)
        self.wait_until_healthy(service)

    def wait_until_healthy(self, service: str, seconds: float = 90) -> None:
        """Each of a service's containers."""

        def healthy() -> bool:
            states = docker("inspect", "--format", "{{.State.Health.Status}}", *self.containers(service)).split()
            return set(states) == {"healthy"}

        wait_until(healthy, seconds=seconds, what=f"{service} is healthy", interval=0.5)

    def partitions(self, service: str, copies: int) -> list[int]:
        """How many partitions each copy of a service has."""
        asked = ("python", "-c", "import orderbridge.healthcheck as it; print(it.ask(it.READY)[1])")
        told = [self.run(service, *asked, index=number + 1).partition(" ")[2] for number in range(copies)]
        return [int(json.loads(text)["partitions"]) if text.startswith("{") else 0 for text in told]

    def press_the_button(self) -> None:
        """Have an import asked for every three seconds, from now on."""
        self.compose("run", "--detach", "--no-deps", "migrate", "python", "-c", _PRESS_THE_BUTTON)

    def logs(self) -> str:
        """The end of what its services say."""
        return self.compose("logs", "--no-color", "--tail", "20")

    def close(self) -> None:
        """Nothing of it stays: containers, volumes, network, image."""
        mine = ["--filter", f"label=com.docker.compose.project={self.project}"]
        if left := docker("ps", "--all", "--quiet", *mine).split():
            docker("rm", "--force", "--volumes", *left)
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "1")
        subprocess.run(["docker", "image", "rm", "--force", self.image], capture_output=True, check=False, timeout=60)
