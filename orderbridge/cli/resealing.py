"""`orderbridge privacy reseal`: personal data whose keys were lost with the key ring is fetched again from Amazon."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic, sleep
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from sqlalchemy import or_, select

from orderbridge.accounts import ConnectedAccount, connected_accounts, find_account
from orderbridge.bus.envelope import SOURCE
from orderbridge.cli.application import Json, done, errors, fail, open_database
from orderbridge.cli.privacy import privacy_app
from orderbridge.database.models import InboxRow, OutboxRow, UnknownOrder
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.plural import number_of
from orderbridge.privacy.asking import fetch_name, look_at_seals
from orderbridge.settings import load_settings
from orderbridge.vault.key_ring import CHECK_FILE, FolderKeyRing
from orderbridge.vault.keys import installation_key
from schemas.imports import ImportDue
from schemas.privacy import SealsDue

_EVERY = 0.5
_TAKEN_UP_WITHIN = 15.0
_AT_ONCE = 500
_FETCH = fetch_name("")


@dataclass
class _Asked:
    """What was asked of the importer since `began`, and what it has done."""

    began: datetime
    position: int
    looks: set[str] = field(default_factory=set)
    fetches: dict[str, str] = field(default_factory=dict)
    """The order by its event's id."""
    handled: set[str] = field(default_factory=set)

    @property
    def fetched(self) -> int:
        """Orders that Amazon was asked for."""
        return len(self.handled & self.fetches.keys())

    @property
    def is_through(self) -> bool:
        """All seals were looked at, and every lost one's order was asked for."""
        return self.handled >= self.looks | self.fetches.keys()


@privacy_app.command()
def reseal(
    account: Annotated[str | None, typer.Option(help="Only this account's orders.")] = None,
    new_ring: Annotated[
        bool, typer.Option("--new-ring", help="Begin a new key ring where there is none: the old one is lost for good.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Wait until it is through.")] = True,
    as_json: Json = False,
) -> None:
    """After a loss of the key ring: fetch orders whose key is gone again from Amazon, and seal their data anew.

    Amazon is asked about one order every two seconds. It goes on without this command (Ctrl-C ends only the watching),
    and repeating it leaves out what opens already. The store is told with `order.updated`.

    Where the whole ring is gone, importer and api do not start: their folder may only not be mounted. `--new-ring` says
    that it is lost; it needs ORDERBRIDGE_VAULT_KEY. Start them afterwards.

    Ends with status 1 if Amazon did not give some of the orders.

    Example: `orderbridge privacy reseal`, `orderbridge privacy reseal --new-ring --no-wait`

    Next: `orderbridge orders show NUMBER` says when an order's personal data dies.
    """
    if new_ring:
        _begin_new_ring()
    with open_database() as database:
        with database.unit_of_work() as work:
            began = work.now
            ids = {look_at_seals(work, one.account_id) for one in _accounts(work, account)}
            position = min(work.session.scalars(select(OutboxRow.position).where(OutboxRow.event_id.in_(ids))))
        asked = _Asked(began, position, looks=ids)
        if not wait:
            done("It is asked for.", as_json, asked_for=True)
            return
        try:
            _watch(database, asked)
        except KeyboardInterrupt:
            errors.print("It goes on by itself; the same command shows again how far it is.", soft_wrap=True)
            raise typer.Exit(130) from None
        with database.unit_of_work() as work:
            refused = _refused(work, asked)
    count = len(asked.fetches)
    done(f"{number_of(count, 'order')} fetched again.", as_json, fetched=count - len(refused), refused=refused)
    if refused:
        fail(f"Amazon did not give {', '.join(f'{order} ({why})' for order, why in list(refused.items())[:10])}")


def _begin_new_ring() -> None:
    settings = load_settings()
    folder = settings.key_ring
    if (folder / CHECK_FILE).exists():
        fail(f"There is a key ring in {folder} already: leave --new-ring out.")
    FolderKeyRing(folder, installation_key(settings.need("vault_key")), settings.key_ring_grid)
    errors.print(f"A new key ring is begun in {folder}.", soft_wrap=True)


def _accounts(work: Work, name: str | None) -> list[ConnectedAccount]:
    if name is None:
        found = [one for one in connected_accounts(work) if one.settings.enabled]
        return found or fail("No account is connected and enabled: nothing can be fetched.")
    account = find_account(work, name)
    if account is None:
        fail(f"There is no account {name}. `orderbridge accounts list` shows which there are.")
    if not account.connected or not account.settings.enabled:
        fail(f"{name} is not connected, or its import is off: nothing can be fetched.")
    return [account]


def _watch(database: Database, asked: _Asked) -> None:
    """Until it is through: a bar on a terminal. That nobody has taken it up is said once."""
    begun, told_so = monotonic(), False
    columns = (TextColumn("Asking Amazon, order by order"), BarColumn(), TextColumn("{task.completed} of {task.total}"))
    left = (TimeElapsedColumn(), TextColumn("left:"), TimeRemainingColumn())
    with Progress(*columns, *left, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task: TaskID = bar.add_task("", total=None)
        while True:
            with database.unit_of_work() as work:
                _look(work, asked)
            if asked.is_through:
                return
            bar.update(task, completed=asked.fetched, total=len(asked.fetches) or None)
            if not told_so and not asked.handled and monotonic() > begun + _TAKEN_UP_WITHIN:
                told_so = True
                errors.print("Nobody has taken it up yet: do ticker and importer run?", soft_wrap=True)
            sleep(_EVERY)


def _look(work: Work, asked: _Asked) -> None:
    """First what is handled, then what was asked for: a look is handled in the transaction that asks for more."""
    open_ids = sorted((asked.looks | asked.fetches.keys()) - asked.handled)
    for first in range(0, len(open_ids), _AT_ONCE):
        some = open_ids[first : first + _AT_ONCE]
        statement = select(InboxRow.event_id).where(
            InboxRow.consumer == "importer", InboxRow.source == SOURCE, InboxRow.event_id.in_(some)
        )
        asked.handled.update(work.session.scalars(statement))
    topics = (SealsDue.event_type, ImportDue.event_type)
    # A named event that took the place of an unpublished one has its place in the outbox.
    newer = select(OutboxRow.event_id, OutboxRow.topic, OutboxRow.name).where(
        or_(OutboxRow.position >= asked.position, OutboxRow.published_at.is_(None)),
        OutboxRow.topic.in_(topics),
        OutboxRow.posted_at >= asked.began,
    )
    for event_id, topic, name in work.session.execute(newer):
        if topic == SealsDue.event_type:
            asked.looks.add(event_id)
        elif name is not None and name.startswith(_FETCH):
            asked.fetches[event_id] = name.removeprefix(_FETCH)


def _refused(work: Work, asked: _Asked) -> dict[str, str]:
    statement = select(UnknownOrder.order_id, UnknownOrder.why).where(UnknownOrder.asked_at >= asked.began)
    orders = set(asked.fetches.values())
    return {row.order_id: row.why for row in work.session.execute(statement) if row.order_id in orders}
