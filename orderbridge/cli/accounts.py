"""Commands on Amazon accounts and what their sellers have set."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from pydantic import ValidationError
from sqlalchemy import select

from orderbridge.accounts import AccountSettings, read_account
from orderbridge.amazon import AmazonError
from orderbridge.cli.application import Json, app, console, database, fail, show
from orderbridge.database.models import Account
from orderbridge.onboarding import connect_account, disconnect_account
from orderbridge.settings import load_settings
from schemas.accounts import AccountSettingsChanged


def register(_app: typer.Typer) -> None:
    """The commands below register themselves when this module is imported."""


accounts_app = typer.Typer(no_args_is_help=True, help="Amazon seller accounts.")
app.add_typer(accounts_app, name="accounts")
settings_app = typer.Typer(no_args_is_help=True, help="What a seller has set for an account.")
app.add_typer(settings_app, name="settings")


@accounts_app.command(name="list")
def list_accounts(as_json: Json = False) -> None:
    """All accounts, and whether they are connected and enabled."""
    with database().unit_of_work() as work:
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
) -> None:
    """Connect an account with a refresh token. It is tried at Amazon first, kept sealed, and never shown again."""
    settings = load_settings()
    try:
        connected = connect_account(settings, database(), account, refresh_token)
    except AmazonError as error:
        fail(f"Amazon did not accept it: {error.message}")
    console.print(f"{account} is connected, for {len(connected.marketplace_ids)} marketplaces.")
    if not connected.settings.enabled:
        console.print(f"Switch its import on with: orderbridge settings set {account} enabled=true")


@accounts_app.command()
def disconnect(account: str) -> None:
    """Destroy our token of an account. Its orders stay, and their redaction goes on."""
    if not disconnect_account(database(), account):
        fail(f"{account} is not connected.")
    console.print(
        f"{account} is disconnected. End the grant in Seller Central too: Apps & Services > Manage Your Apps."
    )


@settings_app.command(name="show")
def show_settings(account: Annotated[str, typer.Argument()] = "main", as_json: Json = False) -> None:
    """All settings of an account."""
    with database().unit_of_work() as work:
        row = work.session.get(Account, account)
    if row is None:
        fail(f"There is no account {account}.")
    values = json.loads(row.settings)
    if as_json:
        typer.echo(json.dumps(values, indent=2))
    else:
        show([{"setting": name, "value": json.dumps(value)} for name, value in values.items()], False, "")


@settings_app.command(name="set")
def set_settings(
    account: str,
    assignments: Annotated[list[str], typer.Argument(help="name=value; a value that is not text is JSON.")],
) -> None:
    """Change settings of an account, all or none of them."""
    with database().unit_of_work() as work:
        row = work.session.get(Account, account)
        if row is None:
            fail(f"There is no account {account}.")
        values = json.loads(row.settings)
        for assignment in assignments:
            name, equals, value = assignment.partition("=")
            if not equals:
                fail(f"{assignment!r}: expected name=value.")
            if name not in AccountSettings.model_fields:
                fail(f"There is no setting {name!r}; `orderbridge settings show` lists them.")
            try:
                values[name] = json.loads(value)
            except json.JSONDecodeError:
                values[name] = value
        try:
            changed = AccountSettings.model_validate(values)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False)
            fail("\n".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in problems))
        row.settings = changed.model_dump_json()
        work.post(
            AccountSettingsChanged(
                account_id=account,
                connected=row.refresh_token is not None,
                exclude_from_sales_reports=changed.exclude_from_sales_reports,
            )
        )
    console.print("Saved.")
