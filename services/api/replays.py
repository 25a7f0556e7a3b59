"""The replay calls: a store that lost orders has them sent again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from orderbridge.api_tokens import REPLAY, ApiToken
from orderbridge.database import quotas
from orderbridge.database.unit_of_work import Database
from orderbridge.orders.replaying import NothingThere, ReplayRefused, ReplayWish, ask_for_replay, progress_of
from schemas.replays import ReplayAnswer, ReplayRequest
from services.api.asking import admission, answered, body_of, described, safely, token_of
from services.api.problems import Problem, limited

REPLAYS_A_SECOND, REPLAYS_AT_ONCE = 0.2, 100
"""What one token may ask for: a store that mends some orders one by one, not one that asks for all of them for ever."""
_PATH = "/api/v1/replays"


def replay_calls(database: Database) -> APIRouter:
    """Asking for a replay, and how far it is."""
    calls = APIRouter()
    admitted = Depends(admission(database, REPLAY))

    @calls.post(
        _PATH,
        summary="Have one order sent again, or all that came or changed since a moment",
        description="They come on `order.imported`, as they are now, with their own `sequence` and `replay: true`. "
        "Where none came or changed, `orders` is 0 and `done` is true at once.",
        response_model=ReplayAnswer,
        status_code=202,
        **described(REPLAY, body=ReplayRequest, more=(404, 429)),
    )
    async def ask(request: Request, secret: str = admitted) -> Response:
        wanted = await body_of(request, ReplayRequest)
        answer = await safely(lambda: _asked(database, secret, wanted))
        return answered(answer, 202, Location=f"{_PATH}/{answer.replay_id}")

    @calls.get(
        _PATH + "/{replay_id}",
        summary="How far a replay is",
        response_model=ReplayAnswer,
        **described(REPLAY, more=(404, 422)),
    )
    async def look(replay_id: Annotated[str, Path(pattern="^[0-9a-f]{32}$")], secret: str = admitted) -> Response:
        return answered(await safely(lambda: _progress(database, secret, replay_id)))

    return calls


def _asked(database: Database, secret: str, wanted: ReplayRequest) -> ReplayAnswer:
    with database.unit_of_work() as work:
        token = token_of(work, secret, REPLAY)
        not_before = quotas.reserve(
            work,
            f"token:{token.token_id}",
            "replay",
            rate_per_second=REPLAYS_A_SECOND,
            burst=REPLAYS_AT_ONCE + 1,
        )
        if not_before is not None:
            raise limited(not_before, work.now)
        try:
            return ask_for_replay(work, _wish(token, wanted))
        except NothingThere:
            raise _nothing("order or account") from None
        except ReplayRefused as refusal:
            raise Problem(422, "Unprocessable Content", str(refusal)) from None


def _wish(token: ApiToken, wanted: ReplayRequest) -> ReplayWish:
    accounts = token.accounts
    if wanted.account_id is not None:
        if not token.may_see(wanted.account_id):
            raise _nothing("order or account")
        accounts = frozenset((wanted.account_id,))
    return ReplayWish(number=wanted.order_id, accounts=accounts, since=wanted.since, until=wanted.until)


def _progress(database: Database, secret: str, replay_id: str) -> ReplayAnswer:
    with database.unit_of_work() as work:
        token = token_of(work, secret, REPLAY)
        progress = progress_of(work, replay_id, token.accounts)
    if progress is None:
        raise _nothing("replay of the last 30 days")
    return progress


def _nothing(what: str) -> Problem:
    return Problem(404, "Not Found", f"There is no such {what} among those of this token.")
