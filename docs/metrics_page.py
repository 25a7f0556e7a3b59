"""The table of all metrics, made from the collectors themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import REGISTRY
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from orderbridge.bus.process_metrics import DiskMetric, LagMetric, StateMetric
from orderbridge.settings import Settings
from orderbridge.standing_metrics import StandingMetrics

_OWN: Final = "orderbridge_"


def families() -> Iterator[tuple[Metric, tuple[str, ...]]]:
    """Each metric of ours with the names of its labels."""
    made = {name: collector for collector, names in REGISTRY._collector_to_names.items() for name in names}
    for family in REGISTRY.collect():
        if family.name.startswith(_OWN):
            yield family, tuple(made[family.name]._labelnames)  # type: ignore[attr-defined]  # a Counter's, say
    asked: tuple[Collector, ...] = (
        StateMetric("", str),
        LagMetric("", "", dict),
        DiskMetric(Settings()),
        StandingMetrics(None, lambda: False),
    )
    for collector in asked:
        for family in collector.collect():
            yield family, tuple(family._labelnames)  # type: ignore[attr-defined]  # a GaugeMetricFamily's


def told_as(family: Metric) -> str:
    """The name as it is asked for."""
    return f"{family.name}_total" if family.type == "counter" else family.name


def names() -> set[str]:
    """Every name that a query may ask for."""
    found = set()
    for family, _ in families():
        found.add(told_as(family))
        if family.type == "histogram":
            found |= {f"{family.name}_{part}" for part in ("bucket", "count", "sum")}
    return found


def table() -> str:
    """One line a metric, by name."""
    rows: Iterable[str] = sorted(
        f"| `{told_as(family)}` | {family.type} | {', '.join(f'`{label}`' for label in labels)} "
        f"| {family.documentation} |"
        for family, labels in families()
    )
    return "\n".join(["| metric | kind | labels | what it tells |", "|---|---|---|---|", *rows, ""])
