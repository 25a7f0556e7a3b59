"""Commands that run things: services, the house on one machine, the demo."""

from __future__ import annotations

import signal
import threading
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from orderbridge.cli.application import app, console, fail
from orderbridge.service import run_service
from orderbridge.settings import DATA_FOLDER, load_settings

Data = Annotated[Path, typer.Option(help="Folder for the data.")]
Speed = Annotated[
    int, typer.Option(min=1, max=1000, help="How much faster than life the sandbox's clocks and rates run.")
]


def register(_app: typer.Typer) -> None:
    """The commands below register themselves when this module is imported."""


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(
    context: typer.Context, service: Annotated[str, typer.Argument(help="importer, shipper, redactor, ticker, …")]
) -> None:
    """Run one service until SIGTERM or Ctrl-C. What it needs is in the environment (ORDERBRIDGE_…)."""
    try:
        run_service(service, context.args)
    except LookupError as error:
        console.print(str(error))
        raise typer.Exit(2) from None


@app.command()
def up(
    data: Data = DATA_FOLDER,
    key_ring: Annotated[
        Path | None, typer.Option(help="Folder of the keys of personal data; not within the data folder.")
    ] = None,
    speed: Speed = 60,
) -> None:
    """Run the whole house on this machine, without Docker, until Ctrl-C: embedded broker, SQLite, every service.

    Without Amazon credentials (ORDERBRIDGE_AMAZON_CLIENT_ID) it starts the sandbox, a small Amazon of your own, with
    one account connected and enabled. Its data stays, so that the next start goes on where this one ended.
    """
    from orderbridge.accounts import AccountSettings
    from orderbridge.house import House, HouseError, Plan

    sandbox = load_settings(data).amazon_client_id in (None, "sandbox-client")
    ring = (key_ring or data.parent / f"{data.name}-key-ring").resolve()
    if ring.is_relative_to(data.resolve()):
        fail(f"The key ring {ring} lies within the data folder: a copy of the data would carry its keys along.")
    plan = Plan(
        data=data,
        store=data,
        key_ring=ring,
        grid=timedelta(hours=1),
        speed=speed,
        sandbox=sandbox,
        account=AccountSettings(enabled=True, import_every_minutes=1),
    )
    stop = threading.Event()
    _stop_on_signals(stop)
    try:
        house = House(plan, stop, console.print)
    except HouseError as error:
        fail(str(error))
    try:
        house.start()
        console.print("\nThe house stands. [bold]Ctrl-C[/bold] stops it.\n")
        _print_addresses(house.addresses)
        while not stop.wait(0.5):
            house.watch()
    except HouseError as error:
        fail(str(error))
    finally:
        console.print("Stopping")
        house.stop()


@app.command()
def demo(
    orders: Annotated[int, typer.Option(min=5, max=5000, help="How many Amazon orders to place.")] = 25,
    once: Annotated[bool, typer.Option("--once", help="End when the loop is through, also on a terminal.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write the report here as JSON.")] = None,
    data: Data = DATA_FOLDER,
    speed: Speed = 60,
) -> None:
    """Watch the whole loop: orders in, shipments back, personal data gone. Nothing is faked but Amazon itself.

    Ends with status 0 only if the books of the sandbox and of the store agree.
    """
    from orderbridge.demo.run import run_demo
    from orderbridge.house import HouseError

    stop = threading.Event()
    _stop_on_signals(stop)
    try:
        agreed = run_demo(orders, data, speed, report, stop, stay=console.is_terminal and not once)
    except HouseError as error:
        fail(str(error))
    raise typer.Exit(0 if agreed else 1)


def _stop_on_signals(stop: threading.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())


def _print_addresses(addresses: dict[str, Any]) -> None:
    for name, address in addresses.items():
        if isinstance(address, str):
            console.print(f"  {name:<11}{address}")
    for service, address in addresses["health"].items():
        console.print(f"  {service:<11}{address}/healthz")
