"""New orders: our import beside a plain v0 loop on `python-amazon-sp-api`, on the same sandbox in the same run.

Calls to Amazon, those it throttled, and the time by the sandbox's clock: from the first call until the last order is
there. That clock moves only while somebody waits for Amazon's limits; the way over the network counts for nobody.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import structlog

from bench.parts import arguments, report
from bench.peer import read_orders
from sandbox.accounts import Account
from schemas.imports import ImportFinished
from schemas.orders import OrderImported
from tests.parts.in_process import System
from tests.parts.sandbox_server import SandboxServer, sandbox_server

_SIZES = (100, 10_000)
Figures = dict[str, float]


def main() -> None:
    """Measure one number of orders, or the two of the aim."""
    given = arguments(__doc__, orders=0)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sizes = (given.orders,) if given.orders else _SIZES
    with sandbox_server() as server:
        runs = [_measure(orders, server) for orders in sizes]
    report(runs[0] if given.orders else {"runs": runs}, as_json=given.json)


def _measure(orders: int, server: SandboxServer) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.sqlite"
        with closing(System(url, Path(folder), server)) as system:
            account = system.amazon_account()
            since = system.now
            system.place_orders(count=orders)
            system.advance(180)  # Amazon shows them after two minutes
            ours = _counted(system, lambda: _import(system, orders))
            peer = _counted(system, lambda: _peer(system, server, account, since, orders))
    return {"orders": orders, "ours": ours, "peer": peer}


def _import(system: System, orders: int) -> None:
    system.import_now()
    while not system.events(ImportFinished):
        system.advance_to_next()
    imported = {event.order_id for event in system.events(OrderImported)}
    assert len(imported) == orders, f"we have {len(imported)} orders"


def _peer(system: System, server: SandboxServer, account: Account, since: datetime, orders: int) -> None:
    read = read_orders(server.url, account.refresh_token, account.marketplaces, since, system.clock)
    assert read == orders, f"the peer has {read} orders"


def _counted(system: System, work: Callable[[], None]) -> Figures:
    before, began = _calls(system), system.now
    work()
    after = _calls(system)
    return {
        "calls": after[0] - before[0],
        "throttled": after[1] - before[1],
        "virtual_seconds": round((system.now - began).total_seconds()),
    }


def _calls(system: System) -> tuple[int, int]:
    """All calls but logins so far, and those answered with 429."""
    operations = system.amazon.calls()["operations"]
    counted = [figures for name, figures in operations.items() if name != "login"]
    return sum(one["calls"] for one in counted), sum(one["throttled"] for one in counted)


if __name__ == "__main__":
    main()
