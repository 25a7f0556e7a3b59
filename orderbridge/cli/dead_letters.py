"""Commands on dead letters: events that a service gave up. They lie in the outbox, and need no Kafka to be read."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from orderbridge import dead_letters
from orderbridge.bounded_files import read_file
from orderbridge.bus.envelope import MAX_BODY
from orderbridge.bus.legible import legible
from orderbridge.cli.application import Json, app, console, done, fail, print_json, show, unit_of_work
from orderbridge.database.unit_of_work import Work
from orderbridge.dead_letters import Letter, NoSuchLetter, NotReplayable
from orderbridge.settings import load_settings

_MOST_SHOWN = 100
dead_letters_app = typer.Typer(no_args_is_help=True, help="Events that a service gave up, kept for 30 days.")
app.add_typer(dead_letters_app, name="dead-letters")
EventId = Annotated[str, typer.Argument(help="The dead letter's id, as `orderbridge dead-letters list` shows it.")]


Service = Annotated[str | None, typer.Option(help="Only this service's: importer, shipper, …")]
Reason = Annotated[str | None, typer.Option(help="Only those given up for this reason.")]


@dead_letters_app.command(name="list")
def list_dead_letters(
    everything: Annotated[bool, typer.Option("--all", help="Settled ones too, and what became of them.")] = False,
    service: Service = None,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """The latest dead letters that wait for somebody, newest first, at most 100.

    Next: `orderbridge dead-letters show ID` has the reason and the original; then `replay` or `discard` it.
    """
    with unit_of_work() as work:
        found = dead_letters.find_letters(work, everything=everything, service=service, reason=reason)
        letters = [
            {
                "id": letter.row.event_id,
                "service": letter.said.service,
                "from": letter.said.original.place(),
                "reason": letter.said.reason,
                "message": letter.said.message,
                "at": letter.row.posted_at,
                **({"settled_as": letter.row.settled_as, "settled_at": letter.row.settled_at} if everything else {}),
            }
            for letter in islice(found, _MOST_SHOWN)
        ]
    show(letters, as_json, "No dead letters.")


@dead_letters_app.command(name="show")
def show_dead_letter(event_id: EventId, as_json: Json = False) -> None:
    """One dead letter: why it was given up, and the original as it came (it may hold what a store said of a buyer).

    Next: mend the cause and `orderbridge dead-letters replay ID`, or `orderbridge dead-letters discard ID`.
    """
    with unit_of_work() as work:
        letter = _find(work, event_id)
    facts = letter.said.model_dump(mode="json", exclude={"original"}, exclude_none=True)
    facts |= {"from": letter.said.original.place(), **legible(letter.said.original)}
    facts |= {"settled_as": letter.row.settled_as, "settled_at": letter.row.settled_at}
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        if value is not None:
            console.print(f"{name.replace('_', ' ')}: {value}", markup=False, highlight=False, soft_wrap=True)


@dead_letters_app.command()
def replay(
    event_id: EventId,
    mended: Annotated[
        Path | None,
        typer.Option(help="A file with the event's JSON as it should have been; it takes the old one's place."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Hand a dead letter's original to its service once more. That settles the dead letter.

    Example: `orderbridge dead-letters replay ID --mended order.json`

    Next: if the service gives it up again, it is a new dead letter in `orderbridge dead-letters list`.
    """
    try:
        text = read_file(mended, MAX_BODY) if mended is not None else None
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{mended} cannot be read: {error}")
    with unit_of_work() as work:
        letter = _find(work, event_id)
        try:
            dead_letters.replay(work, letter, mended=text, topic_prefix=load_settings().topic_prefix)
        except NotReplayable as error:
            fail(str(error))
    service = letter.said.service
    done(f"Handed to {service} again.", as_json, id=event_id, service=service, settled_as="replayed")


@dead_letters_app.command()
def discard(event_id: EventId, as_json: Json = False) -> None:
    """Settle a dead letter without a replay: its event stays unhandled for good.

    Next: `orderbridge dead-letters list --all` still shows it, until it is 30 days old.
    """
    with unit_of_work() as work:
        letter = _find(work, event_id)
        try:
            dead_letters.discard(work, letter)
        except NotReplayable as error:
            fail(str(error))
    done("Discarded.", as_json, id=event_id, service=letter.said.service, settled_as="discarded")


def _find(work: Work, event_id: str) -> Letter:
    try:
        return dead_letters.find_letter(work, event_id)
    except NoSuchLetter:
        fail(f"There is no dead letter {event_id}. `orderbridge dead-letters list --all` shows them.")
