"""Commands on what the runs of an import did."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from sqlalchemy import select

from orderbridge.cli.application import Json, app, console, fail, print_json, show, unit_of_work
from orderbridge.database.models import Run
from orderbridge.database.unit_of_work import Work
from orderbridge.orders.runs import RunFilter, latest_runs, lines_of, log_of, number_of_lines, summary_of
from orderbridge.plural import number_of
from orderbridge.skip_reasons import SKIP_REASONS
from schemas.imports import ImportFinished, RunLine

runs_app = typer.Typer(no_args_is_help=True, help="What the runs of an import did.")
app.add_typer(runs_app, name="runs")


@runs_app.command(name="list")
def list_runs(
    account: Annotated[str | None, typer.Option(help="Only this account's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the latest first.")] = 20,
    as_json: Json = False,
) -> None:
    """The latest runs: when, how many orders, how many calls to Amazon, how many problems.

    Example: `orderbridge runs list --account main --limit 50`

    Next: `orderbridge runs show RUN` has one run's log, a line per order.
    """
    with unit_of_work() as work:
        rows = [summary_of(run) for run in latest_runs(work, RunFilter(account_id=account), limit)]
    shown = rows if as_json else [_row(row) for row in rows]
    show(shown, as_json, "No run yet: `orderbridge import` starts one.")


@runs_app.command(name="show")
def show_run(
    run: Annotated[str, typer.Argument(help="Its id, or the beginning of it; `last` is the latest one.")] = "last",
    lines: Annotated[int, typer.Option(min=0, help="How many lines to show at most; problems come first.")] = 200,
    as_json: Json = False,
) -> None:
    """One run's log: problems first, then what lacks a mapping, then a line for each order.

    Example: `orderbridge runs show last`

    Next: `orderbridge orders show NUMBER` has one order; `orderbridge settings set` adds a mapping.
    """
    with unit_of_work() as work:
        found = _find(work, run)
        told = [line for _, line in lines_of(work, found.run_id, lines)]
        total = number_of_lines(work, found.run_id)
    summary = summary_of(found)
    log = log_of(found)
    if as_json:
        whole = log.model_dump(mode="json", exclude={"lines", "lines_left_out"}) if log else summary
        rows_told = [line.model_dump(mode="json") for line in told]
        print_json({**whole, "lines": rows_told, "lines_left_out": total - len(told)})
        return
    show([_row(summary)], False, "")
    if log is not None:
        print_log(log)
    if told:
        console.print()
        show([run_cells(line) for line in told], False, "")
    if total > len(told):
        console.print(f"{number_of(total - len(told), 'more line')}: --lines {total}", markup=False, highlight=False)


def print_log(log: ImportFinished, *, problems: bool = True) -> None:
    """What a run had to say beside its lines: its problems, and why orders were skipped."""
    for problem in log.problems if problems else ():
        console.print(f"[red]problem[/red] {escape(problem)}", soft_wrap=True, highlight=False)
    for why in log.skipped_because:
        console.print(
            f"skipped {why.orders}: {SKIP_REASONS.get(why.reason, why.reason)}", markup=False, highlight=False
        )


def _find(work: Work, run: str) -> Run:
    statement = select(Run).order_by(Run.started_at.desc()).limit(2)
    if run != "last":
        statement = statement.where(Run.run_id.startswith(run, autoescape=True))
    found = work.session.scalars(statement).all()
    if not found:
        fail(f"There is no run {run}. `orderbridge runs list` shows which there are.")
    if len(found) > 1 and run != "last":
        fail(f"Several runs begin with {run}: give some more of its id.")
    return found[0]


def _row(summary: dict[str, Any]) -> dict[str, Any]:
    """For people: on one line of a terminal."""
    finished, started = summary["finished_at"], summary["started_at"]
    counts = {name: number for name, number in summary["counts"].items() if name != "seen" and number}
    return {
        "run": summary["run_id"][:8],
        "account": summary["account_id"],
        "kind": summary["kind"].replace("_", " "),
        "started": f"{started:%m-%d %H:%M}",
        "took": "open" if finished is None else f"{(finished - started).total_seconds():.0f} s",
        "orders": ", ".join(f"{number} {name}" for name, number in counts.items()) or "none",
        "calls": summary["amazon_calls"],
        "problems": summary["problems"] or None,
    }


def run_cells(line: RunLine) -> dict[str, Any]:
    """A line as a table's row."""
    return {
        "order": line.order_id,
        "did": line.did,
        "status": line.status,
        "total": None if line.total is None else f"{line.total} {line.currency or ''}".strip(),
        "marketplace": line.marketplace_id,
        "mapping missing": ", ".join(line.missing),
        "what": line.problem or line.note or SKIP_REASONS.get(line.reason or "", line.reason),
    }


def preview_cells(line: RunLine) -> dict[str, Any]:
    """A preview's line as a table's row: what the order would be in the store, too."""
    cells = run_cells(line)
    return {"order": cells.pop("order"), "number": line.order_number, **cells} | {
        "payment": line.payment_type,
        "shipping": line.shipping_method,
    }
