"""A soak's samples, judged: what is well is let be, and each thing that is not is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.parts.soak import judgement
from tests.parts.soak.judgement import judge

Sample = dict[str, Any]
_SAMPLES = 60


def _sample(number: int) -> Sample:
    """Of an hour that goes well: each minute 20 orders, and rows that are kept for ten minutes."""
    process = {"uss_kib": 90_000 + number % 7 * 30, "descriptors": 40 + number % 3, "threads": 12}
    orders, kept = 20 * number, 100 * min(number, 10)
    return {
        "hours": number / 60,
        "processes": {"shipper": dict(process), "kafka": {**process, "uss_kib": 1000 * number}},
        "rows": {
            "orders": orders,
            "packages": int(1.2 * orders),
            "inbox": kept,
            "outbox, waiting": orders,
            "leases": 2,
        },
        "lag": {"orderbridge-shipper": number % 5},
        "topic_bytes": 1000 * kept,
        "retries": 0,
        "throttled": 0,
        "dead_letters": 0,
        "handler_failures": 0,
        "overdue": 0,
    }


def _complaints(change: Callable[[int, Sample], None] = lambda _number, _sample: None, **more: float) -> list[str]:
    samples = [_sample(number) for number in range(_SAMPLES)]
    for number, sample in enumerate(samples):
        change(number, sample)
    return judge(samples, **{"rest_after": 0.2, "topics_rest_after": 0.2, **more}).complaints


def test_all_is_well() -> None:
    assert _complaints() == []


def _backends(number: int, sample: Sample, leak: int = 0) -> None:
    """Each grows for six minutes, until its connection is replaced; there are more of them in the end."""
    number_of = 60 + number // 20
    each = 2_000 + 100 * (number % 6) + leak * number
    sample["processes"]["postgres"] = {"uss_kib": number_of * each, "descriptors": 2_000, "threads": number_of}


def test_backends_may_grow_until_they_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judgement, "_LIVES_HOURS", 6 / 60)
    assert _complaints(_backends) == []
    (complaint,) = _complaints(lambda number, sample: _backends(number, sample, leak=1))
    assert complaint.startswith("memory of postgres: +3")


def _threads(number: int, sample: Sample, leak: int = 0) -> None:
    """Another thread now and then, each with memory of its own."""
    more = sum(number >= at for at in (15, 30, 38, 45))
    sample["processes"]["shipper"]["threads"] += more
    sample["processes"]["shipper"]["uss_kib"] += 400 * more + leak * number


def test_memory_that_comes_with_threads_is_no_leak() -> None:
    assert _complaints(_threads) == []
    (complaint,) = _complaints(lambda number, sample: _threads(number, sample, leak=60))
    assert complaint.startswith("memory of shipper: +3")


def _leak(number: int, sample: Sample) -> None:
    sample["processes"]["shipper"]["uss_kib"] += 60 * number


def _descriptors(number: int, sample: Sample) -> None:
    sample["processes"]["shipper"]["descriptors"] += number


def _unpruned(number: int, sample: Sample) -> None:
    sample["rows"]["inbox"] = 100 * number


def _more_an_order(number: int, sample: Sample) -> None:
    sample["rows"]["packages"] = number * number


def _lag(number: int, sample: Sample) -> None:
    sample["lag"]["orderbridge-shipper"] = 30 * number


def _topics(number: int, sample: Sample) -> None:
    sample["topic_bytes"] = 100_000 * number


def _dead_letter(number: int, sample: Sample) -> None:
    sample["dead_letters"] = int(number == 40)  # settled and gone since


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_leak, r"memory of shipper: \+3\d\d\d ± \d+ KiB an hour"),
        (_descriptors, "descriptors of shipper: 40 at first, 101 at last"),
        (_unpruned, "table inbox grows and does not come to rest"),
        (_more_an_order, "table packages grows more than orders do"),
        (_lag, "orderbridge-shipper falls behind"),
        (_topics, "topics grow"),
        (_dead_letter, "1 dead letters"),
    ],
)
def test_what_is_not_is_named(change: Callable[[int, Sample], None], named: str) -> None:
    (complaint,) = _complaints(change)
    assert re.match(named, complaint), complaint


def test_what_comes_to_rest_too_late_is_not_judged() -> None:
    samples = [_sample(number) for number in range(_SAMPLES)]
    for number, sample in enumerate(samples):
        _unpruned(number, sample)
        _topics(number, sample)
    found = judge(samples, rest_after=0.5, topics_rest_after=0.5)
    assert found.complaints == []
    assert [line.partition(":")[0] for line in found.not_judged] == ["pruned tables", "bytes of topics"]


def test_a_run_that_is_all_warm_up_is_not_judged_by_its_memory() -> None:
    samples = [_sample(number) for number in range(_SAMPLES)]
    for number, sample in enumerate(samples):
        _leak(number, sample)
        sample["hours"] /= 2.1
    found = judge(samples, rest_after=0.1, topics_rest_after=0.1)
    assert found.complaints == []
    assert [line.partition(":")[0] for line in found.not_judged] == ["memory"]
    assert found.memory["shipper"]["flat"] is None


def test_too_short_a_run_is_no_good_one() -> None:
    (complaint,) = judge([_sample(1)] * 4, rest_after=0.0, topics_rest_after=0.0).complaints
    assert complaint.startswith("nothing could be judged")
