"""The command line's frame: the application, and how its commands print and fail.

Exit status: 0 done, 1 failed (`fail`, or a trouble that the frame knows), 2 wrong usage (`typer.BadParameter`). With
`--json` a command prints JSON alone to standard output, a line each; what went wrong is always a sentence to standard
error.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from kafka.errors import KafkaError
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError, ProgrammingError
from typer.core import TyperGroup

from orderbridge import __version__
from orderbridge.amazon import AmazonError
from orderbridge.bus.connecting import NotConnected, refusal
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.settings import BadSettings, load_settings
from orderbridge.store import NotSent
from orderbridge.vault.key_ring import WrongInstallationKey
from orderbridge.vault.keys import InvalidKeyText


class _Commands(TyperGroup):
    """The commands; what is no bug of ours but of the installation's ends in a sentence, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (BadSettings, InvalidKeyText, WrongInstallationKey) as error:
            fail(f"Settings: {error}")
        except AmazonError as error:
            fail(f"Amazon did not accept it: {error}")
        except NotConnected as error:
            fail(f"Kafka: {error.refusal}")
        except (KafkaError, NotSent) as error:
            told = refusal(load_settings()) or "It answers now: may our user do this? See `orderbridge topics acl`."
            fail(f"Kafka: {error or type(error).__name__}. {told}")
        except (OperationalError, ProgrammingError) as error:
            what = str(error.orig).partition("\n")[0]
            fail(f"Database: {what}. Is it up, and has `orderbridge migrate` given it this release's tables?")


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they might hold secrets
    rich_markup_mode="markdown",
    help="Joins an Amazon seller account to a web store over Kafka.\n\n"
    "Start with `orderbridge demo`, or keep a house standing with `orderbridge up`; "
    "commands typed in the same folder find it.\n\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage.",
)
console = Console()
errors = Console(stderr=True)


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"orderbridge {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the release and end.")
    ] = False,
) -> None:
    pass


Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def fail(message: str) -> NoReturn:
    """Say what went wrong and end with status 1."""
    errors.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)


def done(message: str, as_json: bool, **facts: Any) -> None:
    """Say what was done: the sentence, or the facts as one JSON object."""
    if as_json:
        print_json(facts)
    else:
        console.print(message, markup=False, highlight=False, soft_wrap=True)


def wrong_values(error: ValidationError) -> typer.BadParameter:
    """Wrong usage, naming each wrong field and what was expected."""
    problems = error.errors(include_url=False, include_input=False)
    return typer.BadParameter(
        "\n".join(": ".join(filter(None, (".".join(map(str, one["loc"])), one["msg"]))) for one in problems)
    )


@contextmanager
def open_database(*, make: bool = False) -> Iterator[Database]:
    """The installation's database. Fails where there is none yet, unless it is to be made."""
    url = make_url(load_settings().database_url)
    file = url.database if url.get_backend_name() == "sqlite" else None
    if not make and file and file != ":memory:" and not Path(file).exists():
        fail(
            f"There is no house here: {file} does not exist. `orderbridge up` starts one in this folder, and its "
            "commands are typed beside it; for a database elsewhere set ORDERBRIDGE_DATABASE_URL."
        )
    with closing(Database(url.render_as_string(hide_password=False))) as database:
        yield database


@contextmanager
def unit_of_work() -> Iterator[Work]:
    """One transaction on the installation's database."""
    with open_database() as database, database.unit_of_work() as work:
        yield work


def show(rows: list[dict[str, Any]], as_json: bool, empty: str, *, whole: Collection[str] = ()) -> None:
    """Print rows as a table or as JSON; `empty` says what it means that there are none.

    On a narrow terminal the columns in `whole` are the last to be folded.
    """
    if as_json:
        print_json(rows)
        return
    if not rows:
        console.print(empty)
        return
    table = Table(show_edge=False, pad_edge=False)
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold", no_wrap=name in whole)
    for row in rows:
        table.add_row(*("" if value is None else escape(_plain(value)) for value in row.values()))
    console.print(table)


def print_json(value: Any) -> None:
    """One line of JSON; a moment as in events (RFC 3339)."""
    typer.echo(json.dumps(value, default=_in_json))


def _in_json(value: Any) -> str:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:%Y-%m-%d %H:%M:%S}Z" if isinstance(value, datetime) else str(value)
