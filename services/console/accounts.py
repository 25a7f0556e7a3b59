"""The seller accounts: the state of each, and what a person must mend."""

from __future__ import annotations

from sqlalchemy import select
from starlette.responses import Response

from orderbridge.accounts import read_account
from orderbridge.accounts.attentions import open_attentions
from orderbridge.accounts.facts import country
from orderbridge.database.models import Account, AccountState
from services.console.visit import Visit


def list_accounts(visit: Visit) -> Response:
    """All accounts, those with troubles first."""
    with visit.database.unit_of_work() as work:
        standing = open_attentions(work)
        states = {state.account_id: state for state in work.session.scalars(select(AccountState))}
        accounts = [
            {
                "account": account,
                "marketplaces": ", ".join(map(country, account.marketplace_ids)),
                "state": states.get(account.account_id),
                "troubles": [one for one in standing if one.account_id == account.account_id],
            }
            for account in map(read_account, work.session.scalars(select(Account).order_by(Account.account_id)))
        ]
    accounts.sort(key=lambda one: not one["troubles"])
    return visit.page("accounts.html", accounts=accounts)
