"""No secret of the settings is on an output, a log or a page, whatever fails: Amazon, the database, the settings.

Every SecretStr of `Settings` is given, and the refresh token; Amazon says back what it was sent.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import requests
from pydantic import SecretStr

from orderbridge.ports import free_port
from orderbridge.settings import PREFIX, Settings
from orderbridge.vault.keys import new_installation_key
from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until
from tests.unit.amazon.loopback import Call, Loopback, said

SECRET_FIELDS = [
    name
    for name, field in Settings.model_fields.items()
    if SecretStr in (field.annotation, *get_args(field.annotation))
]
SERVICES = ["importer", "shipper", "redactor", "reporter", "ticker", "listener", "api", "console"]
COMMANDS = [
    ["accounts", "list"],
    ["accounts", "connect", "main"],
    ["doctor"],
    ["import"],
    ["mail", "test", "somebody@shop.example"],
    ["migrate"],
    ["notifications", "list"],
    ["orders", "list", "--json"],
    ["privacy", "rotate-key"],
    ["topics"],
    ["events", "tail", "order.imported"],
]


@pytest.fixture
def known() -> dict[str, str]:
    """A value for each secret setting, and what else must not be seen."""
    values = {name: f"swordfish-{secrets.token_hex(12)}" for name in SECRET_FIELDS}
    values |= {name: new_installation_key() for name in ("vault_key", "vault_key_new", "secrets_key")}
    return values | {"refresh_token": f"Atzr|{secrets.token_hex(20)}"}


@pytest.fixture
def environment(known: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """All secrets are set; database, Kafka and mail server are away."""
    away = free_port()
    smtp = f"smtp://shop:{known['smtp_url']}@127.0.0.1:{away}"
    given = {f"{PREFIX}{name.upper()}": value for name, value in known.items() if name != "refresh_token"}
    return {
        "PATH": os.environ["PATH"],
        "REFRESH_TOKEN": known["refresh_token"],
        **given,
        f"{PREFIX}SMTP_URL": smtp,
        f"{PREFIX}MAIL_FROM": "orders@shop.example",
        f"{PREFIX}DATABASE_URL": f"postgresql+psycopg://bridge@127.0.0.1:{away}/orders",
        f"{PREFIX}KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{away}",
        f"{PREFIX}KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        f"{PREFIX}KAFKA_SASL_USERNAME": "bridge",
        f"{PREFIX}AMAZON_CLIENT_ID": "amzn1.application-oa2-client.1",
        f"{PREFIX}KEY_RING": str(tmp_path / "ring"),
        f"{PREFIX}LOG_LEVEL": "debug",
        f"{PREFIX}LOG_FORMAT": "json",
        f"{PREFIX}API_PORT": "0",
        f"{PREFIX}CONSOLE_PORT": "0",
    }


def assert_untold(known: dict[str, str], text: str, what: str) -> None:
    found = [name for name, value in known.items() if value in text]
    assert not found, f"{what} tells {found}"


def test_every_secret_setting_is_among_them() -> None:
    assert {"amazon_client_secret", "vault_key", "secrets_key", "api_token", "database_password", "smtp_url"} <= set(
        SECRET_FIELDS
    )


def run(arguments: list[str], environment: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "orderbridge", *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode != 0 or arguments == ["doctor"], done.stdout
    assert done.stderr or done.stdout
    return done.stdout + done.stderr


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_command_that_fails_tells_none(
    arguments: list[str], known: dict[str, str], environment: dict[str, str], tmp_path: Path
) -> None:
    told = run(arguments, environment, tmp_path)
    assert not told.startswith("Settings:"), told  # it got as far as what is away
    assert_untold(known, told, " ".join(arguments))


@pytest.mark.parametrize("name", SECRET_FIELDS)
def test_settings_that_are_wrong_tell_none(
    name: str, known: dict[str, str], environment: dict[str, str], tmp_path: Path
) -> None:
    """A file that is no text, a key that is none, ports and URLs that hold a secret by mistake."""
    wrong = tmp_path / "wrong"
    wrong.write_bytes(known[name].encode() + b"\xff")
    variable = f"{PREFIX}{name.upper()}"
    by_file = {key: value for key, value in environment.items() if key != variable} | {f"{variable}_FILE": str(wrong)}
    mistaken = environment | {
        f"{PREFIX}API_PORT": known[name],
        f"{PREFIX}LOG_LEVEL": known[name],
        f"{PREFIX}TOPIC_PREFIX": f" {known[name]}",
    }
    url = environment | {f"{PREFIX}DATABASE_URL": f"nonsense://{known[name]}@"}
    for variables in (by_file, mistaken, url):
        assert_untold(known, run(["orders", "list"], variables, tmp_path), f"orders list with a wrong {name}")


@pytest.fixture
def echoing() -> Iterator[Loopback]:
    """An Amazon that refuses everything, and says back what it was sent."""
    with Loopback() as amazon:
        yield amazon


@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_an_amazon_that_says_back_what_it_was_sent_tells_none(
    echoing: Loopback, status: int, known: dict[str, str], environment: dict[str, str], tmp_path: Path
) -> None:
    def refuse(call: Call) -> object:
        told = " ".join([*call.form.values(), *call.headers.values()]) if call.body else " ".join(call.headers.values())
        return said(
            {"error": told[:200], "error_description": told, "errors": [{"code": told, "message": told}]}, status
        )

    echoing.login = refuse  # type: ignore[assignment]
    variables = environment | {
        f"{PREFIX}DATABASE_URL": f"sqlite:///{tmp_path}/o.sqlite",
        f"{PREFIX}AMAZON_LOGIN_URL": f"{echoing.url}/auth/o2/token",
        f"{PREFIX}AMAZON_API_URL": echoing.url,
    }
    subprocess.run(
        [sys.executable, "-m", "orderbridge", "migrate"],
        env=variables,
        cwd=tmp_path,
        timeout=100,
        check=True,
        capture_output=True,
    )
    told = run(["accounts", "connect", "main"], variables, tmp_path)
    assert echoing.calls
    assert_untold(known, told, "accounts connect")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_without_database_and_kafka_tells_none(
    service: str, known: dict[str, str], environment: dict[str, str], tmp_path: Path
) -> None:
    port, log = free_port(), tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "orderbridge.service", service],
            env={**environment, f"{PREFIX}HEALTH_PORT": str(port)},
            cwd=tmp_path,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    pages: list[str] = []

    def is_seen() -> bool:
        if process.poll() is not None:
            return True
        try:
            pages.extend(
                requests.get(f"http://127.0.0.1:{port}/{page}", timeout=5).text
                for page in ("healthz", "readyz", "metrics")
            )
        except requests.RequestException:
            return False
        return True

    try:
        wait_until(is_seen, seconds=90, what=f"{service} is up, or has given up", interval=0.2)
    finally:
        process.terminate()
        process.wait(30 * PATIENCE)
    text = log.read_text() + "".join(pages)
    assert text
    assert "Settings" not in text, "it got no further than its settings"
    assert_untold(known, text, service)
