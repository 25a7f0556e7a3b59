"""What a search run does when Amazon does not give it its page. The cursor stays; nothing is lost."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

import structlog

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.roles import orders_refused
from orderbridge.amazon import AccessDenied, BadAnswer, Refused, names_no_parameter, refuses_included_data
from orderbridge.amazon.orders import INCLUDED_DATA
from orderbridge.amazon_calls import CallFailed
from orderbridge.database.unit_of_work import Work
from services.importer import access, cursor, runs
from services.importer.window import Window

log = structlog.get_logger()
_AFTER_A_STRANGERS_ANSWER: Final = timedelta(minutes=1)
_MOST_BAD_ANSWERS: Final = 3
_IF_IT_GOES_ON: Final = "If it goes on: is there a proxy between here and Amazon? Does a newer release read it?"
_TOGETHER: Final = (
    "Amazon refuses the orders of the account's marketplaces together, again and again, and shows those of each alone. "
    "The next run tries again from the same place. If it goes on, ask Amazon's developer support."
)
NO_ROLE: Final = "Unauthorized"
_OPTIONAL: Final = ("PAYMENT", "TAX", "PACKAGES", "PROMOTION")
"""What an order can do without for a while, the latest additions to Amazon's list first."""


def after_failure(work: Work, account: ConnectedAccount, window: Window, failure: CallFailed) -> None:
    """A refused page starts its window over; a refused run ends, its reason in the log."""
    error = failure.error
    log.warning("import page failed", account=account.account_id, error=str(error))
    window = window.with_call()
    if isinstance(error, BadAnswer) and window.bad_answers + 1 >= _MOST_BAD_ANSWERS:
        told = f"Amazon's answer cannot be read ({error.message}), {_MOST_BAD_ANSWERS} times in a row."
        cursor.end(work, window.with_problem(f"{told} The next run tries again from the same place. {_IF_IT_GOES_ON}"))
    elif not isinstance(error, Refused):
        more = 1 if isinstance(error, BadAnswer) else 0
        window = window.model_copy(update={"bad_answers": window.bad_answers + more})
        runs.go_on(work, window, failure.retry_at)
    elif error.code is None:  # not in Amazon's own form: a proxy's page, and no word about our window
        runs.go_on(work, window, work.now + _AFTER_A_STRANGERS_ANSWER)
    elif isinstance(error, AccessDenied):
        _after_denial(work, window, error)
    elif window.next_token is not None and not window.restarted:  # the token has expired, or Amazon lost it
        restarted = window.with_problem(f"Amazon refused a page ({error.message}); the run starts over.")
        runs.go_on(work, restarted.start_over(), work.now)
    elif window.next_token is None and (left_out := _to_leave_out(window, error)):
        window = window.with_problem(
            f"Amazon refuses {', '.join(left_out)} just now ({error.message}). Orders come without it; the next run "
            "reads them again. Nothing is to be done unless this goes on for days."
        )
        window = window.model_copy(update={"left_out": (*window.left_out, *left_out)})
        runs.go_on(work, window, work.now)
    else:
        cursor.end(work, window.with_problem(f"Amazon refused the import ({error.code}): {error.message}"))


def is_granted(work: Work, window: Window) -> None:
    """The first of the suspected marketplaces is shown to us: it is another one, or none any more."""
    refused = tuple(name for name in window.refused if name != window.suspects[0])
    _after_suspect(work, window.with_call().model_copy(update={"refused": refused}), "")


def _after_denial(work: Work, window: Window, error: AccessDenied) -> None:
    """403: if one marketplace of several is refused, the others are imported without it."""
    if window.suspects:
        suspect = window.suspects[0]
        if suspect not in window.refused:  # it is asked once more, after the others: Amazon may have erred
            update = {"refused": (*window.refused, suspect), "suspects": (*window.suspects, suspect)}
            window = window.model_copy(update=update)
        _after_suspect(work, window, error.message)
    elif len(window.marketplace_ids) > 1:
        runs.go_on(work, window.model_copy(update={"suspects": window.marketplace_ids}), work.now)
    else:
        _all_refused(work, window, error.message)


def _after_suspect(work: Work, window: Window, words: str) -> None:
    """The next suspect; after the last one the run goes on with those that are shown, if there are any."""
    window = window.model_copy(update={"suspects": window.suspects[1:]})
    remaining = tuple(name for name in window.marketplace_ids if name not in window.refused)
    if not remaining:
        _all_refused(work, window, words)
    elif window.suspects:
        runs.go_on(work, window, work.now)
    elif not window.refused and window.restarted:
        cursor.end(work, window.with_problem(_TOGETHER))
    elif not window.refused:
        runs.go_on(work, window.start_over(), work.now)
    else:
        state = runs.state_of(work, window.account_id)
        for refused in window.refused:
            if window.kind == "search":
                cursor.deny(state, refused, window, work.now)
            window = window.with_problem(
                f"Amazon refuses the orders of marketplace {refused}; the others are imported. Look in Seller Central "
                "whether the account may still sell there. It is asked for again: soon, then every day."
            )
        access.marketplaces_denied(work, window.account_id, {*cursor.denied_marketplaces(state), *window.refused})
        going_on = window.start_over().model_copy(update={"marketplace_ids": remaining, "refused": ()})
        runs.go_on(work, going_on, work.now)


def _all_refused(work: Work, window: Window, words: str) -> None:
    orders_refused(work, window.account_id, words)
    cursor.end(
        work,
        window.with_problem(
            f"Amazon refuses the orders of this account ({NO_ROLE}): {words} The application needs the role Inventory "
            "and Order Tracking, and the seller's consent to it: add it in Seller Central, then connect the account "
            "again."
        ),
    )


def _to_leave_out(window: Window, error: Refused) -> tuple[str, ...]:
    """The data sets without which the call is made again: those that Amazon names, else those one can do without.

    Where Amazon names nothing at all, FULFILLMENT is the one that was to blame before (models repository, issue 5365).
    """
    asked = [name for name in INCLUDED_DATA if name not in window.left_out]
    optional = tuple(name for name in _OPTIONAL if name in asked)
    if refuses_included_data(error):
        words = set(re.findall(r"\w+", error.message))
        named = tuple(name for name in asked if name in words)
        allowed = len(named) > 1 and ("FULFILLMENT" in named or len(named) == len(asked))  # all that may be asked for
        return optional or named if allowed else named or optional
    if names_no_parameter(error):
        return optional or tuple({"FULFILLMENT"} & set(asked))
    return ()
