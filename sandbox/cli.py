"""The command line: start a sandbox, and talk to one that runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import requests
import typer

from sandbox.authorisations import REDIRECT_URI
from sandbox.marketplaces import BY_COUNTRY, marketplace_named
from sandbox.odd import ODD

cli = typer.Typer(
    add_completion=False,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Url = Annotated[str, typer.Option(envvar="SANDBOX_URL", help="Where the sandbox runs.")]
_URL = "http://127.0.0.1:8402"


@cli.callback()
def start(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="0 picks a free one; the first line printed says which.")] = 8402,
    host: Annotated[str, typer.Option(help="Keep it on loopback: the back door asks for no password.")] = "127.0.0.1",
    speed: Annotated[
        float, typer.Option(min=0.001, help="Scales Amazon's rates, its two-minute lag and the lives of its tokens.")
    ] = 1,
    data: Annotated[Path | None, typer.Option(help="Folder to remember everything in; without it, memory.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same orders.")] = 1,
    sqs_endpoint: Annotated[
        str | None, typer.Option(envvar="SANDBOX_SQS_ENDPOINT", help="URL of the SQS that notifications are sent to.")
    ] = None,
    redirect_uri: Annotated[
        str | None,
        typer.Option(
            envvar="SANDBOX_REDIRECT_URI",
            help="Where sellers are sent back to who have authorised the application; unless told,"
            " /connect/callback below ORDERBRIDGE_PUBLIC_URL.",
        ),
    ] = None,
) -> None:
    """A local Seller Central: Amazon's login, Orders, Reports and Notifications, with its limits and its refusals.

    Without a command it runs the sandbox until Ctrl-C. Client id: sandbox-client, secret: sandbox-secret,
    refresh token: sandbox-refresh-token-main. Application id: amzn1.sp.solution.sandbox.

    At --speed 60 a minute of Amazon's rules is over in a second: searchOrders every 3 s, new orders show after 2 s.

    The commands talk to a sandbox that runs:

      python -m sandbox --speed 60 &

      python -m sandbox place --count 3 --marketplace GB

      python -m sandbox books
    """
    if context.invoked_subcommand is not None:
        return
    from sandbox.server import serve  # FastAPI takes a second to load, which the other commands need not wait for

    if redirect_uri is None:
        public_url = os.environ.get("ORDERBRIDGE_PUBLIC_URL")
        redirect_uri = f"{public_url.rstrip('/')}/connect/callback" if public_url else REDIRECT_URI
    try:
        serve(host, port, speed=speed, seed=seed, data=data, sqs_endpoint=sqs_endpoint, redirect_uri=redirect_uri)
    except OSError as error:
        typer.echo(f"cannot listen on {host}:{port}: {error.strerror}", err=True)
        raise typer.Exit(1) from None


@cli.command()
def place(
    count: Annotated[int, typer.Option(help="How many orders.")] = 1,
    marketplace: Annotated[str, typer.Option(help=f"Country ({', '.join(BY_COUNTRY)}) or Amazon's id.")] = "US",
    fulfilled_by: Annotated[str, typer.Option(help="MERCHANT, or AMAZON for FBA.")] = "MERCHANT",
    lines: Annotated[int | None, typer.Option(help="Lines per order; one to three unless told.")] = None,
    pending: Annotated[bool, typer.Option("--pending", help="Payment is not authorised yet; see `release`.")] = False,
    created_at: Annotated[str | None, typer.Option(help="When they were bought, such as 2026-10-25T09:00:00Z.")] = None,
    status: Annotated[str, typer.Option(help="UNSHIPPED, PENDING, SHIPPED or CANCELLED.")] = "UNSHIPPED",
    spread: Annotated[float, typer.Option(help="Seconds from the first purchase to the last.")] = 0,
    history: Annotated[
        bool, typer.Option("--history", help="As if they had always been there: shown at once, updated long ago.")
    ] = False,
    odd: Annotated[str | None, typer.Option(help=f"An oddity, one of {', '.join(ODD)}.")] = None,
    program: Annotated[
        list[str] | None, typer.Option(help="PRIME, AMAZON_BUSINESS, FBM_SHIP_PLUS …; several times for several.")
    ] = None,
    account: Annotated[str, typer.Option(help="Seller account.")] = "main",
    url: Url = _URL,
) -> None:
    """Place orders; prints their ids, one per line. Searches show them two minutes later, at --speed 60 two seconds.

    Examples:

      python -m sandbox place --count 3 --marketplace GB --program PRIME

      python -m sandbox place --fulfilled-by AMAZON --status SHIPPED

      python -m sandbox place --count 500 --history --created-at 2026-01-01T00:00:00Z --spread 2592000 --status SHIPPED

    What an order's lines are to be (SKU, quantity, price, gift message) says the back door: POST /_sandbox/orders.
    Its fields are described at http://127.0.0.1:8402/_sandbox/docs.
    """
    try:
        marketplace_id = marketplace_named(marketplace).marketplace_id
    except KeyError:
        raise typer.BadParameter(f"unknown marketplace {marketplace}") from None
    wish = {
        "count": count,
        "marketplace_id": marketplace_id,
        "fulfilled_by": fulfilled_by,
        "lines": lines,
        "status": "PENDING" if pending else status,
        "spread_over_seconds": spread,
        "history": history,
        "odd": odd,
        "created_at": created_at,
        "programs": program or None,
        "account": account,
    }
    for order_id in _ask("POST", f"{url}/_sandbox/orders", wish)["order_ids"]:
        typer.echo(order_id)


@cli.command()
def cancel(order_id: str, by: str = "BUYER", reason: str | None = None, url: Url = _URL) -> None:
    """Cancel an order that has not shipped."""
    _show(_ask("POST", f"{url}/_sandbox/orders/{order_id}/cancel", {"by": by, "reason": reason}))


@cli.command("request-cancel")
def request_cancel(order_id: str, reason: str | None = None, url: Url = _URL) -> None:
    """Let the buyer wish to cancel; the seller decides."""
    _show(_ask("POST", f"{url}/_sandbox/orders/{order_id}/request-cancel", {"reason": reason}))


@cli.command()
def release(order_id: str, url: Url = _URL) -> None:
    """Authorise the payment of a pending order."""
    _show(_ask("POST", f"{url}/_sandbox/orders/{order_id}/release"))


@cli.command()
def ship(order_id: str, url: Url = _URL) -> None:
    """Let Amazon ship an order that it fulfils."""
    _show(_ask("POST", f"{url}/_sandbox/orders/{order_id}/ship"))


@cli.command()
def fault(
    kind: Annotated[
        str | None,
        typer.Argument(help="429, 503, timeout, drop_after_effect, truncated …; sandbox/faults.py has them all."),
    ] = None,
    operation: Annotated[str, typer.Option(help="searchOrders, getOrder, confirmShipment, login or *.")] = "*",
    count: Annotated[int, typer.Option(help="How many calls fail.")] = 1,
    seconds: Annotated[float, typer.Option(help="How long a timeout hangs.")] = 60.0,
    order_id: Annotated[str | None, typer.Option(help="Only calls about this order.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Forget all faults still to come.")] = False,
    url: Url = _URL,
) -> None:
    """Let the next calls fail."""
    if clear:
        _ask("DELETE", f"{url}/_sandbox/faults")
    elif kind is None:
        raise typer.BadParameter("say which kind of fault, or --clear")
    else:
        wish = {"operation": operation, "kind": kind, "count": count, "seconds": seconds, "order_id": order_id}
        _show(_ask("POST", f"{url}/_sandbox/faults", wish))


@cli.command()
def books(url: Url = _URL) -> None:
    """Show every order and what Amazon was told about it."""
    _show(_ask("GET", f"{url}/_sandbox/books"))


@cli.command()
def calls(url: Url = _URL) -> None:
    """Show how often each operation was called, and how often throttled."""
    _show(_ask("GET", f"{url}/_sandbox/calls"))


def _ask(method: str, url: str, body: dict[str, Any] | None = None) -> Any:
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy: the sandbox is near
            answer = session.request(method, url, json=body, timeout=300)
    except requests.ConnectionError:
        typer.echo(f"no sandbox at {url}: start one with `python -m sandbox`", err=True)
        raise typer.Exit(1) from None
    if not answer.ok:
        typer.echo(f"{answer.status_code}: {answer.text}", err=True)
        raise typer.Exit(1)
    return answer.json() if answer.content else None


def _show(answer: Any) -> None:
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
