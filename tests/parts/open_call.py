"""Asks the open call of a system that runs in this process, over HTTP on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from typing import Any, Self

import requests

from orderbridge.api_tokens import OPEN_PERSONAL_DATA, create_token
from orderbridge.http_server import http_server
from orderbridge.ports import listen
from schemas.openings import OpenAnswer, OpenedSeal
from services.api.web import create_api
from tests.parts.in_process import System

OPEN = "/api/v1/personal-data/open"


class OpenCalls:
    """The API over the system's database and key ring, by its clock; `secret` is a token for all accounts."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._listening = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        api = create_api(system.database, system.key_ring())
        self._server = http_server(api)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listening]})
        self._thread.start()
        self._session = requests.Session()
        self.secret = self.token()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()

    def token(self, name: str = "a-store", *scopes: str, **options: Any) -> str:
        """A new token's secret; without scopes it may open."""
        with self._system.database.unit_of_work() as work:
            _, secret = create_token(work, name, scopes or [OPEN_PERSONAL_DATA], **options)
        return secret

    def seal(self, order_id: str) -> str:
        """The seal that the store has of an order."""
        seal = self._system.store.orders[order_id].personal_data.seal
        assert seal is not None
        return seal

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        """Any request at all."""
        return self._session.request(method, self.url + path, timeout=30, **more)

    def post(self, body: bytes, **headers: str) -> requests.Response:
        """Any body at all, with the token."""
        given = {"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json", **headers}
        return self.request("POST", OPEN, data=body, headers=given)

    def ask(
        self, seals: Iterable[tuple[str, str]], purpose: str = "display", secret: str | None = None
    ) -> requests.Response:
        """A well-formed request."""
        wanted = [{"order_id": order_id, "seal": seal} for order_id, seal in seals]
        body = json.dumps({"purpose": purpose, "seals": wanted}).encode()
        return self.post(body, Authorization=f"Bearer {secret or self.secret}")

    def open(self, *order_ids: str, **more: Any) -> list[OpenedSeal]:
        """What became of the orders' own seals."""
        answer = self.ask([(order_id, self.seal(order_id)) for order_id in order_ids], **more)
        assert answer.status_code == 200, answer.text
        return list(OpenAnswer.model_validate_json(answer.content).seals)
