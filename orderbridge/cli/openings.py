"""`orderbridge privacy audit`: who had a buyer's personal data opened, when, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, get_args

import typer
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select

from orderbridge.cli.application import Json, show, unit_of_work
from orderbridge.cli.order_numbers import find_order
from orderbridge.cli.privacy import privacy_app
from orderbridge.database.models import Opening
from schemas.base import Moment
from schemas.openings import OpenState, Purpose

_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


@privacy_app.command()
def audit(
    order: Annotated[str | None, typer.Option(help="Only this order's: Amazon's number, ours, or the store's.")] = None,
    token: Annotated[str | None, typer.Option(help="Only this token's: its name or id.")] = None,
    purpose: Annotated[str | None, typer.Option(help=f"Only for this: {', '.join(get_args(Purpose))}.")] = None,
    state: Annotated[str | None, typer.Option(help=f"Only these: {', '.join(get_args(OpenState))}.")] = None,
    since: Annotated[str | None, typer.Option(help="Only since then, such as 2026-11-24T09:00:00Z.")] = None,
    most: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many lines, the latest.")] = 100,
    as_json: Json = False,
) -> None:
    """The audit log: each time a seal was asked to be opened. It is kept for 12 months, and nobody can change it.

    Examples: `orderbridge privacy audit --order 114-3941689-8772232`, `orderbridge privacy audit --state refused`

    Next: `orderbridge tokens revoke TOKEN`, where somebody opened what he should not.
    """
    for given, known in ((purpose, get_args(Purpose)), (state, get_args(OpenState))):
        if given is not None and given not in known:
            raise typer.BadParameter(f"{given!r} is none of {', '.join(known)}")
    with unit_of_work() as work:
        statement = select(Opening).order_by(Opening.opening_id.desc()).limit(most)
        if order is not None:
            found = find_order(work, order)
            statement = statement.where(Opening.order_id == (found.order_id if found is not None else order))
        if token is not None:
            statement = statement.where((Opening.token_name == token) | (Opening.token_id == token))
        if purpose is not None:
            statement = statement.where(Opening.purpose == purpose)
        if state is not None:
            statement = statement.where(Opening.state == state)
        if since is not None:
            statement = statement.where(Opening.asked_at >= _moment(since))
        rows: list[dict[str, Any]] = [
            {
                "at": row.asked_at,
                "order_id": row.order_id,
                "account_id": row.account_id,
                "by": row.token_name,
                "on_behalf_of": row.on_behalf_of,
                "token_id": row.token_id,
                "purpose": row.purpose,
                "state": row.state,
                "reason": row.reason,
            }
            for row in work.session.scalars(statement)
        ]
    show(rows if as_json else [_brief(row) for row in rows], as_json, "Nothing was opened.")


def _brief(row: dict[str, Any]) -> dict[str, Any]:
    """What fits on the line of a terminal."""
    return {name: row[name] for name in ("at", "order_id", "by", "on_behalf_of", "purpose", "state", "reason")}


def _moment(text: str) -> datetime:
    try:
        return _MOMENT.validate_python(text)
    except ValidationError:
        raise typer.BadParameter(f"{text!r} is no moment such as 2026-11-24T09:00:00Z") from None
