"""The addresses of an account, and which of them the mail server refuses for good.

A refused address is the trouble `mail_refused`. It ends by itself, once a mail has gone through and no address that the
account still has stands refused.
"""

from __future__ import annotations

from sqlalchemy import select

from orderbridge.accounts import ConnectedAccount, find_account
from orderbridge.accounts.attentions import MAIL_REFUSED, end_attention, raise_attention
from orderbridge.database.models import Mail
from orderbridge.database.unit_of_work import Work


def addresses_of(account: ConnectedAccount) -> tuple[str, ...]:
    """Who gets the account's mails ("Send log to"), each once."""
    given = account.settings.log_email or ""
    return tuple(dict.fromkeys(part.strip() for part in given.split(",") if part.strip()))


def address_refused(work: Work, account_id: str, address: str, answer: str) -> None:
    """The mail server refused the address for good, and said why."""
    raise_attention(
        work,
        account_id,
        MAIL_REFUSED,
        f"The mail server takes no mail for {address}: {answer}",
        'Correct the address in "Send log to" (log_email), or have the mail server take it; then '
        f"`orderbridge mail test --account {account_id}`.",
    )


def address_took(work: Work, account_id: str) -> None:
    """A mail has gone through: the trouble is over, unless another of the account's addresses stands refused."""
    account = find_account(work, account_id)
    addresses = addresses_of(account) if account is not None else ()
    if not any(_stands_refused(work, account_id, address) for address in addresses):
        end_attention(work, account_id, MAIL_REFUSED)


def _stands_refused(work: Work, account_id: str, address: str) -> bool:
    mine = (Mail.account_id == account_id, Mail.recipient == address, Mail.state.in_(("sent", "refused")))
    latest = select(Mail.state).where(*mine).order_by(Mail.ended_at.desc()).limit(1)
    return work.session.scalars(latest).first() == "refused"
