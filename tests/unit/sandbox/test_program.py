"""The program: its command line, its memory, its end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from typer.testing import CliRunner, Result

from sandbox.accounts import Account
from sandbox.cli import cli
from sandbox.clock import ManualClock
from sandbox.database import Database
from sandbox.placing import OrderWish
from sandbox.seller_central import SellerCentral
from tests.parts.patience import PATIENCE

ROOT = Path(__file__).parents[3]
Start = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts `python -m sandbox --port 0` and returns the process and its URL."""
    processes = []

    def start(*arguments: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--port", "0", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("sandbox listening on http://127.0.0.1:")
        return process, line.split()[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def command(url: str, *arguments: str) -> Result:
    """What `python -m sandbox …` does for a person, without the time to start Python; where a proxy is set, too."""
    proxy = {"http_proxy": "http://127.0.0.1:1", "no_proxy": "", "NO_PROXY": ""}
    return CliRunner().invoke(cli, arguments, env={"SANDBOX_URL": url, "COLUMNS": "200", **proxy})


def test_sigterm_ends_it_at_once_even_while_a_call_hangs(start: Start) -> None:
    process, url = start()
    fault = {"operation": "login", "kind": "timeout", "seconds": 60}
    requests.post(f"{url}/_sandbox/faults", json=fault, timeout=5)
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{url}/auth/o2/token", timeout=0.2)
    requests.post(f"{url}/_sandbox/faults", json=fault, timeout=5)
    hanging = subprocess.Popen(
        [sys.executable, "-c", f"import requests; requests.post('{url}/auth/o2/token', timeout=60)"],
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while requests.get(f"{url}/_sandbox/calls", timeout=5).json()["operations"]["login"]["calls"] < 2:
        assert time.monotonic() < deadline
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=10 * PATIENCE)
    assert time.monotonic() - began < 8 * PATIENCE  # 0.4 s on two idle cores; the call hangs for 60
    assert (process.returncode, out, err) == (0, "", "")
    assert hanging.wait(timeout=10) == 1


def test_a_killed_sandbox_forgets_nothing(start: Start, tmp_path: Path) -> None:
    process, url = start("--data", str(tmp_path / "data"))
    order_ids = command(url, "place", "--count", "2", "--marketplace", "GB").stdout.split()
    assert len(order_ids) == 2
    assert json.loads(command(url, "cancel", order_ids[0]).stdout)["status"] == "CANCELLED"
    before = requests.get(f"{url}/_sandbox/books", timeout=5).json()
    process.kill()
    process.wait()
    _, url = start("--data", str(tmp_path / "data"))
    assert requests.get(f"{url}/_sandbox/books", timeout=5).json() == before
    assert set(command(url, "place", "--count", "2").stdout.split()).isdisjoint(order_ids)


def test_commands(start: Start) -> None:
    _, url = start("--speed", "60")
    assert requests.get(f"{url}/_sandbox/health", timeout=5).json()["speed"] == 60
    (pending,) = command(url, "place", "--pending", "--program", "PRIME", "--lines", "2").stdout.split()
    assert json.loads(command(url, "release", pending).stdout)["status"] == "UNSHIPPED"
    assert json.loads(command(url, "request-cancel", pending, "--reason", "mistake").stdout)["order_id"] == pending
    assert json.loads(command(url, "fault", "503", "--operation", "login").stdout)["kind"] == "503"
    assert requests.post(f"{url}/auth/o2/token", timeout=5).status_code == 503
    assert command(url, "fault", "--clear").exit_code == 0
    assert json.loads(command(url, "books").stdout)["orders"][pending]["status"] == "UNSHIPPED"
    assert json.loads(command(url, "calls").stdout)["operations"]["login"]["calls"] == 1
    wrong = command(url, "release", pending)
    assert wrong.exit_code == 1
    assert "not PENDING" in wrong.stderr
    assert command(url, "place", "--marketplace", "Atlantis").exit_code == 2
    assert command(url, "fault").exit_code == 2


def test_without_a_sandbox_the_commands_say_so() -> None:
    answer = command("http://127.0.0.1:1", "books")
    assert answer.exit_code == 1
    assert "no sandbox at http://127.0.0.1:1" in answer.stderr


def test_a_port_that_is_taken_is_said(start: Start) -> None:
    _, url = start()
    answer = command(url, "--port", url.rpartition(":")[2])
    assert answer.exit_code == 1
    assert "cannot listen on 127.0.0.1:" in answer.stderr


def test_help_teaches() -> None:
    text = command("", "--help").stdout
    for word in ("--speed", "--data", "--seed", "sandbox-refresh-token-main", "place", "request-cancel", "fault"):
        assert word in text


def test_everything_is_in_the_file(tmp_path: Path, clock: ManualClock) -> None:
    """Accounts, orders, packages, refusals, calls and the tokens that were given out outlive the program."""

    def look(central: SellerCentral, access_token: str, page_token: str) -> object:
        account = central.login.authenticate(access_token, "searchOrders")
        page = central.search_orders(query | {"paginationToken": page_token}, account)
        return account, page, central.books(), central.calls()

    query = {"lastUpdatedAfter": "2026-11-01T00:00:00Z", "maxResultsPerPage": "1"}
    account = Account(account="second", refresh_token="second-token")
    database = Database(tmp_path)
    central = SellerCentral(database, clock)
    central.save_account(account)
    central.place_orders(OrderWish(count=3, account="second"))
    clock.advance(120)
    form = {"grant_type": "refresh_token", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    access_token = str(central.login.exchange(form | {"refresh_token": "second-token"})["access_token"])
    page_token = central.search_orders(query, account)["pagination"]["nextToken"]
    central.count_call("searchOrders", "200")
    before = look(central, access_token, page_token)
    database.close()

    database = Database(tmp_path)
    assert look(SellerCentral(database, clock, seed=2), access_token, page_token) == before
    database.close()
