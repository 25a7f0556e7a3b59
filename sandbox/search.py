"""searchOrders 2026-01-01: its parameters, its two-minute lag and its pages.

Rules: orders_2026-01-01.json, searchOrders. Pages are cut by position (moment, order id) in a window whose upper end is
fixed by the first page: an order that changes meanwhile leaves the window of a `lastUpdated…` search and stands in the
next one, so that a reader whose windows meet or overlap misses nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.accounts import Account
from sandbox.clock import from_amazon, to_amazon, to_record
from sandbox.database import Database
from sandbox.errors import invalid_input, unauthorized
from sandbox.marketplaces import MARKETPLACES
from sandbox.orders import Order
from sandbox.tokens import SignedTokens
from sandbox.views import DATASETS, amazon_order

LAG = timedelta(minutes=2)
PAGE_TOKEN_LIFE = timedelta(hours=24)

_STATUSES = (
    "PENDING_AVAILABILITY",
    "PENDING",
    "UNSHIPPED",
    "PARTIALLY_SHIPPED",
    "SHIPPED",
    "CANCELLED",
    "UNFULFILLABLE",
)
_ARRAYS: dict[str, Collection[str]] = {
    "fulfillmentStatuses": _STATUSES,
    "marketplaceIds": MARKETPLACES.keys(),
    "fulfilledBy": ("MERCHANT", "AMAZON"),
    "includedData": DATASETS,
}


@dataclass(frozen=True)
class _Page:
    """Where a page begins, in which window."""

    before: datetime
    """Upper end of the window, whole seconds: the answer's `…Before`."""
    visible_until: datetime
    """What was placed later is not shown: Amazon's data is complete only after two minutes."""
    last: tuple[str, str] = ("", "")
    """(moment, order id) of the order before the page."""


class OrderSearch:
    """Answers searchOrders. `speed` shortens the lag and the life of paging tokens."""

    def __init__(self, database: Database, tokens: SignedTokens, speed: float) -> None:
        self._database = database
        self._tokens = tokens
        self._lag = LAG / speed
        self._token_life = PAGE_TOKEN_LIFE / speed

    def answer(self, query: dict[str, str], account: Account, now: datetime) -> dict[str, Any]:
        """The SearchOrdersResponse; raises AmazonError (400, or 403 for a marketplace that is not the account's)."""
        group = self._group(query)
        after = _moment(query, f"{group}After")
        before = _moment(query, f"{group}Before") if f"{group}Before" in query else None
        self._check_window(group, after, before, now)
        arrays = {name: csv(query, name, known) for name, known in _ARRAYS.items()}
        _check_marketplaces(arrays["marketplaceIds"], account)
        limit = _page_size(query)

        if token := query.get("paginationToken"):
            page = self._read_token(token, query, account, now)
        else:
            newest = now - self._lag
            page = _Page((before or newest).replace(microsecond=0), newest)
        moment = "updated_at" if group == "lastUpdated" else "created_at"
        selected = self._database.select(
            account.account,
            moment=moment,
            after=after,
            before=page.before,
            visible_until=page.visible_until,
            last=page.last,
            marketplaces=arrays["marketplaceIds"],
            fulfilled_by=arrays["fulfilledBy"],
            statuses=arrays["fulfillmentStatuses"],
            limit=limit + 1,
        )
        found = list(selected)
        included = set(arrays["includedData"] or [])
        answer: dict[str, Any] = {
            "orders": [amazon_order(order, included, account, now) for order in found[:limit]],
            f"{group}Before": to_amazon(page.before),
        }
        if len(found) > limit:
            answer["pagination"] = {"nextToken": self._token(page, found[limit - 1], moment, query, account, now)}
        return answer

    @staticmethod
    def _group(query: dict[str, str]) -> str:
        given = [group for group in ("created", "lastUpdated") if f"{group}After" in query]
        if len(given) != 1:
            raise invalid_input("Exactly one of createdAfter and lastUpdatedAfter must be provided.")
        other = "lastUpdated" if given[0] == "created" else "created"
        if f"{other}Before" in query:
            raise invalid_input(f"{other}Before may not be provided together with {given[0]}After.")
        return given[0]

    def _check_window(self, group: str, after: datetime, before: datetime | None, now: datetime) -> None:
        if after > now:
            raise invalid_input(f"{group}After must not be in the future.")
        if before is None:
            return
        if before < after:
            raise invalid_input(f"{group}Before must be equal to or after {group}After.")
        if before > now - self._lag:
            raise invalid_input(f"{group}Before must be at least two minutes before the time of the request.")

    def _token(
        self, page: _Page, last: Order, moment: str, query: dict[str, str], account: Account, now: datetime
    ) -> str:
        return self._tokens.issue(
            "page",
            {
                "request": _digest(query, account),
                "expires": (now + self._token_life).timestamp(),
                "before": to_record(page.before),
                "visible_until": to_record(page.visible_until),
                "last": [to_record(getattr(last, moment)), last.order_id],
            },
        )

    def _read_token(self, token: str, query: dict[str, str], account: Account, now: datetime) -> _Page:
        try:
            claims = self._tokens.read("page", token)
        except ValueError:
            raise invalid_input("paginationToken is invalid.") from None
        if now.timestamp() >= claims["expires"]:
            raise invalid_input("paginationToken has expired.")
        if claims["request"] != _digest(query, account):
            raise invalid_input("All parameters must match the original request except maxResultsPerPage.")
        moment, order_id = claims["last"]
        before, visible_until = (datetime.fromisoformat(claims[name]) for name in ("before", "visible_until"))
        return _Page(before, visible_until, (moment, order_id))


def csv(query: dict[str, str], name: str, known: Collection[str]) -> list[str] | None:
    """A comma-separated array parameter (Swagger 2.0's default), None if absent; raises AmazonError 400."""
    if name not in query:
        return None
    values = query[name].split(",")
    if unknown := [value for value in values if value not in known]:
        raise invalid_input(f"{name} has an invalid value: {unknown[0]!r}")
    return values


def _check_marketplaces(marketplace_ids: list[str] | None, account: Account) -> None:
    if len(marketplace_ids or []) > 50:
        raise invalid_input("marketplaceIds may hold at most 50 values.")
    if not set(marketplace_ids or []) <= set(account.marketplaces):
        raise unauthorized("The seller does not participate in a requested marketplace.")


def _moment(query: dict[str, str], name: str) -> datetime:
    try:
        return from_amazon(query[name])
    except ValueError:
        raise invalid_input(f"{name} must be formatted by ISO 8601 standards, in UTC.") from None


def _page_size(query: dict[str, str]) -> int:
    text = query.get("maxResultsPerPage", "100")
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 100):
        raise invalid_input("maxResultsPerPage must be between 1 and 100.")
    return int(text)


def _digest(query: dict[str, str], account: Account) -> str:
    rest = {name: value for name, value in query.items() if name not in ("maxResultsPerPage", "paginationToken")}
    return hashlib.sha256(json.dumps([account.account, sorted(rest.items())]).encode()).hexdigest()
