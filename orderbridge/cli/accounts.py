"""Commands on Amazon accounts."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer
from sqlalchemy import select

from orderbridge.accounts import read_account
from orderbridge.accounts.attentions import open_attentions
from orderbridge.accounts.disconnecting import disconnect_account
from orderbridge.accounts.facts import account_facts, countries, country
from orderbridge.accounts.onboarding import connect_account
from orderbridge.accounts.trial import ConnectRefused, explain
from orderbridge.amazon import AmazonError
from orderbridge.cli.application import (
    Json,
    app,
    console,
    done,
    fail,
    open_database,
    print_json,
    show,
    unit_of_work,
)
from orderbridge.database.models import Account
from orderbridge.plural import number_of
from orderbridge.settings import load_settings

accounts_app = typer.Typer(no_args_is_help=True, help="Amazon seller accounts.")
app.add_typer(accounts_app, name="accounts")


@accounts_app.command(name="list")
def list_accounts(as_json: Json = False) -> None:
    """All accounts, whether they are connected and enabled, and what a person must mend.

    Next: `orderbridge accounts show NAME` says what to do, `orderbridge accounts connect NAME` adds one.
    """
    with unit_of_work() as work:
        rows = work.session.scalars(select(Account)).all()
        standing = open_attentions(work)
    accounts: list[dict[str, Any]] = [
        {
            "account": row.account_id,
            "connected": row.refresh_token is not None,
            "enabled": read_account(row).settings.enabled,
            "marketplaces": read_account(row).marketplace_ids,
            "api": row.api_url,
            "attention": [one.trouble for one in standing if one.account_id == row.account_id],
        }
        for row in rows
    ]
    if as_json:
        print_json(accounts)
        return
    for one in accounts:
        del one["api"]
        one["marketplaces"] = ", ".join(map(country, one["marketplaces"]))
        one["attention"] = ", ".join(one["attention"])
    show(accounts, False, "No account yet: `orderbridge accounts connect main`.")


@accounts_app.command(name="show")
def show_account(account: Annotated[str, typer.Argument()] = "main", as_json: Json = False) -> None:
    """Where an account stands: its region and marketplaces, what expires, its last import, and what to mend.

    Next: `orderbridge accounts connect NAME` gives it a new refresh token or client secret.
    """
    with unit_of_work() as work:
        row = work.session.get(Account, account)
        if row is None:
            fail(f"There is no account {account}. `orderbridge accounts list` shows which there are.")
        facts = account_facts(work, load_settings(), row)
    if as_json:
        print_json(facts)
        return
    attentions = facts.pop("attentions")
    if row.client_id is not None:
        del facts["consent_expires"]  # of a private app: no end is documented
    show([{"account": name.replace("_", " "), account: _in_words(value)} for name, value in facts.items()], False, "")
    for attention in attentions:
        console.print(
            f"\n{attention['trouble']}, since {attention['since']:%Y-%m-%d %H:%M} UTC\n{attention['message']}\n"
            f"What to do: {attention['what_to_do']}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


@accounts_app.command()
def connect(
    account: Annotated[str, typer.Argument(help="A short name for the account.")],
    refresh_token: Annotated[
        str | None,
        typer.Option(envvar="REFRESH_TOKEN", help="Of your private app's authorisation; asked for if it is not given."),
    ] = None,
    client_id: Annotated[
        str | None, typer.Option(help="Of the account's own app; without it the installation's is used.")
    ] = None,
    client_secret: Annotated[
        str | None,
        typer.Option(envvar="CLIENT_SECRET", help="Of the account's own app; asked for where there is a client id."),
    ] = None,
    region: Annotated[
        Literal["na", "eu", "fe"] | None, typer.Option(help="Amazon's region; without it all are tried.")
    ] = None,
    secret_expires: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day on which the client secret expires, to be warned ahead."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Connect an account with your private app's refresh token: tried at Amazon, kept sealed, never shown again.

    Example: `orderbridge accounts connect main` asks for the token; a script gives it in the variable REFRESH_TOKEN,
    or as a line of standard input. An app that is not the installation's: `orderbridge accounts connect main
    --client-id ID`, which asks for its secret too (a script: CLIENT_SECRET, or a second line). An account that is
    known keeps its settings and goes on where it was.

    Next: `orderbridge settings set main enabled=true` switches its import on.
    """
    refresh_token = refresh_token or _secret("Refresh token", "REFRESH_TOKEN")
    if client_id is not None and client_secret is None:
        client_secret = _secret("Client secret", "CLIENT_SECRET")
    with open_database() as database:
        try:
            connected = connect_account(
                load_settings(),
                database,
                account,
                refresh_token.strip(),
                client_id=client_id,
                client_secret=client_secret.strip() if client_secret is not None and client_id is not None else None,
                region=region,
                secret_expires_at=secret_expires.replace(tzinfo=UTC) if secret_expires is not None else None,
                check_roles=True,
            )
        except AmazonError as error:
            fail(f"Amazon did not accept it: {error}\n{explain(error)} Nothing was kept.")
        except ConnectRefused as refusal:
            fail(str(refusal))
    enabled = connected.account.settings.enabled
    lines = [
        f"{account} is connected, for {number_of(len(connected.account.marketplace_ids), 'marketplace')}: "
        + ", ".join(countries(connected.account.marketplace_ids)),
        *(
            f"Missing role: {role}. `orderbridge accounts show {account}` says what to do."
            for role in connected.missing_roles
        ),
        *(
            f"Not told yet: whether the app has the role {role}. The first import shows it."
            for role in connected.unknown_roles
        ),
        *connected.warnings,
        *([] if enabled else [f"Switch its import on with: orderbridge settings set {account} enabled=true"]),
    ]
    done(
        "\n".join(lines),
        as_json,
        account=account,
        connected=True,
        enabled=enabled,
        region=connected.region,
        marketplaces=connected.account.marketplace_ids,
        missing_roles=connected.missing_roles,
        unknown_roles=connected.unknown_roles,
        warnings=connected.warnings,
    )


@accounts_app.command()
def disconnect(account: str, as_json: Json = False) -> None:
    """Destroy our tokens of an account, and end its subscription. Its orders stay, and their redaction goes on.

    Nothing is imported any more, and the shipments that wait are answered.

    Next: end the grant in Seller Central too, on the page that this prints.
    """
    with open_database() as database:
        disconnected = disconnect_account(load_settings(), database, account)
    if disconnected is None:
        fail(f"{account} is not connected. `orderbridge accounts list` shows which are.")
    left = disconnected.subscription == "left"
    done(
        f"{account} is disconnected. End the grant in Seller Central too: {disconnected.grant_url}"
        + ("\nAmazon did not let us end the subscription to changed orders: it ends with the grant." if left else ""),
        as_json,
        account=account,
        connected=False,
        grant_url=disconnected.grant_url,
        subscription=disconnected.subscription,
    )


def _secret(name: str, variable: str) -> str:
    """Asked for at a terminal, where it is not shown; else the next line of standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt(name, hide_input=True))
    if line := sys.stdin.readline().strip():
        return line
    raise typer.BadParameter(f"no {name.lower()}: give it in the variable {variable}, or as a line of standard input")


def _in_words(value: Any) -> Any:
    return ", ".join(map(str, value)) or None if isinstance(value, list) else value
