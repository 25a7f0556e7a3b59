"""Commands on events: say one as a store would, watch them, and look after dead letters."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from kafka import KafkaConsumer
from pydantic import ValidationError
from sqlalchemy import delete, select

from orderbridge.bus.client_options import client_options
from orderbridge.bus.envelope import first_sighting, open_envelope
from orderbridge.bus.outcomes import Rejected
from orderbridge.cli.application import Json, app, console, database, fail, show
from orderbridge.database.models import InboxRow, OutboxRow
from orderbridge.database.unit_of_work import Work
from orderbridge.settings import load_settings
from orderbridge.store import Store
from schemas.events import all_topics
from schemas.failures import DeadLetter, GivenBack, Original
from schemas.shipments import OrderShipped


def register(_app: typer.Typer) -> None:
    """The commands below register themselves when this module is imported."""


emit_app = typer.Typer(no_args_is_help=True, help="Say an event as a store would.")
app.add_typer(emit_app, name="emit")
events_app = typer.Typer(no_args_is_help=True, help="Watch events.")
app.add_typer(events_app, name="events")
dead_letters_app = typer.Typer(no_args_is_help=True, help="Events that a service gave up.")
app.add_typer(dead_letters_app, name="dead-letters")


@emit_app.command(name="order.shipped")
def emit_order_shipped(
    order: Annotated[str, typer.Option(help="Amazon's order number.")],
    carrier: Annotated[str, typer.Option(help="UPS, USPS, FedEx, DHL, …, any spelling.")],
    tracking: Annotated[str, typer.Option(help="The tracking number.")],
    package: Annotated[
        str | None, typer.Option(help="The store's package id; names the package for corrections.")
    ] = None,
    ship_date: Annotated[str | None, typer.Option(help="2026-11-24, or a moment with its offset.")] = None,
    line: Annotated[list[str] | None, typer.Option(help="SKU=QUANTITY; none means all that remains.")] = None,
) -> None:
    """Shipped with tracking."""
    lines = [dict(zip(("sku", "quantity"), (sku, int(number)), strict=True)) for sku, number in _pairs(line or [])]
    body: dict[str, Any] = {"order_id": order, "carrier": carrier, "tracking_number": tracking, "lines": lines}
    body |= {name: value for name, value in (("package_id", package), ("ship_date", ship_date)) if value}
    try:
        event = OrderShipped.model_validate(body)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        fail("\n".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in problems))
    with Store.from_settings(load_settings()) as store:
        console.print(f"Said, as event {store.shipped(event)}.")


def _pairs(lines: list[str]) -> list[tuple[str, str]]:
    pairs = [tuple(line.rsplit("=", 1)) for line in lines]
    if any(len(pair) != 2 or not pair[1].isdigit() for pair in pairs):
        fail("A line is SKU=QUANTITY, such as MUG-BLUE=1.")
    return pairs  # type: ignore[return-value]  # each was just seen to have two parts


@events_app.command()
def tail(
    event_type: Annotated[str | None, typer.Argument(help="Such as order.imported; none means all.")] = None,
    since_start: Annotated[bool, typer.Option(help="From the beginning of the topics.")] = False,
) -> None:
    """Print events as they come, a line of JSON each, until Ctrl-C."""
    settings = load_settings()
    known = all_topics()
    if event_type is not None and event_type not in known:
        fail(f"There is no event {event_type}. Known are {', '.join(sorted(known))}.")
    names = [event_type] if event_type else list(known)
    consumer = KafkaConsumer(
        *(settings.topic_prefix + name for name in names),
        **client_options(settings),
        group_id=None,
        auto_offset_reset="earliest" if since_start else "latest",
    )
    try:
        for message in consumer:
            value = (message.value or b"").decode("utf-8", "backslashreplace")
            at = datetime.fromtimestamp(message.timestamp / 1000, UTC)
            typer.echo(f"{at:%H:%M:%S.%f} {message.topic} {value}")
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()


@dead_letters_app.command(name="list")
def list_dead_letters(as_json: Json = False) -> None:
    """The latest dead letters, newest first."""
    with database().unit_of_work() as work:
        rows = work.session.scalars(_dead_letters().limit(100)).all()
    letters = [
        {
            "id": row.event_id,
            "service": letter.service,
            "from": letter.original.place(),
            "reason": letter.reason,
            "message": letter.message,
            "at": row.posted_at,
        }
        for row in rows
        for letter in [DeadLetter.model_validate_json(row.body)]
    ]
    show(letters, as_json, "No dead letters.")


@dead_letters_app.command(name="show")
def show_dead_letter(event_id: str) -> None:
    """One dead letter: why, and the original as it came."""
    with database().unit_of_work() as work:
        letter = _find(work, event_id)
    value = (letter.original.value or b"").decode("utf-8", "backslashreplace")
    headers = {name: (text or b"").decode("utf-8", "backslashreplace") for name, text in letter.original.headers}
    told = letter.model_dump(mode="json", exclude={"original"})
    typer.echo(json.dumps({**told, "from": letter.original.place(), "headers": headers, "value": value}, indent=2))


@dead_letters_app.command()
def replay(event_id: str) -> None:
    """Hand a dead letter's original to its service once more."""
    with database().unit_of_work() as work:
        letter = _find(work, event_id)
        if letter.reason == "event_id_reused":
            fail("Its event id was used before, for another event: a replay would be refused again.")
        _forget(work, letter)
        work.post(GivenBack(service=letter.service, original=letter.original, failures=0))
    console.print(f"Handed to {letter.service} again.")


def _dead_letters() -> Any:
    return select(OutboxRow).where(OutboxRow.topic.endswith(".dead-letter")).order_by(OutboxRow.position.desc())


def _find(work: Work, event_id: str) -> DeadLetter:
    row = work.session.scalars(_dead_letters().where(OutboxRow.event_id == event_id)).one_or_none()
    if row is None:
        fail(f"There is no dead letter {event_id}.")
    return DeadLetter.model_validate_json(row.body)


def _forget(work: Work, letter: DeadLetter) -> None:
    """Take the original out of its service's inbox, where it stands as done."""
    source, event_id = _identity(letter.original)
    work.session.execute(
        delete(InboxRow).where(
            InboxRow.consumer == letter.service,
            InboxRow.source == source,
            InboxRow.event_id == event_id,
            InboxRow.outcome == "dead-letter",
        )
    )


def _identity(original: Original) -> tuple[str, str]:
    """Source and id under which the inbox knows it."""
    try:
        envelope = open_envelope(original)
    except Rejected:
        return first_sighting(original), original.place()
    return envelope.source, envelope.event_id
