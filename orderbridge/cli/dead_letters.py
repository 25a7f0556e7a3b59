"""Commands on dead letters: events that a service gave up. They lie in the outbox, and need no Kafka to be read."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer
from sqlalchemy import delete, select, tuple_

from orderbridge.bus.envelope import identity, open_envelope
from orderbridge.bus.outcomes import Rejected
from orderbridge.cli.application import Json, app, console, done, fail, print_json, show, unit_of_work
from orderbridge.cli.events import legible
from orderbridge.database.models import InboxRow, OutboxRow
from orderbridge.database.unit_of_work import Work
from schemas.failures import DeadLetter, GivenBack

dead_letters_app = typer.Typer(no_args_is_help=True, help="Events that a service gave up, kept for 30 days.")
app.add_typer(dead_letters_app, name="dead-letters")
EventId = Annotated[str, typer.Argument(help="The dead letter's id, as `orderbridge dead-letters list` shows it.")]


@dead_letters_app.command(name="list")
def list_dead_letters(
    everything: Annotated[bool, typer.Option("--all", help="Settled ones too, and what became of them.")] = False,
    as_json: Json = False,
) -> None:
    """The latest dead letters that wait for somebody, newest first, at most 100.

    Next: `orderbridge dead-letters show ID` has the reason and the original; then `replay` or `discard` it.
    """
    statement = _dead_letters().limit(100)
    if not everything:
        statement = statement.where(OutboxRow.settled_at.is_(None))
    with unit_of_work() as work:
        rows = work.session.scalars(statement).all()
    letters = [
        {
            "id": row.event_id,
            "service": letter.service,
            "from": letter.original.place(),
            "reason": letter.reason,
            "message": letter.message,
            "at": row.posted_at,
            **({"settled_as": row.settled_as, "settled_at": row.settled_at} if everything else {}),
        }
        for row in rows
        for letter in [DeadLetter.model_validate_json(row.body)]
    ]
    show(letters, as_json, "No dead letters.")


@dead_letters_app.command(name="show")
def show_dead_letter(event_id: EventId, as_json: Json = False) -> None:
    """One dead letter: why it was given up, and the original as it came (it may hold what a store said of a buyer).

    Next: mend the cause and `orderbridge dead-letters replay ID`, or `orderbridge dead-letters discard ID`.
    """
    with unit_of_work() as work:
        row, letter = _find(work, event_id)
    facts = letter.model_dump(mode="json", exclude={"original"}, exclude_none=True)
    facts |= {"from": letter.original.place(), **legible(letter.original)}
    facts |= {"settled_as": row.settled_as, "settled_at": row.settled_at}
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        if value is not None:
            console.print(f"{name.replace('_', ' ')}: {value}", markup=False, highlight=False, soft_wrap=True)


@dead_letters_app.command()
def replay(event_id: EventId, as_json: Json = False) -> None:
    """Hand a dead letter's original to its service once more. That settles the dead letter.

    Next: if the service gives it up again, it is a new dead letter in `orderbridge dead-letters list`.
    """
    with unit_of_work() as work:
        row, letter = _find(work, event_id)
        if letter.reason == "event_id_reused":
            fail(
                "Its event id was used before, for another event: a replay would be refused again. "
                f"`orderbridge dead-letters discard {event_id}` settles it."
            )
        _forget(work, letter)
        work.post(GivenBack(service=letter.service, original=letter.original, failures=0))
        _settle(work, row, "replayed")
    done(f"Handed to {letter.service} again.", as_json, id=event_id, service=letter.service, settled_as="replayed")


@dead_letters_app.command()
def discard(event_id: EventId, as_json: Json = False) -> None:
    """Settle a dead letter without a replay: its event stays unhandled for good.

    Next: `orderbridge dead-letters list --all` still shows it, until it is 30 days old.
    """
    with unit_of_work() as work:
        row, letter = _find(work, event_id)
        if row.settled_at is not None:
            fail(f"It is settled already: {row.settled_as} at {row.settled_at:%Y-%m-%d %H:%M:%S} UTC.")
        _settle(work, row, "discarded")
    done("Discarded.", as_json, id=event_id, service=letter.service, settled_as="discarded")


def _dead_letters() -> Any:
    return select(OutboxRow).where(OutboxRow.topic.endswith(".dead-letter")).order_by(OutboxRow.position.desc())


def _find(work: Work, event_id: str) -> tuple[OutboxRow, DeadLetter]:
    row = work.session.scalars(_dead_letters().where(OutboxRow.event_id == event_id)).one_or_none()
    if row is None:
        fail(f"There is no dead letter {event_id}. `orderbridge dead-letters list --all` shows them.")
    return row, DeadLetter.model_validate_json(row.body)


def _settle(work: Work, row: OutboxRow, how: Literal["replayed", "discarded"]) -> None:
    row.settled_as, row.settled_at = how, work.now


def _forget(work: Work, letter: DeadLetter) -> None:
    """Take the original out of its service's inbox, where it stands as done: under its own name, or by its place."""
    try:
        envelope = open_envelope(letter.original)
    except Rejected:
        envelope = None
    names = [identity(letter.original, envelope), identity(letter.original, None)]
    work.session.execute(
        delete(InboxRow).where(
            InboxRow.consumer == letter.service,
            tuple_(InboxRow.source, InboxRow.event_id).in_(names),
            InboxRow.outcome == "dead-letter",
        )
    )
