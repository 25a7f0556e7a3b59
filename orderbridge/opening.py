"""The open call, for stores in Python: seals in, personal data ready for use out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import requests
from pydantic import ValidationError

from orderbridge.settings import Settings
from schemas.openings import LONGEST_SEAL, MOST_SEALS, OpenAnswer, OpenedSeal, OpenRequest, Purpose, SealToOpen

_PATH = "/api/v1/personal-data/open"
_AGAIN = (429, 503)


class NotOpened(Exception):
    """The API gave no answer that can be used; says what it said, and what to do."""


class OpenCall:
    """Asks the API at `api_url` with `token` (`orderbridge tokens create`). Safe to share among threads."""

    def __init__(self, api_url: str, token: str, *, wait_seconds: float = 30.0) -> None:
        """`wait_seconds`: how long all the waits of one `open` may take, where the API is limited or away."""
        self._url = api_url.rstrip("/") + _PATH
        self._token = token
        self._wait_seconds = wait_seconds

    def open(self, seals: Iterable[tuple[str, str]], purpose: Purpose) -> list[OpenedSeal]:
        """Open `(order_id, seal)` pairs, any number, and return one answer for each, in their order.

        Each says what became of it; where the data is gone it reads "Amazon Replaced". Raises NotOpened.
        """
        try:
            wanted = [SealToOpen(order_id=order_id, seal=seal) for order_id, seal in seals]
        except ValidationError as error:
            fields = ", ".join(sorted({str(one["loc"][0]) for one in error.errors() if one["loc"]}))
            raise NotOpened(f"No seal of an order ({fields}); one has at most {LONGEST_SEAL} characters.") from None
        end = time.monotonic() + self._wait_seconds
        opened: list[OpenedSeal] = []
        for first in range(0, len(wanted), MOST_SEALS):
            opened += self._ask(wanted[first : first + MOST_SEALS], purpose, end)
        return opened

    def _ask(self, wanted: Sequence[SealToOpen], purpose: Purpose, end: float) -> Sequence[OpenedSeal]:
        body = OpenRequest(purpose=purpose, seals=tuple(wanted)).model_dump_json()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        while True:
            wait = 1.0
            try:
                answer = requests.post(self._url, data=body, headers=headers, timeout=(5, 30), allow_redirects=False)
            except requests.RequestException as error:
                said = (
                    f"the API is away ({type(error).__name__}). Is `orderbridge run api` up, and ORDERBRIDGE_API_URL "
                    "right?"
                )
            else:
                if answer.ok:
                    return _read(answer, len(wanted))
                said = _words(answer)
                if answer.status_code not in _AGAIN:
                    raise NotOpened(said)
                wait = _seconds(answer.headers.get("Retry-After"))
            if time.monotonic() + wait > end:
                raise NotOpened(said)
            time.sleep(wait)


def open_call_of(settings: Settings, *, wait_seconds: float = 30.0) -> OpenCall | None:
    """The open call that `ORDERBRIDGE_API_URL` and `ORDERBRIDGE_API_TOKEN` name; None where one is missing."""
    if settings.api_url is None or settings.api_token is None:
        return None
    return OpenCall(settings.api_url, settings.api_token.get_secret_value(), wait_seconds=wait_seconds)


def _read(answer: requests.Response, expected: int) -> Sequence[OpenedSeal]:
    try:
        seals = OpenAnswer.model_validate_json(answer.content).seals
    except ValidationError:
        seals = ()
    if len(seals) != expected:
        raise NotOpened("the API's answer cannot be read: is it another release, or another server?")
    return seals


def _words(answer: requests.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = "no problem details"
    return f"the API answered {answer.status_code}: {detail}"


def _seconds(said: str | None) -> float:
    return min(float(said), 60.0) if said is not None and said.isdigit() else 5.0
