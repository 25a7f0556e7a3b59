"""`orderbridge up` and `demo`: what they print for scripts, and what `up` refuses; their houses are played here."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orderbridge import house
from orderbridge.amazon import LoginRefused
from orderbridge.data_folder import HouseError, kept_values, one_house, tell
from orderbridge.house import House, Plan, plan_to_stand
from orderbridge.ports import free_port
from orderbridge.settings import BadSettings, load_settings
from orderbridge.vault.keys import InvalidKeyText, new_installation_key
from tests.parts.command_line import Command

DATA = Path(".orderbridge")
RING = Path(".orderbridge-key-ring")
CREDENTIALS = {"ORDERBRIDGE_AMAZON_CLIENT_ID": "amzn1.client", "ORDERBRIDGE_AMAZON_CLIENT_SECRET": "swordfish"}
A_KEY, ANOTHER_KEY = new_installation_key(), new_installation_key()


class Supervisor:
    """Starts nothing, and says what it was to start."""

    started: tuple[str, ...] = ()

    def __init__(self, _logs: Path) -> None:
        pass

    def start(self, service: str, _arguments: list[str], _environment: Mapping[str, str]) -> None:
        Supervisor.started += (service,)

    def stop(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _nothing_runs(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """No child process, no signal handler, a house that is ready at once and is told to stop as soon as it stands."""
    monkeypatch.delenv("ORDERBRIDGE_DATABASE_URL")
    Supervisor.started = ()
    monkeypatch.setattr(house, "Supervisor", Supervisor)
    monkeypatch.setattr(house, "connect_account", lambda *_: None)
    monkeypatch.setattr(House, "_wait", lambda *_, **__: None)
    monkeypatch.setattr("orderbridge.cli.running._stop_on_signals", lambda stop: stop.set())


def test_up_prints_its_addresses_as_json(command: Command) -> None:
    result = command("up", "--json")
    addresses = json.loads(result.stdout)
    assert result.exit_code == 0
    assert addresses.keys() == {"kafka", "console", "api", "storefront", "sandbox", "health"}
    assert addresses["health"].keys() == {"ticker", "importer", "shipper", "redactor", "api", "console", "reporter"}
    assert "The house stands." in result.stderr
    assert Supervisor.started[0] == "sandbox"


def test_with_credentials_the_sandbox_is_never_started(command: Command) -> None:
    result = command("up", "--json", env=CREDENTIALS)
    assert result.exit_code == 0
    assert "sandbox" not in json.loads(result.stdout)
    assert Supervisor.started == (
        "ticker",
        "importer",
        "shipper",
        "redactor",
        "api",
        "console",
        "reporter",
        "storefront",
    )


def test_credentials_without_their_secret_are_refused(command: Command) -> None:
    result = command("up", env={"ORDERBRIDGE_AMAZON_CLIENT_ID": "amzn1.client"})
    assert (result.exit_code, Supervisor.started) == (1, ())
    assert "ORDERBRIDGE_AMAZON_CLIENT_SECRET is not set" in result.stderr


def test_a_wrong_mail_server_is_refused_before_anything_starts(command: Command) -> None:
    result = command("up", env={"ORDERBRIDGE_SMTP_URL": "mail.shop.com"})
    assert (result.exit_code, Supervisor.started) == (1, ())
    assert result.stderr.startswith("Settings: ORDERBRIDGE_SMTP_URL: expected smtp://")


@pytest.mark.parametrize("ring", [".orderbridge", ".orderbridge/ring", "elsewhere/../.orderbridge/ring"])
def test_a_key_ring_within_the_data_is_refused(command: Command, ring: str) -> None:
    for result in (command("up", "--key-ring", ring), command("up", env={"ORDERBRIDGE_KEY_RING": ring})):
        assert (result.exit_code, Supervisor.started) == (1, ())
        assert "lies within the data folder" in result.stderr


def test_a_sandbox_that_refuses_its_account_is_said(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any) -> None:
        raise LoginRefused("login", "invalid_client", status=401)

    monkeypatch.setattr(house, "connect_account", refuse)
    result = command("up")
    assert result.exit_code == 1
    assert "The sandbox did not take its own account: login 401: invalid_client" in result.stderr


# --- the environment, the house and the commands beside it agree


def test_a_key_that_was_given_is_used_and_kept(command: Command, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"ORDERBRIDGE_VAULT_KEY={A_KEY}\n")
    (tmp_path / "secrets-key").write_text(ANOTHER_KEY)
    assert command("up", env={"ORDERBRIDGE_SECRETS_KEY_FILE": "secrets-key"}).exit_code == 0
    (tmp_path / ".env").unlink()
    assert command("up").exit_code == 0
    kept = json.loads((DATA / "kept.json").read_text())
    assert (kept["vault_key"], kept["secrets_key"]) == (A_KEY, ANOTHER_KEY)


@pytest.mark.parametrize("name", ["ORDERBRIDGE_VAULT_KEY", "ORDERBRIDGE_SECRETS_KEY"])
def test_another_key_than_the_one_that_is_kept_is_refused(command: Command, name: str) -> None:
    assert command("up").exit_code == 0
    kept, Supervisor.started = (DATA / "kept.json").read_text(), ()
    result = command("up", env={name: A_KEY})
    assert (result.exit_code, Supervisor.started) == (1, ())
    assert f"{name} is not the key under which .orderbridge keeps its data." in result.stderr
    assert A_KEY not in result.stderr
    assert (DATA / "kept.json").read_text() == kept


def test_another_key_ring_than_the_one_that_is_kept_is_refused(command: Command) -> None:
    """Keys in the first would never die, and seals would open no more."""
    assert command("up").exit_code == 0
    Supervisor.started = ()
    for arguments, environment in (((), {"ORDERBRIDGE_KEY_RING": "elsewhere"}), (("--key-ring", "elsewhere"), {})):
        result = command("up", *arguments, env=environment)
        assert (result.exit_code, Supervisor.started) == (1, ())
        assert "elsewhere is not the key ring" in result.stderr
        assert str(RING.resolve()) in result.stderr.replace("\n", "")


def test_a_house_may_be_moved_with_its_key_ring(tmp_path: Path) -> None:
    kept = kept_values(tmp_path / "a" / "data", {}, tmp_path / "a" / "ring", 8402)
    (tmp_path / "a").rename(tmp_path / "b")
    assert kept_values(tmp_path / "b" / "data", {}, tmp_path / "b" / "ring", 8402) == kept


def test_the_port_of_the_storefront_can_be_chosen(command: Command) -> None:
    port = free_port()
    result = command("up", "--json", env={"ORDERBRIDGE_STOREFRONT_PORT": str(port)})
    assert result.exit_code == 1  # this process has just taken it for itself
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    result = command("up", "--json", env={"ORDERBRIDGE_STOREFRONT_PORT": str(port)})
    assert json.loads(result.stdout)["storefront"] == f"http://127.0.0.1:{port}"


def test_what_is_no_key_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(InvalidKeyText, match="ORDERBRIDGE_VAULT_KEY"):
        kept_values(tmp_path, {"vault_key": "short"}, RING, 8402)


def test_the_same_key_written_otherwise_is_the_same(tmp_path: Path) -> None:
    kept = kept_values(tmp_path, {"vault_key": A_KEY}, RING, 8402)
    assert kept_values(tmp_path, {"vault_key": f"{A_KEY}="}, RING, 1) == {**kept, "vault_key": f"{A_KEY}="}
    assert kept["sandbox_port"] == "8402"


def test_an_environment_that_commands_would_follow_elsewhere_is_refused(command: Command) -> None:
    environment = {"ORDERBRIDGE_DATABASE_URL": "sqlite:///other.sqlite", "ORDERBRIDGE_AMAZON_API_URL": "http://there"}
    result = command("up", env=environment)
    assert (result.exit_code, Supervisor.started) == (1, ())
    assert "its own ORDERBRIDGE_AMAZON_API_URL, ORDERBRIDGE_DATABASE_URL" in result.stderr


def test_what_a_killed_house_left_is_not_read(command: Command) -> None:
    DATA.mkdir()
    left = "ORDERBRIDGE_AMAZON_API_URL=http://127.0.0.1:8402\nORDERBRIDGE_AMAZON_CLIENT_ID=sandbox-client\n"
    (DATA / "environment").write_text(left)
    with one_house(DATA):
        assert plan_to_stand(DATA, None, 60).sandbox
        assert load_settings(DATA).amazon_api_url is None
        with pytest.raises(HouseError, match="Another `orderbridge up` or `demo` runs"), one_house(DATA):
            pass


def test_a_house_tells_commands_beside_it_and_leaves_nothing(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(House, "_wait", lambda *_, **__: told.append(load_settings().kafka_embedded))
    assert command("up").exit_code == 0
    assert set(told) == {True}
    assert sorted(os.listdir(DATA))[0] == "kept.json"
    assert not load_settings().kafka_embedded


def test_a_plan_needs_what_the_services_need(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERBRIDGE_AMAZON_CLIENT_ID", "amzn1.client")
    with pytest.raises(BadSettings, match="ORDERBRIDGE_AMAZON_CLIENT_SECRET"):
        plan_to_stand(DATA, None, 60)
    monkeypatch.setenv("ORDERBRIDGE_AMAZON_CLIENT_SECRET", "swordfish")
    plan: Plan = plan_to_stand(DATA, None, 60)
    assert (plan.sandbox, plan.key_ring) == (False, Path(".orderbridge-key-ring"))


# --- the demo


@pytest.mark.parametrize("agreed", [True, False])
def test_the_demo_prints_its_report_as_json(command: Command, monkeypatch: pytest.MonkeyPatch, agreed: bool) -> None:
    def run_demo(*arguments: Any, stay: bool) -> tuple[bool, dict[str, Any]]:
        arguments[-1].print("the live view")
        return agreed, {"lost": 0, "stay": stay}

    monkeypatch.setattr("orderbridge.demo.run.run_demo", run_demo)
    result = command("demo", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0 if agreed else 1, {"lost": 0, "stay": False})
    assert "the live view" in result.stderr
    result = command("demo")
    assert (result.exit_code, result.stdout) == (0 if agreed else 1, "the live view\n")


def test_what_a_house_tells_is_never_read_half_written(tmp_path: Path) -> None:
    addresses = {"health": {f"service-{number}": f"http://127.0.0.1:{8410 + number}" for number in range(100)}}
    tell(tmp_path, {}, addresses)
    written = threading.Event()

    def write_again_and_again() -> None:
        for _ in range(500):
            tell(tmp_path, {}, addresses)
        written.set()

    writer = threading.Thread(target=write_again_and_again)
    writer.start()
    while not written.is_set():
        assert json.loads((tmp_path / "addresses.json").read_text()) == addresses
    writer.join()
