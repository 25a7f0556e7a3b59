"""Judges the samples of a soak, series by series. Pure: samples in, figures and complaints out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from orderbridge.database.engine import CONNECTION_LIVES
from tests.parts.soak.tables import AT_REST, IN_PROPORTION, OF_THE_INSTALLATION
from tests.parts.soak.verdict import (
    TooFewSamples,
    falls_behind,
    greatest,
    is_at_rest,
    is_in_proportion,
    slope,
    thirds,
    without_threads,
)

NOT_OURS = frozenset({"kafka"})
"""Shown, and not judged: Java's heap grows up to its limit (-Xmx) whatever is done with it."""
_BACKENDS = "postgres"
_LIVES_HOURS = CONNECTION_LIVES / 3600
_WARM_UP_HOURS = 1 / 6
"""A first third that is shorter is no warm-up: caches and pools fill long after it."""
_MORE_DESCRIPTORS, _MORE_THREADS = 10.0, 5.0
_NONE = {
    "dead_letters": "dead letters",
    "handler_failures": "failed handlers",
    "throttled": "calls that Amazon throttled (429)",
    "overdue": "orders whose personal data outlived its day",
}
"""What there must be none of, at no moment."""


@dataclass
class Judgement:
    """Figures for the report, and `complaints`: what is not as it must be, a line each."""

    memory: dict[str, dict[str, float | bool | None]] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    lag: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    topic_bytes: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    not_judged: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def judge(samples: Sequence[dict[str, Any]], *, rest_after: float, topics_rest_after: float) -> Judgement:
    """All of it. `rest_after` hours tables have reached their height, `topics_rest_after` topics: later than the first
    third, they cannot be judged, and that is said."""
    found = Judgement()
    try:
        thirds(samples)
    except TooFewSamples as few:
        found.complaints.append(f"nothing could be judged: {few}")
        return found
    third = (samples[-1]["hours"] - samples[0]["hours"]) / 3
    if third < _WARM_UP_HOURS:
        found.not_judged.append(f"memory: a third is {third * 60:.0f} min, a warm-up {_WARM_UP_HOURS * 60:.0f}")
    _memory(found, samples, judged=third >= _WARM_UP_HOURS)
    if third < rest_after:
        found.not_judged.append(f"pruned tables: a third is {third * 60:.0f} min, they fill for {rest_after * 60:.0f}")
    _tables(found, samples, pruning=third >= rest_after)
    _lag(found, samples)
    _topics(found, samples, judged=third >= topics_rest_after)
    for name, words in _NONE.items():
        most = max(one.get(name) or 0 for one in samples)
        found.figures[name] = most
        if most:
            found.complaints.append(f"{most} {words}")
    last = samples[-1]
    names = ("database_bytes", "redacted", "shipped", "calls", "key_ring_files")
    found.figures |= {name: last.get(name) for name in names} | {
        "retries_at_most": max(one["retries"] for one in samples)
    }
    found.figures["orders"] = last["rows"]["orders"]
    return found


def _memory(found: Judgement, samples: Sequence[dict[str, Any]], *, judged: bool) -> None:
    for name in sorted({name for one in samples for name in one["processes"]}):
        known = [(one["hours"], one["processes"][name]) for one in samples if name in one["processes"]]
        try:
            line = slope([hours for hours, _ in known], _kib(name, known))
        except TooFewSamples as few:
            found.complaints.append(f"memory of {name}: {few}")
            continue
        found.memory[name] = {
            "first_mib": round(known[0][1]["uss_kib"] / 1024, 1),
            "last_mib": round(known[-1][1]["uss_kib"] / 1024, 1),
            "kib_per_hour": round(line.per_hour, 1),
            "error": round(line.error, 1),
            "median_kib_per_hour": round(line.median, 1),
            "descriptors": known[-1][1]["descriptors"],
            "threads": known[-1][1]["threads"],
            "flat": line.is_flat if judged and name not in NOT_OURS else None,
        }
        if name in NOT_OURS or not judged:
            continue
        if not line.is_flat:
            found.complaints.append(f"memory of {name}: {line.per_hour:+.0f} ± {line.error:.0f} KiB an hour")
        for what, slack in (("descriptors", _MORE_DESCRIPTORS), ("threads", _MORE_THREADS)):
            if not is_at_rest([figures[what] for _, figures in known], slack=slack):
                found.complaints.append(f"{what} of {name}: {known[0][1][what]} at first, {known[-1][1][what]} at last")


def _kib(name: str, known: Sequence[tuple[float, dict[str, int]]]) -> list[float]:
    """What is judged of a process: what it holds beside its threads. Of PostgreSQL's backends, which grow until their
    connections are replaced, what they grow to: the greatest within a connection's life, for as many of them as there
    are in the mean.
    """
    if name != _BACKENDS:
        held = [figures["uss_kib"] for _, figures in known]
        return without_threads([hours for hours, _ in known], held, [figures["threads"] for _, figures in known])
    backends = fmean(figures["threads"] for _, figures in known)
    each = [(hours, figures["uss_kib"] / figures["threads"]) for hours, figures in known]
    return [
        backends * max(kib for earlier, kib in each if hours - _LIVES_HOURS <= earlier <= hours) for hours, _ in each
    ]


def _tables(found: Judgement, samples: Sequence[dict[str, Any]], *, pruning: bool) -> None:
    orders = [one["rows"]["orders"] for one in samples]
    for name in samples[-1]["rows"]:
        series = [one["rows"][name] for one in samples]
        is_good: bool | None = None
        if name in IN_PROPORTION:
            is_good = is_in_proportion(series, orders)
        elif name in AT_REST and (pruning or name in OF_THE_INSTALLATION):
            is_good = is_at_rest(series)
        _, middle, end = thirds(series)
        found.tables[name] = {
            "middle": round(fmean(middle)),
            "end": round(fmean(end)),
            "last": series[-1],
            "judged_by": "orders" if name in IN_PROPORTION else "rest" if name in AT_REST else "",
            "good": is_good,
        }
        if is_good is False:
            how = "more than orders do" if name in IN_PROPORTION else "and does not come to rest"
            found.complaints.append(f"table {name} grows {how}: {fmean(middle):.0f} rows, then {fmean(end):.0f}")


def _lag(found: Judgement, samples: Sequence[dict[str, Any]]) -> None:
    for name in sorted({name for one in samples for name in one["lag"]}):
        series = [one["lag"].get(name, 0) for one in samples]
        found.lag[name] = greatest(series)
        if falls_behind(series):
            found.complaints.append(f"{name} falls behind: its greatest lag in each third is {greatest(series)}")


def _topics(found: Judgement, samples: Sequence[dict[str, Any]], *, judged: bool) -> None:
    series = [one["topic_bytes"] for one in samples]
    if None in series:
        found.not_judged.append("bytes of topics: the broker is not ours to look into")
        return
    _, middle, end = thirds(series)
    is_good = is_at_rest(series, slack=256 * 1024) if judged else None
    found.topic_bytes = {"middle": round(fmean(middle)), "end": round(fmean(end)), "last": series[-1], "good": is_good}
    if not judged:
        found.not_judged.append("bytes of topics: Kafka has not begun to delete in the first third")
    if is_good is False:
        found.complaints.append(f"topics grow: {fmean(middle):.0f} bytes, then {fmean(end):.0f}")
