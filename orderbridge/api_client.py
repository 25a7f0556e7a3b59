"""Calls of our API, for stores in Python: with the token, and with patience where it is limited or away."""

from __future__ import annotations

from time import monotonic, sleep

import requests

from orderbridge.http_session import request
from orderbridge.settings import Settings

_AGAIN = (429, 503)


class NoAnswer(Exception):
    """The API gave no answer that can be used; says what it said, and what to do."""


class ApiClient:
    """Asks the API at `api_url` with `token` (`orderbridge tokens create`). Safe to share among threads."""

    def __init__(self, api_url: str, token: str, *, wait_seconds: float = 30.0) -> None:
        """`wait_seconds`: how long all the waits of one call may take, where the API is limited or away."""
        self._url = api_url.rstrip("/")
        self._token = token
        self.wait_seconds = wait_seconds

    def post(self, path: str, body: str, *, end: float | None = None) -> bytes:
        """The answer's body, once there is a good one; until `end` (by time.monotonic()). Raises NoAnswer."""
        end = monotonic() + self.wait_seconds if end is None else end
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        while True:
            wait = 1.0
            try:
                answer = request(
                    "POST", self._url + path, data=body, headers=headers, timeout=(5, 30), allow_redirects=False
                )
            except requests.RequestException as error:
                said = (
                    f"the API is away ({type(error).__name__}). Is `orderbridge run api` up, and ORDERBRIDGE_API_URL "
                    "right?"
                )
            else:
                if answer.ok:
                    return answer.content
                said = _words(answer)
                if answer.status_code not in _AGAIN:
                    raise NoAnswer(said)
                wait = _seconds(answer.headers.get("Retry-After"))
            if monotonic() + wait > end:
                raise NoAnswer(said)
            sleep(wait)


def api_of(settings: Settings, *, wait_seconds: float = 30.0) -> ApiClient | None:
    """The API that `ORDERBRIDGE_API_URL` and `ORDERBRIDGE_API_TOKEN` name; None where one is missing."""
    if settings.api_url is None or settings.api_token is None:
        return None
    return ApiClient(settings.api_url, settings.api_token.get_secret_value(), wait_seconds=wait_seconds)


def _words(answer: requests.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = "no problem details"
    return f"the API answered {answer.status_code}: {detail}"


def _seconds(said: str | None) -> float:
    return min(float(said), 60.0) if said is not None and said.isdigit() else 5.0
