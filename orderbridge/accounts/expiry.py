"""What ends by itself at Amazon: a seller's consent after 365 days, an application's secret after 180.

Source: developer documentation, "Renew authorizations" and "Rotate your app's LWA credentials".
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final

from orderbridge.accounts.attentions import CONSENT_EXPIRING, SECRET_EXPIRING, end_attention, raise_attention
from orderbridge.database.models import Account
from orderbridge.database.unit_of_work import Work
from orderbridge.settings import Settings

CONSENT_LIVES: Final = timedelta(days=365)
WARNED_AHEAD: Final = timedelta(days=30)


def consent_expires_at(row: Account) -> datetime | None:
    """When the seller must have authorised again.

    None for an application of the account's own, which is a private one: no end of its authorisation is documented.
    """
    return row.authorized_at + CONSENT_LIVES if row.authorized_at is not None and row.client_id is None else None


def secret_expires_at(settings: Settings, row: Account) -> datetime | None:
    """When the client secret must have been rotated, as far as somebody told us: the account's own, or ours."""
    if row.client_secret is not None or row.secret_expires_at is not None:
        return row.secret_expires_at
    day = settings.amazon_client_secret_expires
    return datetime.combine(day, time(), UTC) if day is not None else None


def how_to_tell_a_secret(row: Account) -> str:
    """What to do with a new client secret: the account's own application's, or the installation's."""
    if row.client_id is not None:
        return (
            "Take a new client secret in the developer console, and tell it: "
            f"`orderbridge accounts connect {row.account_id} --client-id {row.client_id} --secret-expires DATE`."
        )
    return (
        "Take a new client secret in the developer console, set ORDERBRIDGE_AMAZON_CLIENT_SECRET and "
        "ORDERBRIDGE_AMAZON_CLIENT_SECRET_EXPIRES, and restart the services."
    )


def how_to_authorise_again(row: Account) -> str:
    """What to do where the seller's consent is missing: by his own application's page, or by the installation's."""
    command = f"`orderbridge accounts connect {row.account_id}`"
    if row.client_id is not None:
        return (
            "Authorise the application again in Seller Central, and connect the account with the new refresh token: "
            f"{command}."
        )
    return f"Connect the account again: in the console, or with a new refresh token by {command}."


def warn_of_expiry(work: Work, settings: Settings, account_id: str) -> None:
    """Tell 30 days ahead that something ends, once, and when it has been renewed."""
    row = work.session.get_one(Account, account_id)
    for trouble, ends_at, what, what_to_do in (
        (
            CONSENT_EXPIRING,
            consent_expires_at(row),
            "The authorisation of this account",
            how_to_authorise_again(row),
        ),
        (
            SECRET_EXPIRING,
            secret_expires_at(settings, row),
            "The application's client secret",
            how_to_tell_a_secret(row),
        ),
    ):
        if ends_at is None or ends_at - work.now > WARNED_AHEAD:
            end_attention(work, account_id, trouble)
        else:
            ends = "ends" if ends_at > work.now else "has ended"
            raise_attention(
                work, account_id, trouble, f"{what} {ends} on {ends_at:%Y-%m-%d}. Nothing works without it.", what_to_do
            )
