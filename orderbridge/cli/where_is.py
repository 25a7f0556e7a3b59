"""`orderbridge privacy where-is`: every place that holds or held an order's personal data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from orderbridge.bus.reading import BrokerSilent, read_topics
from orderbridge.cli.application import Json, console, errors, fail, open_database, print_json, show
from orderbridge.cli.order_numbers import find_order, not_here
from orderbridge.cli.privacy import privacy_app
from orderbridge.orders.numbers import amazons_number
from orderbridge.privacy import places
from orderbridge.privacy.places import Judge, Place
from orderbridge.settings import Settings, load_settings
from orderbridge.vault.key_ring import FolderKeyRing, KeyRing


@privacy_app.command(name="where-is")
def where_is(
    order: Annotated[str, typer.Argument(help="Amazon's number, ours, or the store's own.")], as_json: Json = False
) -> None:
    """Every place that holds or held an order's personal data: tables, topics, keys, openings; sealed or dead.

    Reads the topics that may hold a seal from their beginning: what lies there is bounded by their retention. No seal
    is opened.

    Example: `orderbridge privacy where-is 114-3941689-8772232`

    Next: `orderbridge orders show ORDER` for all else of it.
    """
    settings = load_settings()
    ring = _ring(settings)
    with open_database() as database:
        with database.unit_of_work() as work:
            row = find_order(work, order)
            # A database that was restored may have forgotten an order that the topics still hold.
            order_id = row.order_id if row is not None else amazons_number(order)
            if order_id is None:
                fail(not_here(order))
            judged = places.judge(work, ring, order_id)
            found = [*places.in_tables(work, order_id, judged), *places.openings(work, order_id)]
            now = work.now
        found += _in_topics(settings, order_id, judged)
    moments = [place.until for place in found if place.until is not None]
    found += places.in_key_ring(ring, order_id, moments, judged) if ring is not None else ()
    if as_json:
        facts = [asdict(place) for place in found]
        print_json({"order_id": order_id, "now": now, "key_ring_seen": ring is not None, "places": facts})
        return
    show([asdict(place) for place in found], False, f"Nothing here holds or held personal data of {order_id}.")
    if ring is None:
        console.print(
            "There is no key ring at ORDERBRIDGE_KEY_RING here: whether a key lives is said by its date alone.",
            highlight=False,
        )


def _ring(settings: Settings) -> KeyRing | None:
    """The ring, if this process can see it. A folder that is not there is not made."""
    if not settings.key_ring.is_dir():
        return None
    return FolderKeyRing(settings.key_ring, None, settings.key_ring_grid)


def _in_topics(settings: Settings, order_id: str, judged: Judge) -> list[Place]:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed} of {task.total}"))
    with Progress(*columns, TextColumn("left:"), TimeRemainingColumn(), console=errors, transient=True) as bar:
        task = bar.add_task("Reading the topics", total=None)
        records = read_topics(
            settings, places.TOPICS, progress=lambda read, total: bar.update(task, completed=read, total=total)
        )
        try:
            return list(places.in_topics(records, settings.topic_prefix, order_id, judged))
        except BrokerSilent as silent:
            fail(str(silent))
