"""Which seller an account is: no seller is connected twice, and none takes another's place unseen."""

from __future__ import annotations

import hmac
import json

from sqlalchemy import select

from orderbridge.accounts.trial import ConnectRefused, Tried, region_of
from orderbridge.amazon.marketplaces import Region, marketplace
from orderbridge.database.models import Account, OrderRow
from orderbridge.database.unit_of_work import Work
from orderbridge.vault.secrets_box import SecretRefused, SecretsBox


def opened(box: SecretsBox, row: Account) -> str:
    """The account's refresh token; empty where there is none, or none that is of use."""
    if row.refresh_token is None:
        return ""
    try:
        return box.decrypt(row.refresh_token, purpose=f"refresh_token:{row.account_id}")
    except SecretRefused:
        return ""  # under another ORDERBRIDGE_SECRETS_KEY: it is of no use any more


def same(one: str, other: str) -> bool:
    """Whether two secrets are one, in a time that tells nothing."""
    return hmac.compare_digest(one.encode(), other.encode())


def refuse_a_token_twice(work: Work, box: SecretsBox, account_id: str, refresh_token: str) -> None:
    """Raises ConnectRefused for a token that another account has."""
    for row in work.session.scalars(select(Account).where(Account.account_id != account_id)):
        if same(opened(box, row), refresh_token):
            raise ConnectRefused(
                f"This refresh token is connected already, as {row.account_id}: two accounts would import every order "
                f"twice. Disconnect {row.account_id} first, or give another seller's token."
            )


def refuse_another_seller(known: Account | None, seller_id: str | None) -> None:
    """Raises ConnectRefused where Amazon names another seller than the account was connected for."""
    if known is not None and known.seller_id is not None and seller_id not in (None, known.seller_id):
        raise ConnectRefused(
            f"{known.account_id} is the seller {known.seller_id}, and the one who authorised just now is {seller_id}. "
            f"Sign in to Seller Central as the seller of {known.account_id}, or connect the other one under a name of "
            "its own."
        )


def refuse_the_same_seller(work: Work, account_id: str, seller_id: str | None, tried: Tried) -> None:
    """Raises ConnectRefused for a seller who is connected as another account.

    Amazon tells no seller's id to a private app, but an order has one seller: the importer finds out later ones. An
    id counts within its region, since an authorisation does.
    """
    if seller_id is not None:
        by_id = select(Account.account_id).where(
            Account.seller_id == seller_id, Account.api_url == tried.api_url, Account.account_id != account_id
        )
        if (
            other := work.session.scalars(by_id.where(Account.refresh_token.is_not(None)).limit(1)).first()
        ) is not None:
            raise ConnectRefused(
                f"This is the same seller as {other}, which is connected: two accounts would import every order twice. "
                f"Connect {other} again instead, or disconnect {other} first."
            )
    here = (
        select(OrderRow.account_id)
        .join(Account, Account.account_id == OrderRow.account_id)
        .where(OrderRow.order_id.in_(tried.order_ids), OrderRow.account_id != account_id)
        .where(Account.refresh_token.is_not(None))
    )
    if (other := work.session.scalars(here.limit(1)).first()) is not None:
        raise ConnectRefused(
            f"This is the same seller as {other}, which has imported orders of his: two accounts would import every "
            f"order twice. Give {other} the new token with `orderbridge accounts connect {other}`, or disconnect "
            f"{other} first."
        )


def refuse_another_region(known: Account | None, tried: Tried) -> None:
    """Raises ConnectRefused where an account that is known was connected in another region."""
    if known is not None and known.api_url != tried.api_url:
        here = region_of(tried.api_url)
        raise ConnectRefused(
            f"{known.account_id} was connected at {known.api_url}, and this token is for {tried.api_url}: another "
            "seller, or another region. Connect it under a name of its own"
            + (f", {known.account_id}-{here} for instance." if here else ".")
        )


def refuse_a_region_without_marketplaces(region: Region | None, tried: Tried) -> None:
    """Raises ConnectRefused where the seller sells nowhere in the region that was named.

    An address of our own (ORDERBRIDGE_AMAZON_API_URL) is of no region: the marketplaces tell.
    """
    known = [found for name in tried.marketplace_ids if (found := marketplace(name)) is not None]
    if region is not None and known and region not in {one.region for one in known}:
        has = ", ".join(f"{one.country} ({one.region})" for one in known)
        raise ConnectRefused(
            f"This seller takes part in no marketplace of the region {region}, but in {has}. Choose the right region, "
            "or name none."
        )


def other_marketplaces(row: Account, tried: Tried) -> tuple[str, ...]:
    """A warning: an account that shares no marketplace with what it was is another seller's, most likely."""
    before = set(json.loads(row.marketplace_ids or "[]"))
    if before and not before & set(tried.marketplace_ids):
        return (
            f"{row.account_id} had other marketplaces before. If this is another seller, disconnect it and connect it "
            "under a name of its own: the import would go on from the first one's cursor.",
        )
    return ()


def of_another_account(work: Work, account_id: str, owner: str) -> bool:
    """Whether an order that Amazon shows to this account belongs to another one, which is connected too.

    An order has one seller, so both are the same. One that is disconnected hands its orders over.
    """
    if owner == account_id:
        return False
    row = work.session.get(Account, owner)
    return row is not None and row.refresh_token is not None
