"""The services: whether those that must run do, by what each tells of itself every few seconds."""

from __future__ import annotations

from collections.abc import Iterator

from orderbridge.database.unit_of_work import Work
from orderbridge.doctor import Finding, error, ok, warning
from orderbridge.overview import NEEDED, PAUSED, WAITS_FOR, Part, read_parts


def check_services(work: Work) -> Iterator[Finding]:
    """Whether each has a process that lives. One that has paused itself is told by `check_troubles`."""
    parts = read_parts(work).values()
    if not any(part.processes for part in parts if part.service in NEEDED):
        yield warning("services", "None runs.", "Start them: `docker compose up --detach`, or `orderbridge up`.")
        return
    ill = [part for part in parts if part.state in ("bad", "waiting") and part.says != PAUSED]
    for part in ill:
        severe = error if part.state == "bad" else warning
        yield severe(f"service {part.service}", f"{part.says[0].upper()}{part.says[1:]}.", _what_to_do(part))
    if not ill:
        yield ok("services", f"{', '.join(sorted(NEEDED))} run.")


def _what_to_do(part: Part) -> str:
    if part.state == "bad":
        return "Its log says why; if it has ended, start it again. What it has not handled waits for it."
    if part.says.startswith(WAITS_FOR):
        return "What it waits for must be back first; then it goes on by itself."
    return "If that grows, start more of it, as far as docs/operations/scale.md says that it helps."
