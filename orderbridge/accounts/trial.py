"""Tries a seller's credentials at Amazon before anything is kept: which region, which marketplaces, which roles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Final, Protocol, TypeVar

from orderbridge.accounts.roles import ADDRESS_ROLE, ORDER_ROLE, address_role
from orderbridge.amazon import (
    AccessDenied,
    AmazonError,
    Answer,
    Connection,
    ConsentRevoked,
    Login,
    LoginRefused,
    NoAnswer,
    Operation,
    Throttled,
    Unwell,
    get_marketplace_participations,
    search_orders,
)
from orderbridge.amazon.marketplaces import API_URLS, Region
from orderbridge.amazon.operations import GET_MARKETPLACE_PARTICIPATIONS, SEARCH_ORDERS
from orderbridge.database import quotas
from orderbridge.database.unit_of_work import Database, refuse_open_transaction

_LOOKED_AT: Final = timedelta(days=1)
_AMAZON_KEEPS_BACK: Final = timedelta(minutes=3)


class ConnectRefused(Exception):
    """The account is not connected, for a reason of ours; the message says which, and what to do."""


@dataclass(frozen=True)
class Credentials:
    """What speaks for a seller. Its repr shows no secret."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)


@dataclass(frozen=True)
class Tried:
    """What the trial showed."""

    api_url: str
    marketplace_ids: tuple[str, ...]
    missing_roles: tuple[str, ...] = ()
    unknown_roles: tuple[str, ...] = ()
    """Roles of which nothing could be told: there was no order to tell them from, or no quota."""
    refusal: str = ""
    """Amazon's words, where it refuses orders."""
    order_ids: tuple[str, ...] = ()
    """Some of the seller's latest orders: no other seller has those."""
    checked: bool = True
    """Whether roles were looked at."""


class _Answered(Protocol):
    @property
    def answer(self) -> Answer: ...


R = TypeVar("R", bound=_Answered)


class Trial:
    """Calls Amazon for one account that is not kept yet, within its quotas."""

    def __init__(self, database: Database, account_id: str, login_url: str, credentials: Credentials) -> None:
        self._database = database
        self._account_id = account_id
        self._login = Login(login_url, credentials.client_id, credentials.client_secret, credentials.refresh_token)

    def run(self, api_urls: Sequence[str], *, check_roles: bool) -> Tried:
        """The first of the endpoints that knows the seller. Raises AmazonError, ConnectRefused."""
        trouble: AmazonError | None = None
        for api_url in api_urls:
            connection = Connection(
                api_url, self._login, before_call=refuse_open_transaction, now=self._database.clock.now
            )
            try:
                found = self._call(GET_MARKETPLACE_PARTICIPATIONS, partial(get_marketplace_participations, connection))
            except (AccessDenied, NoAnswer, Unwell) as error:
                # Refused: not the seller's region. A region that is down says nothing about the others.
                if error.operation == GET_MARKETPLACE_PARTICIPATIONS.name:
                    trouble = error if trouble is None or isinstance(trouble, AccessDenied) else trouble
                    continue
                raise
            ids = tuple(one.marketplace.id for one in found.participations if one.participation.is_participating)
            if ids:
                return self._roles(connection, api_url, ids) if check_roles else Tried(api_url, ids, checked=False)
        if trouble is not None:
            raise trouble
        raise ConnectRefused(
            "Amazon knows this seller, but in no marketplace where he takes part. Finish the registration in Seller "
            "Central, and connect again."
        )

    def _roles(self, connection: Connection, api_url: str, marketplace_ids: tuple[str, ...]) -> Tried:
        """One search tells. What it read is dropped: the import reads it by itself."""
        after = self._database.clock.now() - _LOOKED_AT - _AMAZON_KEEPS_BACK
        try:
            page = self._call(
                SEARCH_ORDERS,
                lambda: search_orders(connection, last_updated_after=after, marketplace_ids=marketplace_ids),
            )
        except AccessDenied as error:
            # Several marketplaces, of which one may be refused: the import finds out which.
            missing = (ORDER_ROLE,) if len(marketplace_ids) == 1 or error.code == "Unauthorized" else ()
            return Tried(api_url, marketplace_ids, missing, (ADDRESS_ROLE,), refusal=error.message)
        except (AmazonError, ConnectRefused):
            return Tried(api_url, marketplace_ids, (), (ORDER_ROLE, ADDRESS_ROLE))
        orders = tuple(page.orders())
        granted = address_role(orders)
        return Tried(
            api_url,
            marketplace_ids,
            (ADDRESS_ROLE,) if granted is False else (),
            (ADDRESS_ROLE,) if granted is None else (),
            order_ids=tuple(order.order_id for order in orders),
        )

    def _call(self, operation: Operation, call: Callable[[], R]) -> R:
        name = operation.name
        with self._database.unit_of_work() as work:
            # A person asks, with new credentials perhaps: only the rate limits that, not what went wrong before.
            quotas.answered(work, self._account_id, name, None)
            not_before = quotas.reserve(
                work, self._account_id, name, rate_per_second=operation.rate_per_second, burst=operation.burst
            )
        if not_before is not None:
            raise ConnectRefused(f"Amazon's limit for {name} is used up. Try again after {not_before:%H:%M:%S} UTC.")
        try:
            result = call()
        except AmazonError as error:
            with self._database.unit_of_work() as work:
                if isinstance(error, Throttled):
                    quotas.throttled(work, self._account_id, name)
                elif isinstance(error, NoAnswer | Unwell):
                    quotas.faulted(work, self._account_id, name)
            raise
        with self._database.unit_of_work() as work:
            quotas.answered(work, self._account_id, name, result.answer.rate_limit)
        return result


def region_of(api_url: str) -> Region | None:
    """The region of one of Amazon's endpoints; None for another address, the sandbox's perhaps."""
    return next((region for region, url in API_URLS.items() if url == api_url), None)


def explain(error: AmazonError) -> str:
    """What to do about credentials that Amazon did not take, or about its silence."""
    if isinstance(error, ConsentRevoked):
        return (
            "The refresh token is wrong, was revoked, or belongs to another application. Copy it whole from Seller "
            "Central (Develop Apps, your app, Authorize), and check the client id."
        )
    if isinstance(error, LoginRefused):
        return (
            "The client id or the client secret is wrong, or the secret has expired (after 180 days). Copy both from "
            "the developer console (your app, LWA credentials, View)."
        )
    if isinstance(error, AccessDenied):
        return (
            "The login was taken, but no region knows the seller by it, or the application has no role at all. Check "
            "the region, give the application the roles "
            f"{ORDER_ROLE} and {ADDRESS_ROLE}, and authorise it again."
        )
    if isinstance(error, Throttled):
        return "Too many tries within a short time: wait some minutes, and try again."
    if isinstance(error, NoAnswer):
        return "The network, or Amazon, does not answer: check the connection and any proxy, and try again."
    if isinstance(error, Unwell):
        return "Amazon has a trouble of its own: try again in some minutes."
    return "Nothing was kept."
