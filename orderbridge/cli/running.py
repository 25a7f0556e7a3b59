"""Commands that run things: services, the house on one machine, the demo."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from orderbridge.cli.application import Json, app, console, errors, fail, print_json
from orderbridge.service import run_service, services
from orderbridge.settings import DATA_FOLDER

Data = Annotated[Path, typer.Option(help="Folder for the data.")]
Speed = Annotated[
    int, typer.Option(min=1, max=1000, help="How much faster than life the sandbox's clocks and rates run.")
]


@app.command()
def demo(
    orders: Annotated[int, typer.Option(min=5, max=5000, help="How many Amazon orders to place.")] = 25,
    once: Annotated[bool, typer.Option("--once", help="End when the loop is through, also on a terminal.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write the report here as JSON.")] = None,
    data: Data = DATA_FOLDER,
    speed: Speed = 60,
    as_json: Json = False,
) -> None:
    """Watch the whole loop: orders in, shipments back, personal data gone. Nothing is faked but Amazon itself.

    Ends with status 0 only if the books of the sandbox and of the store agree. With --json it ends by itself and prints
    its report to standard output, the rest to standard error.

    Example: `orderbridge demo --orders 100 --once`

    Next: `orderbridge up` keeps such a house standing.
    """
    from orderbridge.data_folder import HouseError, one_house
    from orderbridge.demo.run import run_demo

    stop = threading.Event()
    _stop_on_signals(stop)
    view = errors if as_json else console
    stay = view.is_terminal and not once and not as_json
    try:
        with one_house(data):
            agreed, counted = run_demo(orders, data, speed, report, stop, view, stay=stay)
    except HouseError as error:
        fail(str(error))
    if as_json:
        print_json(counted)
    raise typer.Exit(0 if agreed else 1)


@app.command()
def up(
    data: Data = DATA_FOLDER,
    key_ring: Annotated[
        Path | None, typer.Option(help="Folder of the keys of personal data; not within the data folder.")
    ] = None,
    speed: Speed = 60,
    as_json: Json = False,
) -> None:
    """Run the whole house on this machine, without Docker, until Ctrl-C: embedded broker, SQLite, every service.

    Without Amazon credentials (ORDERBRIDGE_AMAZON_CLIENT_ID) it starts the sandbox, a small Amazon of your own, with
    one account connected and enabled. Its data stays, so that the next start goes on where this one ended. Keys that
    the environment or .env gives are used and kept. With --json it prints its addresses once it stands, and the rest to
    standard error.

    Next: in another terminal, in the same folder, `orderbridge import` and `orderbridge events tail`; with credentials
    `orderbridge accounts connect main` first.
    """
    from orderbridge.data_folder import HouseError, one_house
    from orderbridge.first_look import first_look
    from orderbridge.house import House, plan_to_stand

    stop = threading.Event()
    _stop_on_signals(stop)
    view = errors if as_json else console
    try:
        with one_house(data):
            house = House(plan_to_stand(data, key_ring, speed), stop, view.print)
            try:
                house.refuse_contradictions()
                house.start()
                view.print("\nThe house stands. [bold]Ctrl-C[/bold] stops it.\n")
                print_json(house.addresses) if as_json else _print_addresses(house.addresses)
                look = first_look(house.addresses, house.first_owner_link)
                view.print(f"\n{look}\n", markup=False, highlight=False, soft_wrap=True)
                while not stop.wait(0.5):
                    house.watch()
            finally:
                view.print("Stopping")
                house.stop()
    except HouseError as error:
        fail(str(error))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(
    context: typer.Context, service: Annotated[str, typer.Argument(help=f"One of {', '.join(services())}.")]
) -> None:
    """Run one service until SIGTERM or Ctrl-C. What it needs is in the environment (ORDERBRIDGE_…).

    Example: `orderbridge run importer`

    Next: its /healthz, /readyz and /metrics, on ORDERBRIDGE_HEALTH_PORT.
    """
    if service not in services():
        raise typer.BadParameter(f"there is no service {service!r}; choose one of {', '.join(services())}")
    run_service(service, context.args)


def _stop_on_signals(stop: threading.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())


def _print_addresses(addresses: dict[str, Any]) -> None:
    for name, address in addresses.items():
        if isinstance(address, str):
            console.print(f"  {name:<11}{address}")
    for service, address in addresses["health"].items():
        console.print(f"  {service:<11}{address}/healthz")
