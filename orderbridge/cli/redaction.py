"""`orderbridge privacy redact`: the end of a person's data before its day."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from orderbridge.bounded_files import read_file, read_stream
from orderbridge.cli.application import Json, console, fail, open_database, print_json
from orderbridge.cli.privacy import privacy_app
from orderbridge.database.models import PersonalDataRow
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.orders.numbers import amazons_number, amazons_numbers, find_orders
from orderbridge.plural import number_of
from orderbridge.privacy.asking import redact_early
from orderbridge.settings import load_settings
from orderbridge.vault.key_ring import CHECK_FILE, FolderKeyRing

_AT_ONCE = 200
LARGEST_LIST = 32 * 1024 * 1024
"""Bytes: a million numbers."""
Result = Literal["redacted", "already_redacted", "no_personal_data", "not_here", "several_orders", "unknown"]
_DONE = ("redacted", "already_redacted", "no_personal_data")
_ASKED_FOR = ("redacted", "not_here")
"""What the redactor is asked for though the ring here has the mark: the importer's may be another."""
_WORDS: dict[Result, str] = {
    "redacted": "is redacted",
    "already_redacted": "was redacted before",
    "no_personal_data": "has no personal data: Amazon fulfils it",
    "not_here": "is not here; it is marked in the key ring, so that an import brings none of its personal data",
    "several_orders": "is the store's number for several orders: name each by Amazon's number",
    "unknown": "is no number that an order goes by, with Amazon, with us or with the store",
}
_LATER = "is not here; the redactor marks it, so that an import brings none of its personal data"


@dataclass(frozen=True)
class _Told:
    """What became of one number; its fields are what `--json` prints."""

    number: str
    order_id: str | None
    result: Result


@privacy_app.command()
def redact(
    orders: Annotated[list[str] | None, typer.Argument(help="Any numbers of orders.")] = None,
    file: Annotated[
        Path | None, typer.Option("--from", help="A list, a number a line; - is standard input.", allow_dash=True)
    ] = None,
    as_json: Json = False,
) -> None:
    """Redact orders now, before their day: at the buyer's wish, or by Amazon's notice. It cannot be taken back.

    From that moment no seal of theirs opens, wherever it lies, and no import brings the data back; the store is told
    with `order.redacted`. Of a line in the list each of Amazon's numbers in it counts. Repeating it does no harm.

    Ends with status 1 if some of the orders are not here.

    Example: `orderbridge privacy redact 114-3941689-8772232`, `orderbridge privacy redact --from notice.txt`

    Next: `orderbridge orders show NUMBER` says when it was redacted.
    """
    numbers = list(dict.fromkeys([*(orders or ()), *(_listed(file) if file is not None else ())]))
    if not numbers:
        raise typer.BadParameter("name orders, or a list of them with --from FILE")
    settings = load_settings()
    visible = (settings.key_ring / CHECK_FILE).exists()  # any other folder is no ring: one not mounted here, say
    ring = FolderKeyRing(settings.key_ring, None, settings.key_ring_grid) if visible else None
    with open_database() as database:
        told = [one for some in _some(numbers) for one in _redact(database, ring, some)]
    _print(told, visible, as_json)


def _redact(database: Database, ring: FolderKeyRing | None, numbers: list[str]) -> list[_Told]:
    """First the marks in the ring: from there on nothing opens. Then the redactor is asked."""
    with database.unit_of_work() as work:
        told = [_find(work, number) for number in numbers]
    marked = [one.order_id for one in told if one.order_id is not None]
    if ring is not None:
        for order_id in marked:
            ring.mark_redacted(order_id)
    with database.unit_of_work() as work:
        for one in told:
            if one.order_id is not None and (ring is None or one.result in _ASKED_FOR):
                redact_early(work, one.order_id)
    return told


def _find(work: Work, number: str) -> _Told:
    found = find_orders(work, number)
    amazons = amazons_number(number)
    if not found and amazons is not None:
        found = find_orders(work, amazons)
    if len(found) > 1:
        return _Told(number, None, "several_orders")
    if not found:
        return _Told(number, amazons, "unknown" if amazons is None else "not_here")
    (order,) = found
    if order.fulfilled_by == "amazon":
        return _Told(number, order.order_id, "no_personal_data")
    kept = work.session.get(PersonalDataRow, order.order_id)
    gone = kept is not None and kept.redacted_at is not None
    return _Told(number, order.order_id, "already_redacted" if gone else "redacted")


def _listed(file: Path) -> Iterator[str]:
    try:
        if str(file) == "-":
            text = read_stream(sys.stdin.buffer, LARGEST_LIST, "utf-8-sig")
        else:
            text = read_file(file, LARGEST_LIST, "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise typer.BadParameter(f"{file} cannot be read: {reason}", param_hint="--from") from None
    for line in map(str.strip, text.splitlines()):
        if line and not line.startswith("#"):
            yield from amazons_numbers(line) or [line]


def _some(numbers: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(numbers), _AT_ONCE):
        yield numbers[first : first + _AT_ONCE]


def _print(told: list[_Told], visible: bool, as_json: bool) -> None:
    counts = {result: sum(one.result == result for one in told) for result in _WORDS}
    if as_json:
        print_json({**counts, "marked_in_key_ring": visible, "orders": [asdict(one) for one in told]})
    else:
        words = _WORDS if visible else {**_WORDS, "not_here": _LATER}
        for one in told:
            console.print(f"{one.number} {words[one.result]}.", markup=False, highlight=False, soft_wrap=True)
        if not visible:
            console.print(
                "The key ring cannot be seen here: openings are refused once the redactor has marked the orders in it.",
                soft_wrap=True,
            )
    missing = sum(one.result not in _DONE for one in told)
    if missing:
        fail(f"{number_of(missing, 'number')} of {len(told)} went by no order that is here.")
