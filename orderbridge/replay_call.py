"""The replay call, for stores in Python that lost their orders: have them sent again."""

from __future__ import annotations

from datetime import datetime

from pydantic import ValidationError

from orderbridge.api_client import ApiClient, NoAnswer, api_of
from orderbridge.settings import Settings
from schemas.replays import ReplayAnswer, ReplayRequest

_PATH = "/api/v1/replays"


class NotReplayed(Exception):
    """Nothing is sent again, as far as is known; says why, and what to do. Asking once more does no harm."""


class ReplayCall:
    """Asks the API for replays, with a token of the scope `replay`. Safe to share among threads."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    def ask(
        self,
        *,
        order_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        account_id: str | None = None,
    ) -> ReplayAnswer:
        """Have one order sent again, or those that came or changed since a moment. Raises NotReplayed."""
        try:
            wanted = ReplayRequest(order_id=order_id, since=since, until=until, account_id=account_id)
            answer = self._api.post(_PATH, wanted.model_dump_json(exclude_none=True))
            return ReplayAnswer.model_validate_json(answer)
        except NoAnswer as error:
            raise NotReplayed(str(error)) from error
        except ValidationError as error:
            fields = ", ".join(sorted({str(one["loc"][0]) for one in error.errors() if one["loc"]}))
            raise NotReplayed(f"The call, or its answer, cannot be read ({fields}); moments have an offset.") from None


def replay_call_of(settings: Settings) -> ReplayCall | None:
    """The replay call of `ORDERBRIDGE_API_URL` and `ORDERBRIDGE_API_TOKEN`; None where one is missing."""
    api = api_of(settings)
    return ReplayCall(api) if api is not None else None
