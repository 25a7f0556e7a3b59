"""The mail server: whether one is set where an account wants mail, and whether mails go through."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import func, select

from orderbridge.accounts import read_account
from orderbridge.database.models import Account, Mail
from orderbridge.database.unit_of_work import Work
from orderbridge.doctor import Finding, error, ok, warning
from orderbridge.mail.addresses import addresses_of
from orderbridge.mail.late import late_since
from orderbridge.mail.server import mail_server
from orderbridge.mail.trial import NO_SERVER
from orderbridge.plural import number_of
from orderbridge.settings import BadSettings, Settings

LATE = timedelta(minutes=15)


def check_mail(settings: Settings, work: Work) -> Iterator[Finding]:
    """The settings are read, and what waits is counted; the server itself is not spoken to."""
    try:
        server = mail_server(settings)
    except BadSettings as trouble:
        yield error("mail", f"{trouble} The reporter does not start.", "Set it as said, and start the reporter again.")
        return
    accounts = map(read_account, work.session.scalars(select(Account).order_by(Account.account_id)))
    wanting = [account.account_id for account in accounts if addresses_of(account)]
    if server is None:
        if wanting:
            yield warning("mail", f"{', '.join(wanting)}: the log is to be mailed, and no server is set.", NO_SERVER)
        else:
            yield ok("mail", "No mail server is set, and no account has an address to mail to.")
        return
    late = late_since(work.now - LATE)
    count = work.session.scalar(select(func.count(Mail.event_id)).where(late)) or 0
    if not count:
        yield ok("mail", f"No mail is late. They go by {server.name}, to {number_of(len(wanting), 'account')}.")
        return
    oldest = work.session.scalars(select(Mail).where(late).order_by(Mail.created_at).limit(1)).one()
    yield warning(
        "mail",
        f"{number_of(count, 'event')} could not be mailed yet, the oldest of {oldest.created_at:%Y-%m-%d %H:%M} UTC. "
        f"{f'At last: {oldest.answer}' if oldest.answer else 'It was not tried so far.'}",
        f"The reporter tries them by itself while it runs. Look at {server.name}; `orderbridge mail test --account "
        f"{oldest.account_id}` says whether it takes mail now.",
    )
