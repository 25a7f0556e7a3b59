"""The page of the first steps: from an application at Amazon to the first import."""

from __future__ import annotations

from starlette.responses import Response

from orderbridge.first_steps import first_steps
from services.console.visit import Visit


def show_first_steps(visit: Visit) -> Response:
    """Of each account that has not imported yet, what is done and what is next."""
    with visit.database.unit_of_work() as work:
        ways = first_steps(work, visit.site.settings)
    return visit.page("first_steps.html", ways=ways)
