"""getOrders v0: its parameters, its two-minute lag and its pages.

Rules: ordersV0.json, getOrders. A NextToken carries the request it belongs to; how long it lives is not documented,
here it is a day, as in 2026-01-01.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sandbox.accounts import Account
from sandbox.clock import from_amazon, to_amazon, to_record
from sandbox.database import Database
from sandbox.errors import invalid_input, unauthorized
from sandbox.marketplaces import MARKETPLACES
from sandbox.orders import Order
from sandbox.search import LAG, PAGE_TOKEN_LIFE, csv
from sandbox.tokens import SignedTokens
from sandbox.views_v0 import CHANNELS, STATUSES, order_v0

_UNSUPPORTED = frozenset({"BuyerEmail", "SellerOrderId", "PaymentMethods", "EasyShipShipmentStatuses", "IsISPU"})
"""Filters that Amazon has and the sandbox has not. Parameters that Amazon does not know are ignored, as it does."""


class OrderSearchV0:
    """Answers getOrders v0. `speed` shortens the lag and the life of tokens."""

    def __init__(self, database: Database, tokens: SignedTokens, speed: float) -> None:
        self._database = database
        self._tokens = tokens
        self._lag = LAG / speed
        self._token_life = PAGE_TOKEN_LIFE / speed

    def answer(self, query: dict[str, str], account: Account, elements: set[str], now: datetime) -> dict[str, Any]:
        """GetOrdersResponse; raises AmazonError (400, or 403 for a marketplace that is not the account's)."""
        if unsupported := sorted(_UNSUPPORTED & set(query)):
            raise invalid_input(f"{unsupported[0]} is not supported by the sandbox.")
        marketplaces = csv(query, "MarketplaceIds", MARKETPLACES)
        if not marketplaces or len(marketplaces) > 50:
            raise invalid_input("MarketplaceIds must hold 1 to 50 values.")
        if not set(marketplaces) <= set(account.marketplaces):
            raise unauthorized("The seller does not participate in a requested marketplace.")
        last = ("", "")
        visible_until = now - self._lag
        if token := query.get("NextToken"):
            claims = self._read_token(token, account, now)
            query, last = claims["query"], tuple(claims["last"])
            visible_until = datetime.fromisoformat(claims["visible_until"])
        if "AmazonOrderIds" in query:
            return {"payload": {"Orders": self._by_id(query["AmazonOrderIds"], marketplaces, account, elements)}}
        return {"payload": self._page(query, marketplaces, account, elements, last, visible_until, now)}

    def _page(
        self,
        query: dict[str, str],
        marketplaces: list[str],
        account: Account,
        elements: set[str],
        last: tuple[str, str],
        visible_until: datetime,
        now: datetime,
    ) -> dict[str, Any]:
        given = [group for group in ("Created", "LastUpdated") if f"{group}After" in query]
        if len(given) != 1:
            raise invalid_input("Exactly one of CreatedAfter and LastUpdatedAfter must be provided.")
        (group,) = given
        after = _moment(query, f"{group}After")
        before = _moment(query, f"{group}Before") if f"{group}Before" in query else visible_until
        if before < after or (f"{group}Before" in query and before > now - self._lag):
            raise invalid_input(f"{group}Before must be after {group}After and at least two minutes before now.")
        size = query.get("MaxResultsPerPage", "100")
        if not (size.isascii() and size.isdigit() and 1 <= int(size[:9]) <= 100):
            raise invalid_input("MaxResultsPerPage must be between 1 and 100.")
        moment = "created_at" if group == "Created" else "updated_at"
        found = list(
            self._database.select(
                account.account,
                moment=moment,
                after=after,
                before=before,
                visible_until=visible_until,
                last=last,
                marketplaces=marketplaces,
                fulfilled_by=_mapped(query, "FulfillmentChannels", CHANNELS),
                statuses=_mapped(query, "OrderStatuses", STATUSES),
                limit=int(size) + 1,
            )
        )
        page = found[: int(size)]
        answer: dict[str, Any] = {"Orders": [order_v0(order, elements) for order in page]}
        answer[f"{group}Before"] = to_amazon(before)
        if len(found) > len(page):
            claims = {
                "account": account.account,
                "expires": (now + self._token_life).timestamp(),
                "query": {name: value for name, value in query.items() if name != "NextToken"},
                "visible_until": to_record(visible_until),
                "last": [to_record(getattr(page[-1], moment)), page[-1].order_id],
            }
            answer["NextToken"] = self._tokens.issue("page v0", claims)
        return answer

    def _by_id(
        self, order_ids: str, marketplaces: list[str], account: Account, elements: set[str]
    ) -> list[dict[str, Any]]:
        names = order_ids.split(",")
        if len(names) > 50:
            raise invalid_input("AmazonOrderIds may hold at most 50 values.")
        found: list[Order | None] = [self._database.order(name) for name in names]
        return [
            order_v0(order, elements)
            for order in found
            if order is not None and order.account == account.account and order.marketplace_id in marketplaces
        ]

    def _read_token(self, token: str, account: Account, now: datetime) -> dict[str, Any]:
        try:
            claims = self._tokens.read("page v0", token)
        except ValueError:
            raise invalid_input("NextToken is invalid.") from None
        if claims["account"] != account.account or now > datetime.fromtimestamp(claims["expires"], now.tzinfo):
            raise invalid_input("NextToken is invalid or has expired.")
        return claims


def _mapped(query: dict[str, str], name: str, words: dict[str, str]) -> list[str] | None:
    """An array of v0's words, as the words of 2026-01-01."""
    given = csv(query, name, words.values())
    return None if given is None else [word for word, in_v0 in words.items() if in_v0 in given]


def _moment(query: dict[str, str], name: str) -> datetime:
    try:
        return from_amazon(query[name])
    except ValueError:
        raise invalid_input(f"{name} must be formatted by ISO 8601 standards, in UTC.") from None
