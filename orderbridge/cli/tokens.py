"""Commands that make and revoke the API's tokens."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from orderbridge.api_tokens import (
    LONGEST_DAYS,
    OPEN_PERSONAL_DATA,
    SCOPES,
    TokenRefused,
    all_tokens,
    create_token,
    read_token_name,
    revoke_tokens,
    state_of,
)
from orderbridge.cli.application import Json, app, console, done, fail, print_json, show, unit_of_work
from orderbridge.plural import number_of

tokens_app = typer.Typer(no_args_is_help=True, help="Tokens for stores and scripts that use the API.")
app.add_typer(tokens_app, name="tokens")

_SCOPES = " ".join(f"`{scope}`: {words}" for scope, words in SCOPES.items())


@tokens_app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose it is, such as `web-store`: the audit log says so.")],
    account: Annotated[list[str] | None, typer.Option(help="Only this account's orders; may be repeated.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help=f"What it may do; may be repeated. {_SCOPES}")] = None,
    days: Annotated[int, typer.Option(help=f"How long it is good: 1 to {LONGEST_DAYS} days.")] = LONGEST_DAYS,
    as_json: Json = False,
) -> None:
    """Make a token for the API, and show its secret this once.

    Example: `orderbridge tokens create web-store --account main`

    Next: give the secret to the store, as ORDERBRIDGE_API_TOKEN where it is written in Python.
    """
    with unit_of_work() as work:
        try:
            name = read_token_name(name)
            row, secret = create_token(work, name, scope or [OPEN_PERSONAL_DATA], accounts=account or [], days=days)
        except TokenRefused as error:
            raise typer.BadParameter(str(error)) from None
        facts = {"token_id": row.token_id, "name": name, "secret": secret, "expires_at": row.expires_at}
    if as_json:
        print_json(facts)
    else:
        console.print(secret, markup=False, highlight=False, soft_wrap=True)
        console.print(
            f"This is shown once. It is good until {facts['expires_at']:%Y-%m-%d}; `orderbridge tokens revoke "
            f"{row.token_id}` ends it sooner.",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


@tokens_app.command(name="list")
def list_tokens(as_json: Json = False) -> None:
    """All tokens, the newest first: which user of the console made each, and when it was last used.

    Next: `orderbridge tokens revoke TOKEN` ends one.
    """
    with unit_of_work() as work:
        now = work.now
        rows: list[dict[str, Any]] = [
            {
                "token_id": row.token_id,
                "name": row.name,
                "state": state_of(row, now),
                "accounts": json.loads(row.accounts) if row.accounts is not None else "all",
                "scopes": json.loads(row.scopes),
                "made_by": row.made_by,
                "expires_at": row.expires_at,
                "last_used_at": row.last_used_at,
            }
            for row in all_tokens(work)
        ]
    shown = rows if as_json else [_brief(row) for row in rows]
    show(shown, as_json, "No tokens. `orderbridge tokens create NAME` makes one.")


def _brief(row: dict[str, Any]) -> dict[str, Any]:
    """What fits on the line of a terminal."""
    accounts = row["accounts"] if isinstance(row["accounts"], str) else ", ".join(row["accounts"])
    return {name: row[name] for name in ("token_id", "name", "state")} | {
        "accounts": accounts,
        "made_by": row["made_by"] or "command line",
        "expires": f"{row['expires_at']:%Y-%m-%d}",
        "last_used_at": row["last_used_at"],
    }


@tokens_app.command()
def revoke(
    token: Annotated[str, typer.Argument(help="Its id, or its name: then all of that name.")], as_json: Json = False
) -> None:
    """End a token at once, in every process of the API.

    Next: `orderbridge tokens list` shows what is left; `orderbridge privacy audit` shows what was opened with it.
    """
    with unit_of_work() as work:
        revoked = revoke_tokens(work, token)
    if not revoked:
        fail(f"There is no token {token} that is still good. `orderbridge tokens list` shows them all.")
    done(f"{number_of(revoked, 'token')} revoked.", as_json, revoked=revoked)
