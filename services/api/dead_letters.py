"""The calls for dead letters: what a store said and a service gave up; read, replayed, mended or discarded by it."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from orderbridge import dead_letters
from orderbridge.api_tokens import DEAD_LETTERS, ApiToken
from orderbridge.bus.legible import legible
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.dead_letters import Letter, NoSuchLetter, NotReplayable, told
from schemas.failures import Original
from schemas.store_letters import PageOfLetters, ReplayLetter, StoreLetter, StoreLetters, WholeLetter
from services.api.asking import admission, answered, body_of, described, safely, token_of
from services.api.problems import Problem

_PATH: Final = "/api/v1/dead-letters"
_LOOKED_AT: Final = 500
"""Dead letters of all kinds that one page looks at: among them are others than the store's."""
EventId = Annotated[str, Path(pattern="^[0-9a-f-]{1,40}$")]


def dead_letter_calls(database: Database, topic_prefix: str) -> APIRouter:
    """Listing, reading, replaying and discarding."""
    calls = APIRouter()
    admitted = Depends(admission(database, DEAD_LETTERS))
    store = _Letters(database, topic_prefix)

    @calls.get(
        _PATH,
        summary="Events of the store's that were given up and wait for somebody, the newest first",
        response_model=StoreLetters,
        **described(DEAD_LETTERS, more=(422,)),
    )
    async def listed(asked: Annotated[PageOfLetters, Query()], secret: str = admitted) -> Response:
        return answered(await safely(lambda: store.page(secret, asked.after, asked.limit)))

    @calls.get(
        _PATH + "/{event_id}",
        summary="One of them, with what came",
        response_model=WholeLetter,
        **described(DEAD_LETTERS, more=(404, 422)),
    )
    async def shown(event_id: EventId, secret: str = admitted) -> Response:
        return answered(await safely(lambda: store.whole(secret, event_id)))

    @calls.post(
        _PATH + "/{event_id}/replay",
        summary="Hand it to its service once more, as it came or mended; that settles it",
        response_model=StoreLetter,
        **described(DEAD_LETTERS, body=ReplayLetter, required=False, more=(404, 409)),
    )
    async def replayed(request: Request, event_id: EventId, secret: str = admitted) -> Response:
        wanted = await body_of(request, ReplayLetter, required=False)
        return answered(await safely(lambda: store.replay(secret, event_id, wanted.mended)))

    @calls.post(
        _PATH + "/{event_id}/discard",
        summary="Settle it without a replay: its event stays unhandled for good",
        response_model=StoreLetter,
        **described(DEAD_LETTERS, more=(404, 409, 422)),
    )
    async def discarded(event_id: EventId, secret: str = admitted) -> Response:
        return answered(await safely(lambda: store.discard(secret, event_id)))

    return calls


class _Letters:
    """The dead letters that a token may see."""

    def __init__(self, database: Database, topic_prefix: str) -> None:
        self._database = database
        self._prefix = topic_prefix

    def page(self, secret: str, after: int | None, limit: int) -> StoreLetters:
        with self._database.unit_of_work() as work:
            token = token_of(work, secret, DEAD_LETTERS)
            found: list[StoreLetter] = []
            looked_at, last = 0, None
            for letter in islice(dead_letters.find_letters(work, before=after), _LOOKED_AT):
                looked_at, last = looked_at + 1, letter.row.position
                if self._may_see(work, token, letter):
                    found.append(told(letter))
                    if len(found) == limit:
                        break
        whole = looked_at < _LOOKED_AT and len(found) < limit
        return StoreLetters(letters=tuple(found), next=None if whole else last)

    def whole(self, secret: str, event_id: str) -> WholeLetter:
        with self._database.unit_of_work() as work:
            letter = self._find(work, secret, event_id)[1]
            return WholeLetter(**told(letter).model_dump(), **legible(letter.said.original))

    def replay(self, secret: str, event_id: str, mended: str | None) -> StoreLetter:
        with self._database.unit_of_work() as work:
            token, letter = self._find(work, secret, event_id)
            _refuse_settled(letter)
            if mended is not None and not self._is_tokens(
                work, token, letter.said.original.model_copy(update={"value": mended.encode()})
            ):
                raise Problem(
                    409, "Conflict", "What is mended must name an order, or the account, that this token is for."
                )
            try:
                dead_letters.replay(work, letter, mended=mended, topic_prefix=self._prefix)
            except NotReplayable as refusal:
                raise Problem(409, "Conflict", str(refusal)) from None
            return told(letter)

    def discard(self, secret: str, event_id: str) -> StoreLetter:
        with self._database.unit_of_work() as work:
            letter = self._find(work, secret, event_id)[1]
            _refuse_settled(letter)
            dead_letters.discard(work, letter)
            return told(letter)

    def _find(self, work: Work, secret: str, event_id: str) -> tuple[ApiToken, Letter]:
        token = token_of(work, secret, DEAD_LETTERS)
        try:
            letter = dead_letters.find_letter(work, event_id)
        except NoSuchLetter:
            letter = None
        if letter is None or not self._may_see(work, token, letter):
            raise Problem(404, "Not Found", "There is no such dead letter among those of this token.")
        return token, letter

    def _may_see(self, work: Work, token: ApiToken, letter: Letter) -> bool:
        if not dead_letters.is_a_stores(letter, self._prefix):
            return False
        return self._is_tokens(work, token, letter.said.original)

    def _is_tokens(self, work: Work, token: ApiToken, said: Original) -> bool:
        """What names no account is for tokens of all accounts alone."""
        if token.accounts is None:
            return True
        account_id = dead_letters.account_of(work, said)
        return account_id is not None and token.may_see(account_id)


def _refuse_settled(letter: Letter) -> None:
    if letter.row.settled_at is not None:
        raise Problem(409, "Conflict", f"It is settled already: {letter.row.settled_as}.")
