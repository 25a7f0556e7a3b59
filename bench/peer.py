"""The peer of `bench/import_orders.py`: a plain loop on `python-amazon-sp-api`, as its users write it.

Orders v0: a page of orders, then the items of each. It knows no quota: what it does about Amazon's limits is what that
library offers, `throttle_retry` (after a 429 it waits 5 s, then ever 1.3 times longer, ten tries) and the two seconds
that `load_all_pages` waits between pages. Its waits move the sandbox's clock instead of the host's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import contextmanager
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from unittest import mock

from sp_api.api import Orders
from sp_api.auth import AccessTokenClient
from sp_api.util import load_all_pages, throttle_retry

from sandbox.accounts import CLIENT_ID, CLIENT_SECRET
from sandbox.clock import ManualClock, to_amazon

_TOKEN_SECONDS = 3000
"""The library keeps an access token for some time of the host's clock; here it must age by the sandbox's."""


def read_orders(url: str, refresh_token: str, marketplace_ids: list[str], since: datetime, clock: ManualClock) -> int:
    """Read all orders that changed since, with their items; returns how many there were."""
    with _waiting(clock.advance), _client(url, refresh_token, marketplace_ids[0], clock) as client:

        @load_all_pages()  # type: ignore[untyped-decorator]  # it comes without types
        @throttle_retry()  # type: ignore[untyped-decorator]  # as above
        def pages(**query: Any) -> Any:
            return client.get_orders(**query)

        @throttle_retry()  # type: ignore[untyped-decorator]  # as above
        def items(order_id: str) -> Any:
            return client.get_order_items(order_id)

        orders = 0
        for page in pages(LastUpdatedAfter=to_amazon(since), MarketplaceIds=marketplace_ids):
            for order in page.payload["Orders"]:
                assert items(order["AmazonOrderId"]).payload["OrderItems"]
                orders += 1
        return orders


def _client(url: str, refresh_token: str, marketplace_id: str, clock: ManualClock) -> Any:
    os.environ.pop("SP_API_DEFAULT_MARKETPLACE", None)  # it would override the address
    address = url.removeprefix("http://")

    class LocalAuth(AccessTokenClient):  # type: ignore[misc]  # it comes without types
        scheme, host = "http://", address

        def _get_cache_key(self, token_flavor: str = "") -> str:
            return f"{address}{refresh_token}{token_flavor}{int(clock.monotonic() // _TOKEN_SECONDS)}"

    return Orders(
        version="v0",
        marketplace=SimpleNamespace(endpoint=url, marketplace_id=marketplace_id, region="us-east-1"),
        auth_token_client_class=LocalAuth,
        credentials={"refresh_token": refresh_token, "lwa_app_id": CLIENT_ID, "lwa_client_secret": CLIENT_SECRET},
    )


@contextmanager
def _waiting(wait: Callable[[float], None]) -> Any:
    """While in the block, the library's own waits are `wait(seconds)`."""
    modules = [sys.modules[f"sp_api.util.{name}"] for name in ("retry", "load_all_pages")]
    patches = [mock.patch.object(module, "time", SimpleNamespace(sleep=wait)) for module in modules]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()
