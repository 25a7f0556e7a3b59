"""The environment: names, files, what comes first, and errors that name the variable and hide its value."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import make_url

from orderbridge.settings import BadSettings, Settings, load_settings

SECRET = "swordfish"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("ORDERBRIDGE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_defaults_need_nothing() -> None:
    settings = load_settings()
    assert settings.database_url == "sqlite:///.orderbridge/orderbridge.sqlite"
    assert settings.topic_prefix == ""
    assert settings.health_host == "127.0.0.1"
    assert settings.key_ring_grid == timedelta(hours=1)
    assert settings.vault_key is None


def test_every_variable_has_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERBRIDGE_TOPIC_PREFIX", "shop.")
    monkeypatch.setenv("TOPIC_PARTITIONS", "3")
    settings = load_settings()
    assert (settings.topic_prefix, settings.topic_partitions) == ("shop.", 6)


@pytest.mark.parametrize("name", ["ORDERBRIDGE_VAULT_KEY", "ORDERBRIDGE_AMAZON_CLIENT_ID", "ORDERBRIDGE_PUBLIC_URL"])
def test_a_value_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    monkeypatch.setenv(f"{name}_FILE", str(file))
    assert load_settings().need(name.removeprefix("ORDERBRIDGE_").lower()) == SECRET


def test_an_empty_file_sets_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A secret that is not known yet, as `orderbridge init --secrets` leaves it."""
    (tmp_path / "empty").write_text("\n")
    monkeypatch.setenv("ORDERBRIDGE_AMAZON_CLIENT_SECRET_FILE", "empty")
    assert load_settings().amazon_client_secret is None


def test_the_password_of_the_database_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("sword/f@sh")
    monkeypatch.setenv("ORDERBRIDGE_DATABASE_PASSWORD_FILE", "password")
    monkeypatch.setenv("ORDERBRIDGE_DATABASE_URL", "postgresql+psycopg://bridge@db:5432/orders?sslmode=require")
    url = make_url(load_settings().database_url)
    assert (url.username, url.password, url.host, url.port) == ("bridge", "sword/f@sh", "db", 5432)
    assert (url.database, dict(url.query)) == ("orders", {"sslmode": "require"})


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://bridge:own@db/orders", "postgresql+psycopg://db/orders", "sqlite:////data/a@b.sqlite"]
)
def test_a_url_that_has_its_password_or_needs_none_stays(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ORDERBRIDGE_DATABASE_PASSWORD", SECRET)
    monkeypatch.setenv("ORDERBRIDGE_DATABASE_URL", url)
    assert load_settings().database_url == url


def test_an_instance_may_have_the_name_of_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(instance="importer-{hostname}").instance == f"importer-{socket.gethostname()}"
    assert load_settings(instance="importer-1").instance == "importer-1"
    assert load_settings().instance is None


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERBRIDGE_VAULT_KEY_FILE", "nowhere/vault-key")
    with pytest.raises(BadSettings, match="ORDERBRIDGE_VAULT_KEY_FILE: cannot read nowhere/vault-key: No such file"):
        load_settings()


def test_what_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Arguments, the environment, `…_FILE`, what `orderbridge up` wrote, `.env`."""
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / ".env").write_text("ORDERBRIDGE_TOPIC_PREFIX=env-file.\nORDERBRIDGE_TOPIC_PARTITIONS=2\n")
    assert load_settings(data).topic_prefix == "env-file."
    (data / "environment").write_text("ORDERBRIDGE_TOPIC_PREFIX=up.\n")
    assert load_settings(data).topic_prefix == "up."
    (tmp_path / "prefix").write_text("secret-file.")
    monkeypatch.setenv("ORDERBRIDGE_TOPIC_PREFIX_FILE", str(tmp_path / "prefix"))
    assert load_settings(data).topic_prefix == "secret-file."
    monkeypatch.setenv("ORDERBRIDGE_TOPIC_PREFIX", "environment.")
    assert load_settings(data).topic_prefix == "environment."
    assert load_settings(data, topic_prefix="argument.").topic_prefix == "argument."
    assert load_settings(data).topic_partitions == 2


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TOPIC_PARTITIONS", SECRET, "valid integer"),
        ("TOPIC_PARTITIONS", "0", "greater than or equal to 1"),
        ("TOPIC_PREFIX", f"{SECRET} shop/", "match pattern"),
        ("TOPIC_RETENTION_DAYS", "31", "less than or equal to 30"),
        ("LOG_FORMAT", SECRET, "'console' or 'json'"),
        ("KAFKA_EMBEDDED", SECRET, "valid boolean"),
        ("HEALTH_PORT", "65536", "less than or equal to 65535"),
        ("DATABASE_URL", SECRET, "ORDERBRIDGE_DATABASE_URL: expected"),
        ("DATABASE_URL", f"mysql://bridge:{SECRET}@db/orders", "postgresql+psycopg://"),
        ("DATABASE_URL", f"postgresql://bridge:{SECRET}@db/orders", "postgresql+psycopg://"),
        ("DATABASE_URL", f"postgresql+psycopg://bridge:{SECRET}@db:port/orders", "postgresql+psycopg://"),
    ],
)
def test_a_wrong_value_is_named_not_quoted(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(f"ORDERBRIDGE_{name}", value)
    with pytest.raises(BadSettings) as caught:
        load_settings()
    assert str(caught.value).startswith(f"ORDERBRIDGE_{name}: ")
    assert expected in str(caught.value)
    assert SECRET not in str(caught.value)


def test_all_wrong_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERBRIDGE_TOPIC_PARTITIONS", "many")
    monkeypatch.setenv("ORDERBRIDGE_HEALTH_PORT", "high")
    with pytest.raises(BadSettings) as caught:
        load_settings()
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "ORDERBRIDGE_TOPIC_PARTITIONS",
        "ORDERBRIDGE_HEALTH_PORT",
    ]


@pytest.mark.parametrize("value", ["", None])
def test_what_a_process_needs_is_named(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    """Docker Compose passes an unset variable on as an empty one."""
    if value is not None:
        monkeypatch.setenv("ORDERBRIDGE_VAULT_KEY", value)
    with pytest.raises(BadSettings, match="ORDERBRIDGE_VAULT_KEY is not set"):
        load_settings().need("vault_key")


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]
    assert len(secrets) >= 4
    for name in secrets:
        monkeypatch.setenv(f"ORDERBRIDGE_{name.upper()}", SECRET)
    settings = load_settings(kafka_security_protocol="SASL_SSL", kafka_sasl_username="orderbridge")
    assert SECRET not in f"{settings} {settings!r} {settings.model_dump_json()}"
    assert all(settings.need(name) == SECRET for name in secrets)


def test_they_do_not_change() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.topic_prefix = "other."  # type: ignore[misc]  # that is what is tested
