"""What a mail says: its subject, its text and its HTML, from the events that it tells of.

The templates lie in `templates`. HTML is escaped by Jinja; a line break in a word of an event's becomes a space.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.attentions import TROUBLES
from orderbridge.console_links import ConsoleLinks
from orderbridge.plural import number_of
from orderbridge.skip_reasons import SKIP_REASONS
from schemas.accounts import AccountAttention
from schemas.base import Event
from schemas.events import EVENTS
from schemas.imports import MOST_LINES, ImportFinished, RunLine
from schemas.shipments import ShipmentDueSoon, ShipmentRejected

MOST_NOTES: Final = 200
"""So many shipments or troubles stand in one mail; of the others it says how many they are."""
_KINDS: Final = {
    "search": "Import",
    "history": "Import of history",
    "reconciliation": "Comparison with Amazon's report",
}
_DID: Final = ("imported", "updated", "unchanged", "skipped", "unreadable")


@dataclass(frozen=True)
class Letter:
    """A mail's words."""

    subject: str
    text: str
    html: str


def write_letter(told: Iterable[tuple[str, str]], about: str, account: ConnectedAccount, links: ConsoleLinks) -> Letter:
    """The mail about some events, each given as its type and its JSON, the oldest first."""
    events = [EVENTS[event_type].model_validate_json(body) for event_type, body in told]
    runs = [event for event in events if isinstance(event, ImportFinished)]
    if runs:
        return _log_of_runs(runs, about, account, links)
    return _troubles(events, account, links)


# --- the log of one run, or of a day's


def _log_of_runs(runs: Sequence[ImportFinished], about: str, account: ConnectedAccount, links: ConsoleLinks) -> Letter:
    problems = list(dict.fromkeys(problem for run in runs for problem in run.problems))
    lines = sorted((line for run in runs for line in run.lines), key=_rank)
    left_out = sum(run.lines_left_out for run in runs) + max(len(lines) - MOST_LINES, 0)
    because: dict[str, int] = {}
    for run in runs:
        for why in run.skipped_because:
            because[why.reason] = because.get(why.reason, 0) + why.orders
    _, _, day = about.partition("day:")
    asks = len(problems) + sum(line.problem is not None for line in lines)
    parts = [number_of(asks, "problem")] if asks else []
    parts += _counts(runs, ("imported", "updated", "unreadable"))
    context = {
        "account": account.account_id,
        "title": f"Amazon orders on {day}" if day else _run_title(runs[0], account),
        "runs": [_run(run, account, links) for run in runs],
        "problems": problems,
        "lines": [_line(line, links) for line in lines[:MOST_LINES]],
        "left_out": left_out,
        "skipped": [f"{orders}: {SKIP_REASONS.get(reason, reason)}" for reason, orders in sorted(because.items())],
        "settings": links.settings(account.account_id),
    }
    when = f" on {day}" if day else ""
    subject = f"Amazon orders{when}: {', '.join(parts) or 'nothing new'} ({account.account_id})"
    return _render("log", subject, context)


def _run_title(run: ImportFinished, account: ConnectedAccount) -> str:
    return f"{_KINDS.get(run.kind, 'Run')} of {_when(run.started_at, account)}"


def _run(run: ImportFinished, account: ConnectedAccount, links: ConsoleLinks) -> dict[str, Any]:
    seen = ", ".join(_counts([run], _DID)) or "none"
    waited = f", {run.waited_seconds:.0f} s waited for Amazon" if run.waited_seconds >= 1 else ""
    return {
        "title": _run_title(run, account),
        "orders": f"{number_of(run.counts.seen, 'order')} read: {seen}",
        "calls": f"{number_of(run.amazon_calls, 'call')} to Amazon{waited}",
        "link": links.run(run.run_id),
    }


def _counts(runs: Sequence[ImportFinished], names: Iterable[str]) -> list[str]:
    sums = {name: sum(getattr(run.counts, name) for run in runs) for name in names}
    return [f"{count} {name}" for name, count in sums.items() if count]


def _rank(line: RunLine) -> int:
    return 0 if line.problem else 1 if line.missing else 2


def _line(line: RunLine, links: ConsoleLinks) -> dict[str, Any]:
    return {
        "order": line.order_id,
        "link": links.order(line.order_id),
        "did": line.did,
        "status": line.status or "",
        "total": "" if line.total is None else f"{line.total} {line.currency or ''}".strip(),
        "problem": line.problem or "",
        "missing": ", ".join(line.missing),
        "what": line.note or SKIP_REASONS.get(line.reason or "", line.reason) or "",
    }


# --- troubles


def _troubles(events: Sequence[Event], account: ConnectedAccount, links: ConsoleLinks) -> Letter:
    notes = [_note(event, account, links) for event in events]
    title = _trouble_title(events)
    context = {
        "account": account.account_id,
        "title": title,
        "notes": notes[:MOST_NOTES],
        "left_out": max(len(notes) - MOST_NOTES, 0),
        "settings": links.settings(account.account_id),
    }
    return _render("trouble", f"{title} ({account.account_id})", context)


def _trouble_title(events: Sequence[Event]) -> str:
    latest, count = events[-1], len({getattr(event, "order_id", "") for event in events})
    if isinstance(latest, ShipmentRejected):
        return "A shipment was refused" if len(events) == 1 else f"{len(events)} shipments were refused"
    if isinstance(latest, ShipmentDueSoon):
        return "An order has not shipped" if count == 1 else f"{count} orders have not shipped"
    if isinstance(latest, AccountAttention):
        what = TROUBLES.get(latest.trouble, latest.trouble).rstrip(".")
        return f"Mended: {what}" if latest.ended_at is not None else what
    raise TypeError(f"no mail tells of {latest.event_type}")


def _note(event: Event, account: ConnectedAccount, links: ConsoleLinks) -> dict[str, Any]:
    if isinstance(event, AccountAttention):
        mended = event.ended_at is not None
        return {
            "head": f"{'Mended' if mended else 'Since'} {_when(event.ended_at or event.since, account)}",
            "link": links.settings(event.account_id),
            "what": event.message,
            "to_do": "" if mended else event.what_to_do,
        }
    if isinstance(event, ShipmentRejected):
        package = f", package {event.tracking_number}" if event.tracking_number else ""
        head, what = f"Order {event.order_id}{package}", event.message
    elif isinstance(event, ShipmentDueSoon):
        head, what = f"Order {event.order_id}", event.why
    else:
        raise TypeError(f"no mail tells of {event.event_type}")
    return {"head": head, "link": links.order(event.order_id), "what": what, "to_do": event.what_to_do}


# --- words and templates


def _when(moment: datetime, account: ConnectedAccount) -> str:
    return f"{moment.astimezone(account.zone):%Y-%m-%d %H:%M} {account.zone.key}"


def _render(name: str, subject: str, context: dict[str, Any]) -> Letter:
    text, html = (_TEMPLATES.get_template(f"{name}.{form}").render(context) for form in ("txt", "html"))
    return Letter(subject, text, html)


def _one_line(value: Any) -> Any:
    return " ".join(value.split()) if isinstance(value, str) else value


_TEMPLATES: Final = Environment(
    loader=PackageLoader("services.reporter"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    finalize=_one_line,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
