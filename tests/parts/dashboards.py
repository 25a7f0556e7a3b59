"""The dashboards' queries, as Grafana sends them with nothing chosen."""

from __future__ import annotations

import json
from typing import NamedTuple

from tests.parts.prometheus import DEPLOY

_VARIABLES = {"$__rate_interval": "5m", "$service": ".*"}


class Query(NamedTuple):
    """A query of a panel."""

    dashboard: str
    panel: str
    expression: str


def queries() -> list[Query]:
    """Those of every panel of every dashboard."""
    found = []
    for file in sorted((DEPLOY / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                expression = target["expr"]
                for name, value in _VARIABLES.items():
                    expression = expression.replace(name, value)
                found.append(Query(file.stem, panel["title"], expression))
    return found
