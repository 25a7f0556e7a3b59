"""`orderbridge accounts`, `init` and `resume`."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
import yaml
from sqlalchemy import select

from orderbridge.accounts.attentions import raise_attention
from orderbridge.accounts.trial import ConnectRefused
from orderbridge.cli import data
from orderbridge.database.models import Account, ServiceState
from orderbridge.database.unit_of_work import Database
from orderbridge.ports import free_port
from orderbridge.vault.keys import new_installation_key
from orderbridge.vault.secrets_box import SecretsBox
from tests.parts.command_line import LIVE, Command


def test_they_are_listed(command: Command, account: str) -> None:
    (row,) = json.loads(command("accounts", "list", "--json").stdout)
    assert row == {
        "account": account,
        "connected": True,
        "enabled": True,
        "marketplaces": ["ATVPDKIKX0DER"],
        "api": LIVE["api_url"],
        "attention": [],
    }
    assert account in command("accounts", "list").stdout


def test_the_list_fits_a_terminal(command: Command, account: str, database: Database) -> None:
    with database.unit_of_work() as work:
        row = work.session.get_one(Account, account)
        row.marketplace_ids = '["ATVPDKIKX0DER", "A2EUQ1WTGCTBG2", "A1AM78C64UM0Y8", "UNKNOWN"]'
        raise_attention(work, account, "order_role_missing", "Amazon refuses all orders.", "Add the role.")
    text = command("accounts", "list").stdout
    assert "US, CA, MX, UNKNOWN" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "yes" in text
    assert "True" not in text


def test_off_a_terminal_secrets_are_lines_of_the_input(
    command: Command, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[str, str]] = []

    def connect_account(_settings: object, _database: object, _account: str, token: str, **options: str) -> None:
        given.append((token, options["client_secret"]))
        raise ConnectRefused("Enough is seen.")

    monkeypatch.setattr("orderbridge.cli.accounts.connect_account", connect_account)
    arguments = ("accounts", "connect", "main", "--client-id", "mine")
    assert command(*arguments, input="Atzr|token\nswordfish\n").stderr == "Enough is seen.\n"
    assert given == [("Atzr|token", "swordfish")]
    result = command(*arguments, input="")
    assert result.exit_code == 2
    assert "REFRESH_TOKEN" in result.stderr


def test_the_consent_of_a_private_app_has_no_known_end(command: Command, account: str, database: Database) -> None:
    with database.unit_of_work() as work:
        row = work.session.get_one(Account, account)
        row.authorized_at = work.now
    assert json.loads(command("accounts", "show", account, "--json").stdout)["consent_expires"] is not None
    with database.unit_of_work() as work:
        work.session.get_one(Account, account).client_id = "its own"
    assert json.loads(command("accounts", "show", account, "--json").stdout)["consent_expires"] is None
    assert "consent expires" not in command("accounts", "show", account).stdout


def test_disconnect(command: Command, account: str, database: Database) -> None:
    assert json.loads(command("accounts", "disconnect", account, "--json").stdout) == {
        "account": account,
        "connected": False,
        "grant_url": "https://sellercentral.amazon.com/apps/manage",
        "subscription": "none",
    }
    with database.unit_of_work() as work:
        assert work.session.get_one(Account, account).refresh_token is None
    again = command("accounts", "disconnect", account)
    assert (again.exit_code, again.stdout) == (1, "")
    assert "main is not connected" in again.stderr


def test_a_token_that_cannot_be_tried_is_not_kept(command: Command, database: Database) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    environment = {
        "ORDERBRIDGE_AMAZON_API_URL": url,
        "ORDERBRIDGE_AMAZON_LOGIN_URL": f"{url}/auth",
        "ORDERBRIDGE_AMAZON_CLIENT_ID": "client",
        "ORDERBRIDGE_AMAZON_CLIENT_SECRET": "swordfish",
        "ORDERBRIDGE_SECRETS_KEY": new_installation_key(),
        "REFRESH_TOKEN": "swordfish",
    }
    result = command("accounts", "connect", "main", "--json", env=environment)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Amazon did not accept it" in result.stderr
    assert "swordfish" not in result.stderr
    with database.unit_of_work() as work:
        assert work.session.scalars(select(Account)).all() == []


@pytest.mark.parametrize(
    ("variable", "expected"), [("", "ORDERBRIDGE_SECRETS_KEY is not set"), ("short", "ORDERBRIDGE_SECRETS_KEY")]
)
def test_a_wrong_secrets_key_is_named(command: Command, database: Database, variable: str, expected: str) -> None:
    environment = {"ORDERBRIDGE_SECRETS_KEY": variable, "REFRESH_TOKEN": "x"}
    result = command("accounts", "connect", "main", env=environment)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Settings: {expected}")


def test_an_own_secret_under_another_key_is_asked_for_again(command: Command, account: str, database: Database) -> None:
    """The key was changed: connecting again is the way on, and it ended in a traceback."""
    before = SecretsBox(new_installation_key())
    with database.unit_of_work() as work:
        row = work.session.get_one(Account, account)
        row.client_id = "its-own"
        row.client_secret = before.encrypt("swordfish", purpose=f"client_secret:{account}")
    environment = {"ORDERBRIDGE_SECRETS_KEY": new_installation_key(), "REFRESH_TOKEN": "x"}
    result = command("accounts", "connect", account, env=environment)
    assert result.exit_code == 1
    assert "give its client id and secret again" in result.stderr


def test_init_writes_secrets_once(command: Command, tmp_path: Path) -> None:
    assert json.loads(command("init", "--json").stdout) == {"file": ".env"}
    written = (tmp_path / ".env").read_text()
    assert [line.partition("=")[0] for line in written.splitlines()] == [
        "ORDERBRIDGE_VAULT_KEY",
        "ORDERBRIDGE_SECRETS_KEY",
    ]
    assert command("init").exit_code == 1
    assert command("init", "--file", "nowhere/.env").exit_code == 1
    assert (tmp_path / ".env").read_text() == written


def test_secrets_for_docker_are_files_that_containers_can_read_and_others_on_this_machine_cannot(
    command: Command, tmp_path: Path
) -> None:
    assert json.loads(command("init", "--secrets", "secrets", "--json").stdout) == {"folder": "secrets"}
    folder = tmp_path / "secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o444 == 0o444 for file in folder.iterdir())
    made = {file.name: file.read_text() for file in folder.iterdir()}
    compose = yaml.safe_load((Path(__file__).parents[3] / "docker-compose.yml").read_text())
    assert sorted(made) == sorted(compose["secrets"])
    assert sorted(name for name, text in made.items() if text) == ["database_password", "secrets_key", "vault_key"]
    assert len(set(filter(None, made.values()))) == 3
    again = command("init", "--secrets", "secrets")
    assert (again.exit_code, "is there already" in again.stderr) == (1, True)
    assert {file.name: file.read_text() for file in folder.iterdir()} == made
    assert command("init", "--secrets", "nowhere/secrets").exit_code == 1


def test_secrets_are_written_whole_or_not_at_all(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a folder would be refused by the next run, and by docker compose."""
    made = iter(["first"])

    def cut_off() -> str:
        try:
            return next(made)
        except StopIteration:
            raise KeyboardInterrupt from None

    with monkeypatch.context() as patched:
        patched.setattr(data, "new_installation_key", cut_off)
        with contextlib.suppress(KeyboardInterrupt):
            command("init", "--secrets", "secrets")
    assert list(tmp_path.iterdir()) == []
    assert command("init", "--secrets", "secrets").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["secrets"]


def test_resume(command: Command, database: Database) -> None:
    with database.unit_of_work() as work:
        work.session.add(ServiceState(service="shipper", paused_at=work.now, reason="20 events failed"))
    assert json.loads(command("resume", "shipper", "--json").stdout) == {"service": "shipper", "resumed": True}
    assert command("resume", "shipper").stdout == "shipper was not paused.\n"
    assert command("resume", "ticker").exit_code == 2


def test_an_account_is_shown_with_what_to_mend(command: Command, account: str, database: Database) -> None:
    with database.unit_of_work() as work:
        raise_attention(work, account, "role_missing", "Orders come without addresses.", "Add the role.")
    shown = json.loads(command("accounts", "show", account, "--json").stdout)
    assert (shown["region"], shown["marketplaces"]) == ("na", ["US (ATVPDKIKX0DER)"])
    assert shown["missing_roles"] == ["Direct-to-Consumer Shipping (Restricted)"]
    assert [one["trouble"] for one in shown["attentions"]] == ["role_missing"]
    text = command("accounts", "show", account).stdout
    assert "What to do: Add the role." in text
    assert "sealed" not in text
    assert "role_missing" in command("accounts", "list").stdout
    assert command("accounts", "show", "other").exit_code == 1
