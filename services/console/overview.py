"""The first page: how the whole system stands, as a picture and in figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from orderbridge.accounts.attentions import open_attentions
from orderbridge.first_steps import first_steps
from orderbridge.overview import LATE_COUNTED, Overview, Part, overview
from services.console.visit import Visit


@dataclass(frozen=True)
class _Box:
    """A part's place in the picture: its left upper corner and its size, in the picture's units."""

    service: str
    x: int
    y: int
    width: int
    height: int


_BOXES: Final = (
    _Box("importer", 10, 110, 116, 64),
    _Box("ticker", 142, 110, 116, 64),
    _Box("shipper", 274, 110, 116, 64),
    _Box("redactor", 142, 214, 116, 64),
    _Box("reporter", 10, 392, 86, 44),
    _Box("listener", 108, 392, 86, 44),
    _Box("api", 206, 392, 86, 44),
    _Box("console", 304, 392, 86, 44),
)
_WORDS: Final = {"well": "well", "waiting": "waiting", "bad": "trouble", "off": "off"}


def show_overview(visit: Visit) -> Response:
    """The page. A script of ours asks for the live part again and again; without it, the page is as good as its age."""
    return _page(visit, "overview.html")


def show_live(visit: Visit) -> Response:
    """The live part alone."""
    return _page(visit, "overview_live.html")


def _page(visit: Visit, template: str) -> Response:
    with visit.database.unit_of_work() as work:
        now = overview(work)
        troubles = open_attentions(work)
        ways = first_steps(work, visit.site.settings)
    parts = sorted(now.parts.values(), key=_worst_first)
    return visit.page(
        template,
        now=now,
        most_late=LATE_COUNTED,
        parts=parts,
        boxes=[(box, now.parts[box.service], _WORDS[now.parts[box.service].state]) for box in _BOXES],
        words=_WORDS,
        flows=_flows(now),
        troubles=troubles,
        ways=ways,
    )


def _worst_first(part: Part) -> tuple[int, bool, str]:
    return ("bad", "waiting", "well", "off").index(part.state), not part.dead_letters, part.service


def _flows(now: Overview) -> dict[str, str]:
    """What is written beside the arrows: what went along within the last hour."""
    told = now.told
    return {
        "imported": f"{told['order.imported']:,} new, {told['order.updated']:,} changed",
        "confirmed": f"{told['shipment.confirmed']:,} confirmed",
        "refused": f"{told['shipment.rejected']:,} refused",
        "redacted": f"{told['order.redacted']:,} redacted",
    }
