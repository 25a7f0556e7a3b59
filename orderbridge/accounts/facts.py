"""Where an account stands, for people to read: on the command line, and in the console later. No secret is in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orderbridge.accounts import read_account
from orderbridge.accounts.attentions import open_attentions
from orderbridge.accounts.expiry import consent_expires_at, secret_expires_at
from orderbridge.accounts.roles import ROLE_OF
from orderbridge.accounts.trial import region_of
from orderbridge.amazon import marketplace
from orderbridge.database.models import Account, AccountState
from orderbridge.database.unit_of_work import Work
from orderbridge.settings import Settings


def account_facts(work: Work, settings: Settings, row: Account) -> dict[str, Any]:
    """The facts by name; moments are UTC. `attentions` are the troubles that stand, with what to do."""
    account = read_account(row)
    state = work.session.get(AccountState, row.account_id)
    standing = open_attentions(work, row.account_id)
    return {
        "connected": account.connected,
        "enabled": account.settings.enabled,
        "region": region_of(row.api_url),
        "api": row.api_url,
        "marketplaces": countries(account.marketplace_ids),
        "own_application": row.client_id is not None,
        "connected_since": row.connected_at,
        "consent_expires": consent_expires_at(row) if account.connected else None,
        "secret_expires": secret_expires_at(settings, row) if account.connected else None,
        "missing_roles": [ROLE_OF[one.trouble] for one in standing if one.trouble in ROLE_OF],
        "last_order_imported": state.last_order_id if state else None,
        "last_script_run": state.last_run_at if state else None,
        "cursor": state.cursor if state else None,
        "attentions": [
            {
                "trouble": one.trouble,
                "since": one.since,
                "message": one.message,
                "what_to_do": one.what_to_do,
            }
            for one in standing
        ],
    }


def country(marketplace_id: str) -> str:
    """The marketplace's country (ISO 3166-1 alpha-2), or its id if our table does not have it."""
    known = marketplace(marketplace_id)
    return known.country if known else marketplace_id


def countries(marketplace_ids: Iterable[str]) -> list[str]:
    """Each marketplace with its country, as far as our table has it."""
    return [name if country(name) == name else f"{country(name)} ({name})" for name in marketplace_ids]
