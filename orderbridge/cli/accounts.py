"""Commands on Amazon accounts and what their sellers have set."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from sqlalchemy import select

from orderbridge.account_settings import AccountSettings
from orderbridge.accounts import read_account
from orderbridge.cli.application import (
    Json,
    app,
    done,
    fail,
    open_database,
    print_json,
    show,
    unit_of_work,
    wrong_values,
)
from orderbridge.database.models import Account
from orderbridge.database.unit_of_work import Work
from orderbridge.onboarding import connect_account, disconnect_account
from orderbridge.settings import load_settings
from schemas.accounts import AccountSettingsChanged

accounts_app = typer.Typer(no_args_is_help=True, help="Amazon seller accounts.")
app.add_typer(accounts_app, name="accounts")
settings_app = typer.Typer(no_args_is_help=True, help="What a seller has set for an account.")
app.add_typer(settings_app, name="settings")


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


@settings_app.command(name="show")
def show_settings(account: Annotated[str, typer.Argument()] = "main", as_json: Json = False) -> None:
    """All settings of an account, as JSON values.

    Next: `orderbridge settings set ACCOUNT NAME=VALUE` changes one.
    """
    with unit_of_work() as work:
        values = json.loads(_account(work, account).settings)
    if as_json:
        print_json(values)
    else:
        show([{"setting": name, "value": json.dumps(value)} for name, value in values.items()], False, "")


@settings_app.command(name="set")
def set_settings(
    account: str,
    assignments: Annotated[list[str], typer.Argument(help="name=value; a value that is not text is JSON.")],
    as_json: Json = False,
) -> None:
    """Change settings of an account, all or none of them.

    Example: `orderbridge settings set main enabled=true import_every_minutes=15 invoice_number_prefix=AMZ-`

    Next: `orderbridge import` asks Amazon at once; else the next slot does.
    """
    with unit_of_work() as work:
        row = _account(work, account)
        try:
            changed = AccountSettings.model_validate(json.loads(row.settings) | dict(map(_assignment, assignments)))
        except ValidationError as error:
            raise wrong_values(error) from None
        row.settings = changed.model_dump_json()
        work.post(
            AccountSettingsChanged(
                account_id=account,
                connected=row.refresh_token is not None,
                exclude_from_sales_reports=changed.exclude_from_sales_reports,
            )
        )
    done("Saved.", as_json, **changed.model_dump(mode="json"))


def _account(work: Work, account: str) -> Account:
    row = work.session.get(Account, account)
    if row is None:
        fail(f"There is no account {account}. `orderbridge accounts list` shows which there are.")
    return row


def _assignment(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r}: expected name=value")
    if name not in AccountSettings.model_fields:
        raise typer.BadParameter(f"there is no setting {name!r}; `orderbridge settings show` lists them")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
