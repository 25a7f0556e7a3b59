"""The pages of dead letters: why each was given up, what came, and what is to become of it."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from orderbridge.access.users import may
from orderbridge.bus.legible import legible
from orderbridge.database.unit_of_work import Work
from orderbridge.dead_letters import (
    Letter,
    NoSuchLetter,
    NotReplayable,
    discard,
    find_letter,
    find_letters,
    replay,
    told,
)
from orderbridge.plural import number_of
from services.console.lists import address
from services.console.visit import Stop, Visit

_SHOWN: Final = 50
_AT_ONCE: Final = 500
"""Counted, and settled with one click: more would hold a transaction open for long."""
_DONE: Final = {"replayed": "It was handed over once more.", "discarded": "It is discarded."}
_POSITION: Final = re.compile(r"[0-9]{1,18}")
_COUNT: Final = re.compile(r"[0-9]{1,3}")


def list_letters(visit: Visit) -> Response:
    """Those that wait for somebody, newest first, and how many there are for each reason."""
    done, count = visit.query.get("done", ""), visit.query.get("count", "")
    known = done in _DONE and _COUNT.fullmatch(count)
    return _list(visit, notice=f"{number_of(int(count), 'letter')} {done}." if known else None)


def settle_all(visit: Visit) -> Response:
    """Replay or discard all of one service and reason that were there when the page was made, the oldest first."""
    service, reason, action = visit.said("service"), visit.said("reason"), visit.said("action")
    up_to = visit.said("up_to")
    if not service or not reason or not _POSITION.fullmatch(up_to) or action not in ("replay", "discard"):
        return _list(visit, 422, problem="Choose a service and a reason first: only such letters are settled together.")
    done, why = 0, ""
    with visit.database.unit_of_work() as work:
        # What came since has been seen by nobody.
        letters = find_letters(work, service=service, reason=reason, before=int(up_to) + 1)
        found = [letter.row.event_id for letter in islice(letters, _AT_ONCE)]
        for event_id in reversed(found):
            try:
                _settle(visit, work, find_letter(work, event_id), action)
                done += 1
            except NotReplayable as error:
                why = str(error)  # of one letter perhaps, which is too old: the others go on
    word = "replayed" if action == "replay" else "discarded"
    if why:
        stay = number_of(len(found) - done, "letter")
        return _list(visit, notice=f"{number_of(done, 'letter')} {word}. {stay} stay: {why}")
    return visit.redirect(address(visit.path, {"service": service, "reason": reason, "done": word, "count": str(done)}))


def show_letter(visit: Visit) -> Response:
    """One of them, with what came as it came: for operators, since it may hold what a store knows of a buyer."""
    return _show(visit)


def replay_letter(visit: Visit) -> Response:
    """Hand it over once more, as it came or as it was mended in the form."""
    with visit.database.unit_of_work() as work:
        letter = _find(visit, work)
        mended = visit.form.get("mended")
        try:
            _settle(visit, work, letter, "replay", mended if isinstance(mended, str) else None)
        except NotReplayable as error:
            work.rollback()
            return _show(visit, 422, problem=str(error))
    return visit.redirect(_path(visit) + "?" + urlencode({"done": "replayed"}))


def discard_letter(visit: Visit) -> Response:
    """Settle it without a replay."""
    with visit.database.unit_of_work() as work:
        try:
            _settle(visit, work, _find(visit, work), "discard")
        except NotReplayable as error:
            work.rollback()
            return _show(visit, 422, problem=str(error))
    return visit.redirect(_path(visit) + "?" + urlencode({"done": "discarded"}))


def _settle(visit: Visit, work: Work, letter: Letter, action: str, mended: str | None = None) -> None:
    if action == "replay":
        replay(work, letter, mended=mended, topic_prefix=visit.site.settings.topic_prefix)
    else:
        discard(work, letter)


def _path(visit: Visit) -> str:
    return visit.path.rpartition("/")[0]


def _find(visit: Visit, work: Work) -> Letter:
    try:
        return find_letter(work, visit.parameters["event_id"])
    except NoSuchLetter:
        raise Stop(
            404,
            "There is no such dead letter",
            "They are kept for 30 days. The list of dead letters shows what is there.",
        ) from None


def _list(visit: Visit, status: int = 200, *, notice: str | None = None, problem: str | None = None) -> Response:
    service, reason = (visit.query.get(name) or visit.said(name) or None for name in ("service", "reason"))
    everything = visit.query.get("all") == "1"
    counts: Counter[tuple[str, str]] = Counter()
    newest: dict[tuple[str, str], int] = {}
    with visit.database.unit_of_work() as work:
        for one in islice(find_letters(work), _AT_ONCE):
            group = (one.said.service, one.said.reason)
            counts[group] += 1
            newest.setdefault(group, one.row.position)
        letters = find_letters(work, everything=everything, service=service, reason=reason)
        found = [told(letter) for letter in islice(letters, _SHOWN + 1)]
    return visit.page(
        "dead_letters.html",
        status,
        groups=counts.most_common(),
        newest=newest,
        counted_all=counts.total() < _AT_ONCE,
        letters=found[:_SHOWN],
        more=len(found) > _SHOWN,
        service=service,
        reason=reason,
        everything=everything,
        notice=notice,
        problem=problem,
    )


def _show(visit: Visit, status: int = 200, *, problem: str | None = None) -> Response:
    with visit.database.unit_of_work() as work:
        letter = _find(visit, work)
    came = legible(letter.said.original) if visit.user is not None and may(visit.user.role, "operator") else None
    pretty = _pretty(came["value"]) if came is not None else ""
    mended = visit.form.get("mended")
    return visit.page(
        "dead_letter.html",
        status,
        letter=letter,
        came=came,
        pretty=pretty,
        typed=mended if isinstance(mended, str) else pretty,
        problem=problem,
        notice=_DONE.get(visit.query.get("done", "")),
    )


def _pretty(value: Any) -> str:
    """The body with a line for each field, where it is JSON at all."""
    try:
        return json.dumps(json.loads(value or ""), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return str(value or "")
