"""The pages of the import's runs: the latest first, one with what it did, and "Import now"."""

from __future__ import annotations

from typing import get_args

from starlette.responses import Response

from orderbridge.access.users import may
from orderbridge.database.models import Run
from orderbridge.import_requests import InVain, ask_for_run
from orderbridge.orders.runs import RunFilter, latest_runs, lines_of, log_of, summary_of
from orderbridge.skip_reasons import SKIP_REASONS
from schemas.imports import RunKind
from services.console.lists import PAGE, account_ids, address, moment, name, number, one_of, read_place
from services.console.visit import Stop, Visit

_KINDS: tuple[str, ...] = tuple(kind for kind in get_args(get_args(RunKind)[0]) if kind != "unknown")
_TOLD = {"import": "The import is asked for. Its run stands here in some seconds: open the page anew."}


def list_runs(visit: Visit) -> Response:
    """The runs that pass the filters."""
    return _page(visit, notice=_TOLD.get(visit.query.get("told", "")))


def import_now(visit: Visit) -> Response:
    """Have an account's import run now; a run that is open is gone on with."""
    try:
        with visit.database.unit_of_work() as work:
            ask_for_run(work, visit.said("account"))
    except InVain as refusal:
        return _page(visit, 422, problem=str(refusal))
    return visit.redirect("/runs?told=import")


def show_run(visit: Visit) -> Response:
    """What one run did: its problems, then its lines, those with problems first."""
    place = read_place(visit, number, number)
    run_id = visit.parameters["run_id"]
    with visit.database.unit_of_work() as work:
        run = work.session.get(Run, run_id) if len(run_id) <= 100 else None
        if run is None:
            raise Stop(404, "There is no such run", "Runs are kept for 90 days: the page Runs lists them.")
        lines = lines_of(work, run_id, PAGE + 1, place)
    path = f"/runs/{run_id}"
    return visit.page(
        "run.html",
        run=summary_of(run),
        log=log_of(run),
        lines=[line for _, line in lines[:PAGE]],
        first=path if place else None,
        following=address(path, {}, lines[PAGE - 1][0]) if len(lines) > PAGE else None,
        reasons=SKIP_REASONS,
    )


def _page(visit: Visit, status: int = 200, *, notice: str | None = None, problem: str | None = None) -> Response:
    place = read_place(visit, moment, name)
    kind = one_of(visit, "kind", _KINDS)
    with_problems = one_of(visit, "problems", ("yes",)) is not None
    with visit.database.unit_of_work() as work:
        accounts = account_ids(work)
        account_id = one_of(visit, "account", tuple(accounts))
        found = latest_runs(work, RunFilter(account_id, kind, with_problems), PAGE + 1, place)
    given = {"account": account_id or "", "kind": kind or "", "problems": "yes" if with_problems else ""}
    last = found[PAGE - 1] if len(found) > PAGE else None
    return visit.page(
        "runs.html",
        status,
        runs=[summary_of(run) for run in found[:PAGE]],
        accounts=accounts,
        kinds=_KINDS,
        given=given,
        first=address("/runs", given) if place else None,
        following=address("/runs", given, (last.started_at, last.run_id)) if last else None,
        notice=notice,
        problem=problem,
        may_act=visit.user is not None and may(visit.user.role, "operator"),
    )
