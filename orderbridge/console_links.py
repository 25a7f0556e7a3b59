"""Addresses of the console's pages, for mails and whoever else leads a person there."""

from __future__ import annotations

from urllib.parse import quote

from orderbridge.settings import Settings


class ConsoleLinks:
    """Links below `ORDERBRIDGE_PUBLIC_URL`. What stands in a link is quoted."""

    def __init__(self, settings: Settings) -> None:
        self._base = settings.public_url.rstrip("/")

    def run(self, run_id: str) -> str:
        """The page of one run of an import."""
        return f"{self._base}/runs/{quote(run_id, safe='')}"

    def order(self, order_id: str) -> str:
        """The page of one order."""
        return f"{self._base}/orders/{quote(order_id, safe='')}"

    def settings(self, account_id: str) -> str:
        """The page of an account's settings."""
        return f"{self._base}/accounts/{quote(account_id, safe='')}/settings"
