"""A second client of the same sellers at the sandbox, which eats the quota."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import requests

from sandbox.accounts import CLIENT_ID, CLIENT_SECRET


@contextmanager
def greedy_client(sandbox: str, tokens: list[str]) -> Iterator[None]:
    """Uses up a whole burst of `confirmShipment` every few seconds, for one of the sellers after another."""
    over = threading.Event()

    def eat() -> None:
        for number in range(1_000_000):
            refresh_token = tokens[number % len(tokens)]
            form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
            form |= {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
            with suppress(requests.RequestException, KeyError):
                login = requests.post(f"{sandbox}/auth/o2/token", data=form, timeout=5).json()
                headers = {"x-amz-access-token": login["access_token"], "user-agent": "Greedy/1.0"}
                url = f"{sandbox}/orders/v0/orders/000-0000000-0000000/shipmentConfirmation"
                for _ in range(12):
                    with suppress(requests.RequestException):
                        requests.post(url, json={}, headers=headers, timeout=5)
            if over.wait(3.0):
                return

    thread = threading.Thread(target=eat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
