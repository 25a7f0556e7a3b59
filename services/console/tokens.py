"""The page of store tokens: made, shown once, revoked."""

from __future__ import annotations

import json
import re

from sqlalchemy import select
from starlette.responses import Response

from orderbridge.access.users import read_role
from orderbridge.api_tokens import (
    LONGEST_DAYS,
    OPEN_PERSONAL_DATA,
    SCOPES,
    TokenRefused,
    all_tokens,
    create_token,
    may_make,
    read_token_name,
    revoke_tokens,
    state_of,
)
from orderbridge.database.models import Account
from services.console.visit import Visit


def list_tokens(visit: Visit) -> Response:
    """All tokens, and the form for a new one."""
    return _page(visit)


def make_token(visit: Visit) -> Response:
    """A new token, whose secret is on the page that answers, and nowhere else ever after."""
    accounts = [str(one) for one in visit.form.getlist("account") if one]
    scopes = [str(one) for one in visit.form.getlist("scope")]
    days = visit.said("days").strip()
    if refused := sorted(set(scopes) & SCOPES.keys() - _grantable(visit).keys()):
        return _page(visit, 422, problem=f"Only an owner may make a token with the scope {', '.join(refused)}.")
    if not re.fullmatch(r"[0-9]{1,4}", days):
        return _page(visit, 422, problem=f"Days: expected a number from 1 to {LONGEST_DAYS}.")
    try:
        name = read_token_name(visit.said("name"))
        with visit.database.unit_of_work() as work:
            row, secret = create_token(work, name, scopes, accounts=accounts, days=int(days), made_by=visit.name)
            token_id = row.token_id
    except TokenRefused as refusal:
        return _page(visit, 422, problem=str(refusal))
    visit.note("token made", token=token_id, scopes=scopes, accounts=accounts)
    return _page(visit, secret=secret, secret_of=name)


def revoke_token(visit: Visit) -> Response:
    """End a token at once."""
    token_id = visit.parameters["token_id"]
    with visit.database.unit_of_work() as work:
        revoked = revoke_tokens(work, token_id)
    if revoked:
        visit.note("token revoked", token=token_id)
    return _page(visit, notice="The token is revoked." if revoked else "That token was not good any more.")


def _grantable(visit: Visit) -> dict[str, str]:
    """The scopes that the user may give."""
    role = read_role(visit.user.role) if visit.user is not None else "viewer"
    return {scope: words for scope, words in SCOPES.items() if may_make(role, [scope])}


def _page(
    visit: Visit,
    status: int = 200,
    *,
    notice: str | None = None,
    problem: str | None = None,
    secret: str | None = None,
    secret_of: str | None = None,
) -> Response:
    with visit.database.unit_of_work() as work:
        now = work.now
        rows = [
            {
                "row": row,
                "state": state_of(row, now),
                "accounts": ", ".join(json.loads(row.accounts)) if row.accounts is not None else "all",
                "scopes": ", ".join(json.loads(row.scopes)),
            }
            for row in all_tokens(work)
        ]
        accounts = list(work.session.scalars(select(Account.account_id).order_by(Account.account_id)))
    keep = problem is not None
    return visit.page(
        "tokens.html",
        status,
        rows=rows,
        accounts=accounts,
        scopes=_grantable(visit),
        longest_days=LONGEST_DAYS,
        notice=notice,
        problem=problem,
        secret=secret,
        secret_of=secret_of,
        typed={
            "name": visit.said("name") if keep else "",
            "days": visit.said("days") if keep else str(LONGEST_DAYS),
            "account": visit.form.getlist("account") if keep else [],
            "scope": visit.form.getlist("scope") if keep else [OPEN_PERSONAL_DATA],
        },
    )
