"""The command line's frame: the application, and how its commands print and fail."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from orderbridge.database.unit_of_work import Database
from orderbridge.settings import load_settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they might hold secrets
    rich_markup_mode="rich",
    help="Joins an Amazon seller account to a web store over Kafka.\n\n"
    "Start with [bold]orderbridge demo[/bold], or keep a house standing with [bold]orderbridge up[/bold]; "
    "commands typed in the same folder find it.",
)
console = Console()
errors = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def fail(message: str) -> NoReturn:
    """Say what went wrong and end with status 1."""
    errors.print(f"[red]{message}[/red]")
    raise typer.Exit(1)


def database() -> Database:
    """The installation's database."""
    return Database(load_settings().database_url)


def show(rows: list[dict[str, Any]], as_json: bool, empty: str) -> None:
    """Print rows as a table or as JSON; `empty` says what it means that there are none."""
    if as_json:
        typer.echo(json.dumps(rows, default=_plain, indent=2))
        return
    if not rows:
        console.print(empty)
        return
    table = Table(show_edge=False, pad_edge=False)
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else _plain(value) for value in row.values()))
    console.print(table)


def _plain(value: Any) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}Z" if isinstance(value, datetime) else str(value)
