"""What Amazon lets us see of an account: told once when something is refused or missing, and when it is there again."""

from __future__ import annotations

from collections.abc import Iterable

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.attentions import (
    MARKETPLACE_DENIED,
    ORDER_ROLE_MISSING,
    ROLE_MISSING,
    SAME_SELLER,
    end_attention,
    open_attentions,
    raise_attention,
)
from orderbridge.accounts.roles import (
    NO_ADDRESSES,
    address_role,
    address_role_granted,
    addresses_missing,
    several_lack_addresses,
)
from orderbridge.amazon import Order
from orderbridge.database.unit_of_work import Work
from services.importer.personal_data import KEPT_FOR
from services.importer.window import Window


def page_arrived(work: Work, account: ConnectedAccount, window: Window, orders: Iterable[Order]) -> Window:
    """Amazon gave a page of orders: returns the run, which says so if they came without addresses."""
    ended = [ORDER_ROLE_MISSING]
    if set(account.marketplace_ids) <= set(window.marketplace_ids):
        ended.append(MARKETPLACE_DENIED)
    standing = {one.trouble for one in open_attentions(work, account.account_id)}
    end_attention(work, account.account_id, *standing.intersection(ended))
    if "RECIPIENT" in window.left_out:
        return window
    recent = _recent(work, orders)
    granted = address_role(recent)
    if granted and ROLE_MISSING in standing:
        address_role_granted(work, account.account_id)
    if granted is not False:
        return window
    if ROLE_MISSING not in standing and not several_lack_addresses(work, account.account_id, recent):
        return window
    addresses_missing(work, account.account_id)
    return window.with_problem(NO_ADDRESSES).model_copy(update={"without_addresses": True})


def order_arrived(work: Work, account_id: str, order: Order) -> None:
    """Amazon gave one order that was asked for alone, with its recipient: its address shows that the role is there.

    That it has none shows nothing: just such orders are asked for alone. Whether the role is missing, pages tell.
    """
    if address_role(_recent(work, (order,))):
        address_role_granted(work, account_id)


def _recent(work: Work, orders: Iterable[Order]) -> list[Order]:
    """What was placed longer ago comes without its address from everybody."""
    return [order for order in orders if work.now - order.created_time < KEPT_FOR]


def marketplaces_denied(work: Work, account_id: str, marketplace_ids: Iterable[str]) -> None:
    """Amazon refuses some of the account's marketplaces and shows the others."""
    named = ", ".join(sorted(marketplace_ids))
    raise_attention(
        work,
        account_id,
        MARKETPLACE_DENIED,
        f"Amazon refuses the orders of marketplace {named}; the others are imported.",
        "Look in Seller Central whether the account may still sell there, and whether the application is authorised "
        "for it. It is asked for again: after a quarter of an hour, an hour, four hours, then every day.",
    )


def same_seller(work: Work, account_id: str, owner: str) -> None:
    """Two connected accounts are one seller: each order stays with the account that had it first."""
    raise_attention(
        work,
        account_id,
        SAME_SELLER,
        f"{account_id} is the same seller as {owner}: the orders that {owner} has are left alone here.",
        f"Disconnect one of the two: `orderbridge accounts disconnect {account_id}`.",
    )
