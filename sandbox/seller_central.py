"""The room everything meets in: accounts, orders, rules and books, without HTTP."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from sandbox.accounts import DEFAULT_ACCOUNT, NEWCOMER, Account
from sandbox.authorisations import REDIRECT_URI, Authorisations
from sandbox.clock import Clock, to_record
from sandbox.database import Database, Refusal
from sandbox.errors import AmazonError, Impossible, invalid_input, order_not_found
from sandbox.faults import Call, Faults
from sandbox.limits import Limits
from sandbox.login import Login
from sandbox.marketplaces import MARKETPLACES
from sandbox.notifications import Notifications
from sandbox.order_change import BUYER_REQUEST, STATUS_CHANGE
from sandbox.orders import Order
from sandbox.placing import OrderWish, choose_marketplace, make_order, purchases
from sandbox.queues import Queues
from sandbox.records import Records
from sandbox.reports import Reports
from sandbox.search import OrderSearch, csv
from sandbox.search_v0 import OrderSearchV0
from sandbox.shipments import confirm_shipment
from sandbox.tokens import SignedTokens
from sandbox.views import DATASETS, amazon_order

_ORDER_ID = re.compile(r"\d{3}-\d{7}-\d{7}")


class SellerCentral:
    """One sandbox. `speed` scales rates, lag and the lives of tokens together. To be used by one thread at a time.

    Notifications go to the SQS at `sqs_endpoint` (a URL); without one they only stand at the back door. Sellers who
    have authorised the application are sent back to `redirect_uri`.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        speed: float = 1,
        seed: int = 1,
        sqs_endpoint: str | None = None,
        redirect_uri: str = REDIRECT_URI,
    ) -> None:
        self.tokens = SignedTokens(database.token_key())
        self.clock = clock
        self.speed = speed
        self.redirect_uri = redirect_uri
        records = Records(database)
        self.authorisations = Authorisations(database, records, clock, self.tokens)
        self.limits = Limits(clock, speed)
        self.login = Login(database, self.authorisations, clock, self.tokens, speed)
        self.faults = Faults()
        self._database = database
        self._seed = seed
        self._search = OrderSearch(database, self.tokens, speed)
        self._search_v0 = OrderSearchV0(database, self.tokens, speed)
        self.reports = Reports(database, records, clock, self.tokens, speed)
        self.notifications = Notifications(records, clock, Queues(sqs_endpoint))
        for account in (DEFAULT_ACCOUNT, NEWCOMER):
            if database.account(account.account) is None:
                database.save_account(account)

    # --- what Amazon's operations do

    def search_orders(self, query: dict[str, str], account: Account) -> dict[str, Any]:
        """SearchOrdersResponse; raises AmazonError."""
        return self._search.answer(query, account, self.clock.now())

    def get_order(self, order_id: str, query: dict[str, str], account: Account) -> dict[str, Any]:
        """GetOrderResponse; raises AmazonError. An order is found at once: the lag is one of searches, or a fault."""
        included, now = set(csv(query, "includedData", DATASETS) or []), self.clock.now()
        order = self.order_of(order_id, account)
        call = Call("getOrder", order_id, account.account, frozenset({order.marketplace_id}), query)
        order = order.as_of(now - self.faults.next_lag(call))
        return {"order": amazon_order(order, included, account, now)}

    def search_orders_v0(self, query: dict[str, str], account: Account, elements: set[str]) -> dict[str, Any]:
        """v0's GetOrdersResponse; raises AmazonError."""
        return self._search_v0.answer(query, account, elements, self.clock.now())

    def confirm_shipment(self, order_id: str, body: Any, account: Account) -> None:
        """Take a shipment confirmation into the books; raises AmazonError, which stands in the books too."""
        now = self.clock.now()
        with self._database.transaction():
            try:
                order = self.order_of(order_id, account)
                before = order.status
                confirm_shipment(order, body, now)
                self._database.save_order(order)
                refused = None
            except AmazonError as error:
                refused = error
                self._database.add_refusal(
                    Refusal(order_id, to_record(now), error.status, error.code, error.message, body)
                )
        if refused is not None:
            raise refused
        if order.status != before:
            self._tell(order, STATUS_CHANGE)

    def marketplace_participations(self, account: Account) -> dict[str, Any]:
        """GetMarketplaceParticipationsResponse."""
        return {
            "payload": [
                {
                    "marketplace": {
                        "id": marketplace.marketplace_id,
                        "name": marketplace.name,
                        "countryCode": marketplace.country,
                        "defaultCurrencyCode": marketplace.currency,
                        "defaultLanguageCode": marketplace.language,
                        "domainName": f"www.{marketplace.name.lower()}",
                    },
                    "storeName": f"Sandbox Store {account.account}",
                    "participation": {"isParticipating": True, "hasSuspendedListings": False},
                }
                for marketplace in (MARKETPLACES[marketplace_id] for marketplace_id in account.marketplaces)
            ]
        }

    def marketplaces_of(self, order_id: str) -> frozenset[str]:
        """The marketplace of an order; none if there is no such order."""
        order = self._database.order(order_id)
        return frozenset({order.marketplace_id} if order else ())

    def order_of(self, order_id: str, account: Account) -> Order:
        """The order, if it is this seller's; raises AmazonError (400, 404)."""
        if not _ORDER_ID.fullmatch(order_id):
            raise invalid_input("orderId is invalid: an order id has the form 3-7-7.")
        order = self._database.order(order_id)
        if order is None or order.account != account.account:
            raise order_not_found(order_id)
        return order

    # --- what people and tests do at the back door

    def place_orders(self, wish: OrderWish) -> list[str]:
        """Place orders and return their ids; raises Impossible (400)."""
        account = self._database.account(wish.account)
        if account is None:
            raise Impossible(400, f"no account {wish.account}")
        marketplace = choose_marketplace(wish, account.marketplaces)
        now = self.clock.now()
        with self._database.transaction():
            first = self._database.next_ordinal()
            order_ids: list[str] = []

            def orders() -> Iterator[Order]:
                # One after the other: a hundred thousand of them do not fit into little memory.
                for ordinal, created_at in enumerate(purchases(wish, now), first):
                    order = make_order(wish, marketplace, self._seed, ordinal, created_at, now)
                    order_ids.append(order.order_id)
                    yield order

            self._database.add_orders(orders())
            if wish.hidden:
                for order_id in order_ids:
                    self._database.hide_order(order_id)
        if not wish.history and (tell := self.notifications.listener(account)):
            for order_id in order_ids:
                if (order := self._database.order(order_id)) is not None:
                    tell(order, STATUS_CHANGE)
        return order_ids

    def hide_order(self, order_id: str, *, hidden: bool) -> str:
        """Let searches not find an order, or find it again; returns its status. Raises Impossible (404)."""
        order = self._database.order(order_id)
        if order is None:
            raise Impossible(404, f"no order {order_id}")
        (self._database.hide_order if hidden else self._database.show_order)(order_id)
        return order.status

    def account(self, name: str) -> Account | None:
        """The account of that name."""
        return self._database.account(name)

    def sign_in(self, email: str, password: str) -> Account | None:
        """The seller with this e-mail address and password."""
        wanted = (email.strip().lower(), password)
        return next((one for one in self._database.accounts() if (one.email.lower(), one.password) == wanted), None)

    def change_account(self, name: str, **changes: Any) -> Account:
        """Change an account; raises Impossible (404)."""
        account = self._database.account(name)
        if account is None:
            raise Impossible(404, f"no account {name}")
        account = account.model_copy(update=changes)
        self._database.save_account(account)
        return account

    def change_order(self, order_id: str, change: Callable[[Order, datetime], None]) -> str:
        """Let something happen to an order; returns its status. Raises Impossible (404, or as `change` does)."""
        with self._database.transaction():
            order = self._database.order(order_id)
            if order is None:
                raise Impossible(404, f"no order {order_id}")
            before, wish_before = order.status, dict(order.cancellation)
            change(order, self.clock.now())
            self._database.save_order(order)
        if order.status != before:
            self._tell(order, STATUS_CHANGE)
        elif order.cancellation != wish_before:
            self._tell(order, BUYER_REQUEST)
        return order.status

    def _tell(self, order: Order, change_type: str) -> None:
        account = self._database.account(order.account)
        if account is not None and (tell := self.notifications.listener(account)):
            tell(order, change_type)

    def save_account(self, account: Account) -> None:
        """Add an account, or change the one of that name; raises Impossible (409) if its refresh token is taken."""
        try:
            self._database.save_account(account)
        except sqlite3.IntegrityError:
            raise Impossible(409, "another account has this refresh token") from None

    def count_call(self, operation: str, outcome: str) -> None:
        """Note a call; the outcome is its HTTP status, or what became of the connection."""
        self._database.count_call(operation, outcome)

    def books(self) -> dict[str, Any]:
        """What Amazon was told about each order (`GET /_sandbox/books`)."""
        orders = {order.order_id: _book(order) for order in self._database.orders()}
        unknown = []
        for refusal in self._database.refusals():
            entry = {
                "at": refusal.at,
                "status": refusal.status,
                "code": refusal.code,
                "message": refusal.message,
                "body": refusal.body,
            }
            if refusal.order_id in orders:
                orders[refusal.order_id]["refused"].append(entry)
            else:
                unknown.append({"order_id": refusal.order_id, **entry})
        return {"orders": orders, "unknown_orders": unknown}

    def calls(self) -> dict[str, Any]:
        """How often each operation was called (`GET /_sandbox/calls`)."""
        operations: dict[str, Any] = {}
        for operation, outcome, calls in self._database.calls():
            entry = operations.setdefault(operation, {"calls": 0, "throttled": 0, "by_status": {}})
            entry["calls"] += calls
            entry["by_status"][outcome] = calls
            if outcome == "429":
                entry["throttled"] = calls
        return {"operations": operations}


def _book(order: Order) -> dict[str, Any]:
    return {
        "account": order.account,
        "marketplace_id": order.marketplace_id,
        "fulfilled_by": order.fulfilled_by,
        "status": order.status,
        "created_at": to_record(order.created_at),
        "lines": [
            {
                "order_item_id": item["orderItemId"],
                "sku": item["product"].get("sellerSku"),
                "quantity": item["quantityOrdered"],
            }
            for item in order.facts["orderItems"]
        ],
        "packages": {
            reference_id: {
                "content": package.content,
                "calls": len(package.received_at),
                "identical": package.identical,
                "received_at": package.received_at,
            }
            for reference_id, package in order.packages.items()
        },
        "refused": [],
    }
