"""The open call, for stores in Python: seals in, personal data ready for use out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import get_args

from pydantic import ValidationError

from orderbridge.api_client import ApiClient, NoAnswer
from orderbridge.settings import Settings
from schemas.openings import LONGEST_SEAL, MOST_SEALS, OpenAnswer, OpenedSeal, OpenRequest, Purpose, SealToOpen

_PATH = "/api/v1/personal-data/open"


class NotOpened(Exception):
    """The API gave no answer that can be used; says what it said, and what to do."""


class OpenCall:
    """Asks the API at `api_url` with `token` (`orderbridge tokens create`). Safe to share among threads."""

    def __init__(self, api_url: str, token: str, *, wait_seconds: float = 30.0) -> None:
        """`wait_seconds`: how long all the waits of one `open` may take, where the API is limited or away."""
        self._api = ApiClient(api_url, token, wait_seconds=wait_seconds)

    def open(
        self, seals: Iterable[tuple[str, str]], purpose: Purpose, *, on_behalf_of: str | None = None
    ) -> list[OpenedSeal]:
        """Open `(order_id, seal)` pairs, any number, and return one answer for each, in their order.

        Each says what became of it; where the data is gone it reads "Amazon Replaced". `on_behalf_of` names who looks,
        for the audit log, and takes a token that may say so (`personal-data:on-behalf`). Raises NotOpened.
        """
        try:
            wanted = [SealToOpen(order_id=order_id, seal=seal) for order_id, seal in seals]
        except ValidationError as error:
            fields = ", ".join(sorted({str(one["loc"][0]) for one in error.errors() if one["loc"]}))
            raise NotOpened(f"No seal of an order ({fields}); one has at most {LONGEST_SEAL} characters.") from None
        if purpose not in (purposes := get_args(Purpose)):
            raise NotOpened(f"No such purpose; there are {', '.join(purposes)}.")
        end = time.monotonic() + self._api.wait_seconds
        opened: list[OpenedSeal] = []
        for first in range(0, len(wanted), MOST_SEALS):
            some = tuple(wanted[first : first + MOST_SEALS])
            opened += self._ask(OpenRequest(purpose=purpose, on_behalf_of=on_behalf_of, seals=some), end)
        return opened

    def _ask(self, wanted: OpenRequest, end: float) -> Sequence[OpenedSeal]:
        try:
            answer = self._api.post(_PATH, wanted.model_dump_json(exclude_none=True), end=end)
        except NoAnswer as error:
            raise NotOpened(str(error)) from error
        try:
            seals = OpenAnswer.model_validate_json(answer).seals
        except ValidationError:
            seals = ()
        if len(seals) != len(wanted.seals):
            raise NotOpened("the API's answer cannot be read: is it another release, or another server?")
        return seals


def open_call_of(settings: Settings, *, wait_seconds: float = 30.0) -> OpenCall | None:
    """The open call that `ORDERBRIDGE_API_URL` and `ORDERBRIDGE_API_TOKEN` name; None where one is missing."""
    if settings.api_url is None or settings.api_token is None:
        return None
    return OpenCall(settings.api_url, settings.api_token.get_secret_value(), wait_seconds=wait_seconds)
