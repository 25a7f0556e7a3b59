"""`orderbridge notifications`, beside a sandbox that plays Amazon."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderbridge.vault.keys import new_installation_key
from sandbox.accounts import CLIENT_ID, CLIENT_SECRET, DEFAULT_ACCOUNT
from sandbox.clock import SystemClock
from sandbox.database import Database as SandboxDatabase
from sandbox.seller_central import SellerCentral
from tests.parts.command_line import Command
from tests.parts.databases import migrated
from tests.parts.sandbox_server import sandbox_server

ARN = "arn:aws:sqs:us-east-1:123456789012:orders"


@pytest.fixture
def connected(command: Command, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """The command line, with the account `main` connected at a sandbox."""
    with migrated(sqlite_url), sandbox_server() as sandbox:
        central = SandboxDatabase()
        sandbox.play(SellerCentral(central, SystemClock()))
        for name, value in {
            "AMAZON_API_URL": sandbox.url,
            "AMAZON_LOGIN_URL": f"{sandbox.url}/auth/o2/token",
            "AMAZON_CLIENT_ID": CLIENT_ID,
            "AMAZON_CLIENT_SECRET": CLIENT_SECRET,
            "SECRETS_KEY": new_installation_key(),
        }.items():
            monkeypatch.setenv(f"ORDERBRIDGE_{name}", value)
        token = {"REFRESH_TOKEN": DEFAULT_ACCOUNT.refresh_token}
        assert command("accounts", "connect", "main", env=token).exit_code == 0
        yield command
        central.close()


def test_they_come_and_go(connected: Command) -> None:
    none = connected("notifications", "list")
    assert (none.exit_code, "No account is subscribed" in none.stdout) == (0, True)
    made = json.loads(connected("notifications", "subscribe", "main", "--queue-arn", ARN, "--json").stdout)
    assert (made["account"], made["subscribed"]) == ("main", True)
    assert made["queue"] == "https://sqs.us-east-1.amazonaws.com/123456789012/orders"
    again = connected("notifications", "subscribe", "main", "--queue-arn", ARN)
    assert (again.exit_code, "main is subscribed" in again.stdout) == (0, True)
    (row,) = json.loads(connected("notifications", "list", "--json").stdout)
    assert {name: row[name] for name in made.keys() - {"subscribed"}} == {
        name: value for name, value in made.items() if name != "subscribed"
    }
    assert row["since"].endswith("Z")
    assert json.loads(connected("notifications", "unsubscribe", "main", "--json").stdout) == {
        "account": "main",
        "subscribed": False,
    }
    gone = connected("notifications", "unsubscribe", "main")
    assert (gone.exit_code, gone.stdout) == (1, "")
    assert "main is not subscribed" in gone.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("subscribe", "main", "--queue-arn", f"{ARN}.fifo"), "FIFO"),
        (("subscribe", "main", "--queue-arn", "orders"), "arn:aws:sqs:REGION:ACCOUNT:NAME"),
        (("subscribe", "other", "--queue-arn", ARN), "other is not connected"),
        (("unsubscribe", "other"), "other is not connected"),
        (("policy", f"{ARN}.fifo"), "FIFO"),
    ],
)
def test_what_cannot_be_says_why(connected: Command, arguments: tuple[str, ...], expected: str) -> None:
    result = connected("notifications", *arguments, "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert expected in result.stderr


def test_the_queue_must_be_named(command: Command) -> None:
    assert command("notifications", "subscribe", "main").exit_code == 2


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_the_policy_is_as_aws_reads_it(command: Command, tmp_path: Path, options: tuple[str, ...]) -> None:
    result = command("notifications", "policy", ARN, *options)
    (statement,) = json.loads(result.stdout)["Statement"]
    assert statement["Principal"] == {"AWS": "arn:aws:iam::437568002678:root"}
    assert statement["Action"] == ["sqs:SendMessage", "sqs:GetQueueAttributes"]
    assert (statement["Effect"], statement["Resource"]) == ("Allow", ARN)
