"""Commands on the installation's database and topics."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from kafka.errors import KafkaError
from sqlalchemy import select

from orderbridge.bus.self_pause import resume as resume_service
from orderbridge.cli.application import Json, app, console, database, fail, show
from orderbridge.database.migrate import current_and_head, upgrade
from orderbridge.database.models import AccountState, Attempt, OrderRow, PackageRow, PersonalDataRow, UnknownOrder
from orderbridge.settings import PREFIX, load_settings
from orderbridge.vault.keys import new_installation_key
from schemas.events import WORKERS
from schemas.imports import ImportDue
from schemas.orders import OrderDocument


def register(_app: typer.Typer) -> None:
    """The commands below register themselves when this module is imported."""


@app.command()
def init(
    file: Annotated[Path, typer.Option(help="Where to write them.")] = Path(".env"),
) -> None:
    """Write fresh secrets to .env, unless it is there. Keep a copy in a safe place: without them nothing opens."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        fail(f"{file} is there already: new secrets would make what lies sealed under the old ones unreadable.")
    with os.fdopen(descriptor, "w") as written:
        written.write(f"{PREFIX}VAULT_KEY={new_installation_key()}\n{PREFIX}SECRETS_KEY={new_installation_key()}\n")
    console.print(f"Written to {file}.")


@app.command()
def migrate() -> None:
    """Bring the database to this release's tables. Safe to run again."""
    engine = database().engine
    before, head = current_and_head(engine)
    upgrade(engine)
    console.print(f"The database is at {head}." if before == head else f"The database went from {before} to {head}.")


@app.command()
def topics(as_json: Json = False) -> None:
    """Create all topics, and correct the settings of those that are there. Safe to run again."""
    from orderbridge.bus.topics import create_topics

    settings = load_settings()
    try:
        results = create_topics(settings)
    except KafkaError as error:
        fail(
            f"Kafka at {settings.kafka_bootstrap_servers}: {type(error).__name__}. Is the broker up, the address right?"
        )
    show([{"topic": name, "result": result} for name, result in results.items()], as_json, "No topics.")


@app.command(name="import")
def import_orders(
    account: Annotated[str, typer.Option(help="The account to import.")] = "main",
    order: Annotated[str | None, typer.Option(help="One order by Amazon's number, whenever it was placed.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until the import is through.")] = True,
) -> None:
    """Import Amazon's orders now, or one order."""
    books = database()
    with books.unit_of_work() as work:
        began = work.now
        work.post(ImportDue(account_id=account, reason="order" if order else "now", order_id=order))
    if not wait:
        console.print("The import is asked for.")
        return
    with console.status("Waiting for the importer"):
        end = time.monotonic() + 600
        while time.monotonic() < end:
            with books.unit_of_work() as work:
                unknown = work.session.get(UnknownOrder, (account, order or ""))
                state = work.session.get(AccountState, account)
                found = work.session.get(OrderRow, order or "")
            if unknown is not None and unknown.asked_at >= began:
                fail(f"{order}: {unknown.why}")
            if order and found is not None:
                console.print(f"{order} is here: {found.amazon_status}.")
                return
            if not order and state is not None and state.last_run_at is not None and state.last_run_at >= began:
                if state.cursor is None:
                    fail("The import ended with a problem: see `orderbridge events tail import.finished`.")
                console.print(f"Imported up to {state.cursor:%Y-%m-%d %H:%M:%S} UTC.")
                return
            time.sleep(0.2)
    fail("The importer did not finish within ten minutes. Does it run? See its /healthz and its log.")


@app.command()
def resume(service: Annotated[str, typer.Argument(help=f"One of {', '.join(WORKERS)}.")]) -> None:
    """Let a service go on that has paused itself after too many failures of its own."""
    with database().unit_of_work() as work:
        resumed = resume_service(work, service)
    console.print(f"{service} goes on." if resumed else f"{service} was not paused.")


orders_app = typer.Typer(no_args_is_help=True, help="Look at orders.")
app.add_typer(orders_app, name="orders")


@orders_app.command(name="show")
def show_order(
    order_id: Annotated[str, typer.Argument(help="Amazon's number, or ours.")], as_json: Json = False
) -> None:
    """One order: its state, its packages, its personal data's state, Amazon's calls. Never the personal data."""
    with database().unit_of_work() as work:
        row = work.session.scalars(
            select(OrderRow).where((OrderRow.order_id == order_id) | (OrderRow.order_number == order_id))
        ).first()
        if row is None:
            fail(f"There is no order {order_id}. `orderbridge import --order {order_id}` fetches it.")
        document = OrderDocument.model_validate_json(row.document)
        packages = work.session.scalars(select(PackageRow).where(PackageRow.order_id == row.order_id)).all()
        kept = work.session.get(PersonalDataRow, row.order_id)
        calls = work.session.scalars(
            select(Attempt)
            .where(Attempt.account_id == row.account_id, Attempt.subject.startswith(row.order_id))
            .order_by(Attempt.started_at)
        ).all()
    facts: list[dict[str, Any]] = [
        {"about": "order", "what": row.order_number, "state": row.amazon_status, "at": row.placed_at},
        {"about": "total", "what": document.totals.currency, "state": str(document.totals.total), "at": None},
    ]
    if kept is not None:
        state = "redacted" if kept.redacted_at else "sealed, dies"
        facts.append({"about": "personal data", "what": None, "state": state, "at": kept.redacted_at or kept.dies_at})
    for package in packages:
        held = package.state == "waiting"
        facts.append(
            {
                "about": f"package {package.reference_id}",
                "what": package.package_key,
                "state": "held until" if held else package.state,
                "at": package.hold_until if held else package.confirmed_at,
            }
        )
    facts += [
        {"about": call.operation, "what": call.subject, "state": call.outcome or "cut off", "at": call.started_at}
        for call in calls
    ]
    show(facts, as_json, "")


shipments_app = typer.Typer(no_args_is_help=True, help="Look at shipments.")
app.add_typer(shipments_app, name="shipments")


@shipments_app.command(name="list")
def list_shipments(
    state: Annotated[str | None, typer.Option(help="waiting, confirmed or rejected.")] = None, as_json: Json = False
) -> None:
    """The latest packages and what became of them."""
    statement = select(PackageRow).order_by(PackageRow.rank.desc()).limit(100)
    if state:
        statement = statement.where(PackageRow.state == state)
    with database().unit_of_work() as work:
        rows = work.session.scalars(statement).all()
    columns = ("order_id", "package_key", "state", "hold_until", "confirmed_at", "failures")
    show([{name: getattr(row, name) for name in columns} for row in rows], as_json, "No shipments.")
