"""Disconnects an account: our tokens are destroyed, orders stay and their redaction goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import delete

from orderbridge.accounts import read_account, tell_store
from orderbridge.accounts.attentions import SAME_SELLER, TROUBLES, end_attention, open_attentions
from orderbridge.accounts.subscriptions import SubscriptionError, unsubscribe
from orderbridge.amazon import AmazonError, GrantlessLogin, Login, marketplace
from orderbridge.database.models import AccessToken, Account, Subscription
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.settings import BadSettings, Settings
from orderbridge.shipment_slots import plan_slot
from orderbridge.vault.keys import InvalidKeyText
from orderbridge.vault.secrets_box import SecretRefused, SecretsBox

_SELLER_CENTRAL: Final = "sellercentral.amazon.com"
_MANAGE_APPS: Final = "/apps/manage"
"""Seller Central's page "Manage Your Apps".

Amazon's guides to renewing an authorisation (developer-docs.amazon.com/sp-api, "Renew Your Website Authorization") name
the page, not its path. The path is that of Amazon's MWS developer guide of 2019 ("Registering to use Amazon MWS,
Authorizing a developer"), whose copy for Europe has it too; nothing newer of Amazon's that we have read says it.
"""


@dataclass(frozen=True)
class Disconnected:
    """An account without our tokens."""

    account_id: str
    grant_url: str
    """Where the seller ends the grant at Amazon too: until then it stands there, of no use to us."""
    subscription: Literal["none", "ended", "left"]
    """To changed orders; `left` where Amazon did not let us end it: it ends with the grant."""


def disconnect_account(settings: Settings, database: Database, account_id: str) -> Disconnected | None:
    """Destroy our tokens of the account and end its subscription at Amazon; None if it is not connected.

    From then on nothing is imported, and the shipper answers what is held. Whatever Amazon says, it is done.
    """
    with database.unit_of_work() as work:
        row = work.session.get(Account, account_id)
        if row is None or row.refresh_token is None:
            return None
        subscribed = work.session.get(Subscription, account_id) is not None
    ended = subscribed and _unsubscribe(settings, database, account_id)
    with database.unit_of_work() as work:
        row = work.session.get_one(Account, account_id)
        _forget_access_tokens(work, settings, row)
        row.refresh_token = row.client_id = row.client_secret = None
        row.authorized_at = row.secret_expires_at = None
        end_attention(work, account_id, *TROUBLES)  # nobody need mend anything for it now
        for other in open_attentions(work):
            if other.trouble == SAME_SELLER:  # where another two are one as well, the next import says so again
                end_attention(work, other.account_id, SAME_SELLER)
        # What Amazon sends until its own ends with the grant is foreign.
        work.session.execute(delete(Subscription).where(Subscription.account_id == account_id))
        tell_store(work, read_account(row))
        plan_slot(work, account_id)  # the shipper answers what is held: nobody can send it now
        grant_url = manage_apps_url(settings, row)
    return Disconnected(account_id, grant_url, "ended" if ended else "left" if subscribed else "none")


def manage_apps_url(settings: Settings, row: Account) -> str:
    """The page of Seller Central on which the account's seller ends the grant."""
    place = marketplace(read_account(row).home_marketplace_id)
    seller_central = settings.seller_central_url or f"https://{place.seller_central if place else _SELLER_CENTRAL}"
    return seller_central.rstrip("/") + _MANAGE_APPS


def _unsubscribe(settings: Settings, database: Database, account_id: str) -> bool:
    try:
        return unsubscribe(settings, database, account_id)
    except (AmazonError, SubscriptionError, BadSettings, InvalidKeyText, SecretRefused):
        return False  # a consent that was ended, a secret that has expired: no reason to stay connected


def _forget_access_tokens(work: Work, settings: Settings, row: Account) -> None:
    """Those that processes share, good for an hour; the application's own too where it is this account's alone."""
    try:
        box = SecretsBox(settings.need("secrets_key"))
        refresh_token = box.decrypt(str(row.refresh_token), purpose=f"refresh_token:{row.account_id}")
        if row.client_id is not None and row.client_secret is not None:
            client = row.client_id, box.decrypt(row.client_secret, purpose=f"client_secret:{row.account_id}")
        else:
            client = settings.need("amazon_client_id"), settings.need("amazon_client_secret")
    except (BadSettings, InvalidKeyText, SecretRefused):
        return  # then nobody can open it either, or name it
    logins: list[Login | GrantlessLogin] = [Login(row.login_url, *client, refresh_token)]
    if row.client_id is not None:
        logins.append(GrantlessLogin(row.login_url, *client))
    for login in logins:
        login.invalidate()
        work.session.execute(delete(AccessToken).where(AccessToken.name == login.name))
