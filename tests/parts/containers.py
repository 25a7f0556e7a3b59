"""Docker containers for tests, through testcontainers."""

from __future__ import annotations

import contextlib
import os
import socket

from orderbridge.ports import free_port
from tests.parts.process import STOP_SECONDS
from tests.parts.requirement import Missing

# testcontainers' reaper is one more image to fetch. CONTRIBUTING.md says how to clear up after a killed run.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")


class Container:
    """One container with one port, which keeps its host port and its data when it is stopped and started."""

    def __init__(self, image: str, *, port: int, environment: dict[str, str], command: list[str] | str) -> None:
        """Starts it. Raises Missing if no daemon answers or the image cannot be had."""
        if not daemon_answers():
            raise Missing("no Docker daemon answers")
        # Imported late: it takes a second, and most machines have no daemon.
        import docker
        from docker.errors import APIError, DockerException
        from testcontainers.core.container import DockerContainer

        try:
            with contextlib.closing(docker.from_env(timeout=3)) as client:
                client.ping()
        except DockerException:
            raise Missing("no Docker daemon answers") from None
        host_port = free_port()
        self._container = DockerContainer(image).with_envs(**environment).with_bind_ports(port, host_port)
        self._container.with_command(command)
        try:
            self._container.start()
        except APIError as error:
            raise Missing(f"Docker cannot start {image}: {error.explanation or error}") from None
        self.host = self._container.get_container_host_ip()
        self.address = f"{self.host}:{host_port}"

    def write(self, path: str, content: str) -> None:
        """Puts a file into the container."""
        self._container.copy_into_container(content.encode(), path)

    def start(self) -> None:
        """Starts it again."""
        self._container.get_wrapped_container().start()

    def stop(self, *, kill: bool = False) -> None:
        """Ends its processes, orderly or by SIGKILL; the container, its port and its data stay."""
        wrapped = self._container.get_wrapped_container()
        if kill:
            wrapped.kill()
            wrapped.wait(timeout=STOP_SECONDS)
        else:
            wrapped.stop(timeout=int(STOP_SECONDS))

    def close(self) -> None:
        """Removes it."""
        self._container.stop()

    def failure(self) -> str | None:
        """The end of its log if it has died, else None."""
        wrapped = self._container.get_wrapped_container()
        wrapped.reload()
        if wrapped.status == "running":
            return None
        return bytes(wrapped.logs(tail=20)).decode(errors="replace")


def daemon_answers() -> bool:
    """Whether somebody listens where a daemon is expected; docker-py would leave an open socket behind."""
    if "DOCKER_HOST" in os.environ:
        return True
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect("/var/run/docker.sock")
    except OSError:
        return False
    return True
