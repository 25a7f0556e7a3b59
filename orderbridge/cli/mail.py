"""Commands on the mail to sellers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from orderbridge.cli.application import Json, app, fail, open_database, show
from orderbridge.mail.trial import CannotMail, send_test_mail
from orderbridge.settings import load_settings

mail_app = typer.Typer(no_args_is_help=True, help="The mail that sellers get: each run's log, and troubles.")
app.add_typer(mail_app, name="mail")


@mail_app.callback()
def mail() -> None:
    """A group of its own, though it has one command so far."""


@mail_app.command(name="test")
def send_test(
    account: Annotated[str, typer.Option(help="Whose addresses are tried.")] = "main", as_json: Json = False
) -> None:
    """Send a test mail to each address of an account now, and say what the mail server said.

    It needs the reporter's environment: ORDERBRIDGE_SMTP_URL and, where the login is no address, ORDERBRIDGE_MAIL_FROM.

    Exit status: 1 if the server did not take one of them.

    Example: `orderbridge mail test --account main`

    Next: `orderbridge settings set main log_email=orders@example.com send_log_when=daily` says where to, and when.
    """
    with open_database() as database:
        try:
            tried = send_test_mail(load_settings(), database, account)
        except CannotMail as error:
            fail(str(error))
        except LookupError:
            fail(f"There is no account {account}. `orderbridge accounts list` shows which there are.")
    show([asdict(one) for one in tried], as_json, "")
    raise typer.Exit(0 if all(one.taken for one in tried) else 1)
