"""The first steps of an account, until its first import is through: what is done, what is to do, and what waits.

Nothing is kept of them: each is read from what is there anyway. So whatever is done at the command line counts, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote

from sqlalchemy import select

from orderbridge.accounts import ConnectedAccount, read_account
from orderbridge.accounts.attentions import STOPS_IMPORTS, open_attentions
from orderbridge.accounts.settings import AccountSettings
from orderbridge.database.models import Account, AccountState, Mail, Run, StoreOptionsRow
from orderbridge.database.unit_of_work import Work
from orderbridge.mail.addresses import addresses_of
from orderbridge.overview import next_import
from orderbridge.settings import Settings

State = Literal["done", "to do", "waits"]
FIRST_ACCOUNT: Final = "main"
"""What the first account is called, as long as nobody calls it otherwise."""
_CONNECT_FIRST: Final = "Once the account is connected."


@dataclass(frozen=True)
class Step:
    """One of them."""

    title: str
    state: State
    text: str
    """How it stands, or what to do."""
    path: str | None = None
    """The page of the console on which it is done."""
    optional: bool = False
    """The import runs without it."""


@dataclass(frozen=True)
class FirstSteps:
    """An account that has not imported yet, and its way there."""

    account_id: str
    steps: tuple[Step, ...]

    @property
    def done(self) -> int:
        """How many are done."""
        return sum(step.state == "done" for step in self.steps)

    @property
    def next(self) -> Step:
        """What a person does next; where all the rest waits, the first import's turn."""
        return next((step for step in self.steps if step.state == "to do"), self.steps[-1])


def first_steps(work: Work, settings: Settings) -> tuple[FirstSteps, ...]:
    """Of every account whose first import is not through; of one that is to come, where there is none at all."""
    rows = list(work.session.scalars(select(Account).order_by(Account.account_id)))
    if not rows:
        return (FirstSteps(FIRST_ACCOUNT, _steps(work, settings, FIRST_ACCOUNT, None)),)
    through = select(AccountState.account_id).where(AccountState.first_run_at.is_not(None))
    imported = set(work.session.scalars(through))
    return tuple(
        FirstSteps(account.account_id, _steps(work, settings, account.account_id, account))
        for account in map(read_account, rows)
        if account.account_id not in imported
    )


def _steps(work: Work, settings: Settings, account_id: str, found: ConnectedAccount | None) -> tuple[Step, ...]:
    account = found if found is not None and found.connected else None
    page = f"/accounts/{quote(account_id, safe='')}/settings"
    return (
        _application(settings, account),
        _connected(account_id, account),
        _store_lists(work, account_id, page),
        _settings_seen(account, page),
        _test_mail(work, settings, account, page),
        _preview(work, account),
        _enabled(account, page),
        _first_import(work, account),
    )


def _application(settings: Settings, account: ConnectedAccount | None) -> Step:
    title = "An application at Amazon"
    ours = settings.amazon_client_id is not None and settings.amazon_client_secret is not None
    if account is not None:
        return Step(title, "done", "The account is connected with one.")
    if ours and settings.amazon_application_id is not None:
        return Step(title, "done", "Its id, client id and client secret are set: sellers can give their consent.")
    if ours:
        return Step(
            title,
            "done",
            "Its client id and client secret are set: connect with a refresh token of its. For consent in Seller "
            "Central, set ORDERBRIDGE_AMAZON_APPLICATION_ID, too.",
        )
    return Step(
        title,
        "to do",
        "Register one in the developer console (docs/connecting.md). Then set ORDERBRIDGE_AMAZON_CLIENT_ID and "
        "ORDERBRIDGE_AMAZON_CLIENT_SECRET, for consent ORDERBRIDGE_AMAZON_APPLICATION_ID as well, and start again; or "
        "fill in a private app's on the page Connect.",
        "/connect",
    )


def _connected(account_id: str, account: ConnectedAccount | None) -> Step:
    title = "The seller account connected"
    if account is not None:
        return Step(title, "done", f"{account_id} is connected.")
    text = "By the seller's consent in Seller Central, or with a private app's refresh token."
    return Step(title, "to do", text, f"/connect?account={quote(account_id, safe='')}")


def _store_lists(work: Work, account_id: str, page: str) -> Step:
    title = "The store's lists"
    if work.session.get(StoreOptionsRow, account_id) is not None:
        return Step(title, "done", "The store has said which queues, payment types and shipping methods it has.", page)
    return Step(
        title,
        "waits",
        "For the store to publish store.options (docs/your-store.md). Until then the queues are the manual's, and "
        "what is mapped to is written by its id.",
        optional=True,
    )


def _settings_seen(account: ConnectedAccount | None, page: str) -> Step:
    title = "The settings looked through"
    if account is None:
        return Step(title, "waits", _CONNECT_FIRST)
    if account.settings != AccountSettings():
        return Step(title, "done", "Something was set.", page)
    return Step(title, "to do", "Nothing was changed yet. Whoever wants all as it is just goes on.", page, True)


def _test_mail(work: Work, settings: Settings, account: ConnectedAccount | None, page: str) -> Step:
    title = "A test mail"
    if settings.smtp_url is None:
        return Step(
            title,
            "waits",
            "No mail server is set: ORDERBRIDGE_SMTP_URL (docs/operations.md). Without one nothing is mailed, and all "
            "else works.",
            optional=True,
        )
    if account is None:
        return Step(title, "waits", _CONNECT_FIRST, optional=True)
    if not addresses_of(account):
        return Step(title, "to do", 'Fill in "Send log to", and save.', page, True)
    tests = select(Mail).where(Mail.account_id == account.account_id, Mail.about == "test")
    last = work.session.scalars(tests.order_by(Mail.created_at.desc()).limit(1)).first()
    if last is not None and last.state == "sent":
        return Step(title, "done", f"The mail server took one for {last.recipient}.", f"{page}#test-mail")
    refused = f"The last was refused: {last.answer} " if last is not None else ""
    return Step(title, "to do", f"{refused}Send one from the settings.", f"{page}#test-mail", True)


def _preview(work: Work, account: ConnectedAccount | None) -> Step:
    title = "A look at what would be imported"
    if account is None:
        return Step(title, "waits", _CONNECT_FIRST, optional=True)
    looks = select(Run.finished_at).where(Run.account_id == account.account_id, Run.kind == "dry_run")
    found = list(work.session.scalars(looks.order_by(Run.started_at.desc()).limit(20)))
    if any(ended is not None for ended in found):
        return Step(title, "done", "Somebody has looked.", "/accounts")
    if found:
        return Step(title, "waits", "The importer is looking.", "/accounts", True)
    return Step(title, "to do", 'Press "Preview" on the page Accounts: nothing is imported by it.', "/accounts", True)


def _enabled(account: ConnectedAccount | None, page: str) -> Step:
    title = "The import switched on"
    if account is None:
        return Step(title, "waits", _CONNECT_FIRST)
    if account.settings.enabled:
        return Step(title, "done", '"Enable Amazon Order" is on.', page)
    return Step(title, "to do", 'Tick "Enable Amazon Order" in the settings, and save.', page)


def _first_import(work: Work, account: ConnectedAccount | None) -> Step:
    title = "The first import"
    at = next_import(account, work.now) if account is not None else None
    if account is None or at is None:
        return Step(title, "waits", "For the import to be switched on.")
    if any(one.trouble in STOPS_IMPORTS for one in open_attentions(work, account.account_id)):
        return Step(title, "to do", "Mend the account's trouble first.", "/accounts")
    under_way = select(Run.run_id).where(
        Run.account_id == account.account_id, Run.kind != "dry_run", Run.finished_at.is_(None)
    )
    if work.session.scalars(under_way.limit(1)).first() is not None:
        return Step(title, "waits", "It is under way.", "/runs")
    return Step(title, "waits", f'At {at:%H:%M} UTC, or sooner by "Import now" on the page Runs.', "/runs")
