"""`orderbridge doctor`: looks the installation over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from orderbridge.cli.application import Json, app, console, open_database, print_json
from orderbridge.database.unit_of_work import Database
from orderbridge.doctor import Finding, error
from orderbridge.doctor.database import check_clocks, check_personal_data, check_tables, check_troubles
from orderbridge.doctor.imports import check_imports
from orderbridge.doctor.key_ring import check_key_ring
from orderbridge.doctor.mail import check_mail
from orderbridge.doctor.secrets import check_secrets
from orderbridge.doctor.services import check_services
from orderbridge.doctor.topics import check_topics
from orderbridge.settings import Settings, load_settings

_COLOUR = {"ok": "green", "warning": "yellow", "error": "red"}


@app.command()
def doctor(as_json: Json = False) -> None:
    """Look it all over: topics, key ring, secrets, database, clocks, mail, imports, troubles. Changes nothing.

    It sees what this process sees: run it with the services' environment, as their user. Whether a service sees the key
    ring without need, that service says in its own log when it starts.

    Exit status: 1 if anything is an error.

    Example: `orderbridge doctor --json`

    Next: what each line says; `orderbridge topics` and `orderbridge migrate` mend the most.
    """
    settings = load_settings()
    with open_database() as database:
        findings = [*_of_database(settings, database), *check_topics(settings)]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        _show(findings)
    raise typer.Exit(1 if any(finding.severity == "error" for finding in findings) else 0)


def _of_database(settings: Settings, database: Database) -> Iterator[Finding]:
    try:
        tables = list(check_tables(database))
        yield from tables
        yield from check_clocks(database)
        yield from check_key_ring(settings, database.clock.now())
        if any(finding.severity == "error" for finding in tables):
            return
        with database.unit_of_work() as work:
            yield from check_secrets(settings, work)
            yield from check_mail(settings, work)
            yield from check_personal_data(work)
            yield from check_troubles(work)
            yield from check_imports(work)
            yield from check_services(work)
    except SQLAlchemyError as trouble:
        yield error(
            "database",
            f"It does not answer: {type(trouble).__name__}. What it holds was not looked at.",
            "Is it up, and is ORDERBRIDGE_DATABASE_URL right?",
        )


def _show(findings: list[Finding]) -> None:
    table = Table(show_edge=False, pad_edge=False)
    for name in ("", "about", "what is", "what to do"):
        table.add_column(name, overflow="fold", no_wrap=name == "")
    for finding in sorted(findings, key=lambda one: ("error", "warning", "ok").index(one.severity)):
        severity = f"[{_COLOUR[finding.severity]}]{finding.severity}[/]"
        table.add_row(severity, escape(finding.about), escape(finding.what), escape(finding.what_to_do))
    console.print(table)
