"""ORDERBRIDGE_SECRETS_KEY: whether the secrets in the database open under it."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from orderbridge.database.models import Account
from orderbridge.database.unit_of_work import Work
from orderbridge.doctor import Finding, error, ok
from orderbridge.settings import Settings
from orderbridge.vault.keys import InvalidKeyText
from orderbridge.vault.secrets_box import SecretRefused, SecretsBox


def check_secrets(settings: Settings, work: Work) -> Iterator[Finding]:
    """Each account's refresh token and client secret is opened once, and thrown away."""
    accounts = work.session.scalars(select(Account).where(Account.refresh_token.is_not(None))).all()
    if not accounts:
        yield ok("secrets", "No account is connected: there are no secrets in the database.")
        return
    if settings.secrets_key is None:
        yield ok("secrets", "ORDERBRIDGE_SECRETS_KEY is not set here: whether it is the right one was not looked at.")
        return
    try:
        box = SecretsBox(settings.need("secrets_key"))
    except InvalidKeyText as trouble:
        yield error("secrets", f"{trouble}.", "Set the one that `orderbridge init` wrote. It is in your copy of .env.")
        return
    closed = [account.account_id for account in accounts if not _opens(box, account)]
    if closed:
        yield error(
            "secrets",
            f"The tokens of {', '.join(closed)} do not open under ORDERBRIDGE_SECRETS_KEY: Amazon cannot be asked.",
            "Set the key that they were kept under; if it is lost, `orderbridge accounts connect NAME` once more.",
        )
    else:
        yield ok("secrets", f"The tokens of {len(accounts)} connected accounts open.")


def _opens(box: SecretsBox, account: Account) -> bool:
    try:
        if account.refresh_token is not None:
            box.decrypt(account.refresh_token, purpose=f"refresh_token:{account.account_id}")
        if account.client_secret is not None:
            box.decrypt(account.client_secret, purpose=f"client_secret:{account.account_id}")
    except SecretRefused:
        return False
    return True
