"""Commands on Amazon accounts."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import select

from orderbridge.accounts import read_account
from orderbridge.cli.application import (
    Json,
    app,
    done,
    fail,
    open_database,
    show,
    unit_of_work,
)
from orderbridge.database.models import Account
from orderbridge.onboarding import connect_account, disconnect_account
from orderbridge.settings import load_settings

accounts_app = typer.Typer(no_args_is_help=True, help="Amazon seller accounts.")
app.add_typer(accounts_app, name="accounts")


@accounts_app.command(name="list")
def list_accounts(as_json: Json = False) -> None:
    """All accounts, and whether they are connected and enabled.

    Next: `orderbridge accounts connect NAME` adds one, `orderbridge settings show NAME` has what is set.
    """
    with unit_of_work() as work:
        rows = work.session.scalars(select(Account)).all()
    accounts = [
        {
            "account": row.account_id,
            "connected": row.refresh_token is not None,
            "enabled": read_account(row).settings.enabled,
            "marketplaces": ", ".join(read_account(row).marketplace_ids),
            "api": row.api_url,
        }
        for row in rows
    ]
    show(accounts, as_json, "No account yet: `orderbridge accounts connect main`.")


@accounts_app.command()
def connect(
    account: Annotated[str, typer.Argument(help="A short name for the account.")],
    refresh_token: Annotated[
        str,
        typer.Option(prompt=True, hide_input=True, envvar="REFRESH_TOKEN", help="Of your private app's authorisation."),
    ],
    as_json: Json = False,
) -> None:
    """Connect an account with a refresh token. It is tried at Amazon first, kept sealed, and never shown again.

    Example: `orderbridge accounts connect main` asks for the token; a script gives it in the variable REFRESH_TOKEN.

    Next: `orderbridge settings set main enabled=true` switches its import on.
    """
    with open_database() as database:
        connected = connect_account(load_settings(), database, account, refresh_token)
    enabled = connected.settings.enabled
    next_step = "" if enabled else f"\nSwitch its import on with: orderbridge settings set {account} enabled=true"
    done(
        f"{account} is connected, for {len(connected.marketplace_ids)} marketplaces.{next_step}",
        as_json,
        account=account,
        connected=True,
        enabled=enabled,
        marketplaces=connected.marketplace_ids,
    )


@accounts_app.command()
def disconnect(account: str, as_json: Json = False) -> None:
    """Destroy our token of an account. Its orders stay, and their redaction goes on.

    Next: end the grant in Seller Central too, under Apps & Services > Manage Your Apps.
    """
    with open_database() as database:
        if not disconnect_account(database, account):
            fail(f"{account} is not connected. `orderbridge accounts list` shows which are.")
    done(
        f"{account} is disconnected. End the grant in Seller Central too: Apps & Services > Manage Your Apps.",
        as_json,
        account=account,
        connected=False,
    )
