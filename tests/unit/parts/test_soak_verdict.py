"""A soak's judge finds what grows, and holds neither noise nor a warm-up against anybody."""

from __future__ import annotations

import random
from math import exp

import pytest

from tests.parts.soak.verdict import (
    TooFewSamples,
    falls_behind,
    greatest,
    is_at_rest,
    is_in_proportion,
    slope,
    thirds,
)

_SAMPLES = 240
_HOURS = [number / 120 for number in range(_SAMPLES)]
"""Two hours, a sample every 30 s."""
_SEEDS = range(20)


def _noise(seed: int, size: float) -> list[float]:
    """An allocator's ups and downs: each value remembers the one before it."""
    chance, value, found = random.Random(seed), 0.0, []
    for _ in _HOURS:
        value = 0.8 * value + chance.gauss(0, size)
        found.append(value)
    return found


def _memory(seed: int, leak: float = 0.0) -> list[float]:
    """KiB of a worker that leaks so many KiB an hour."""
    return [120_000 + leak * hour + noise for hour, noise in zip(_HOURS, _noise(seed, 60), strict=True)]


@pytest.mark.parametrize("seed", _SEEDS)
def test_a_leak_is_found(seed: int) -> None:
    found = slope(_HOURS, _memory(seed, leak=3000))
    assert not found.is_flat
    assert found.per_hour == pytest.approx(3000, abs=600)
    assert 0 < found.error < 300


@pytest.mark.parametrize("seed", _SEEDS)
def test_noise_is_no_leak(seed: int) -> None:
    assert slope(_HOURS, _memory(seed)).is_flat


@pytest.mark.parametrize("seed", _SEEDS)
def test_a_warm_up_is_not_held_against_it(seed: int) -> None:
    warming = [one - 30_000 * exp(-8 * hour) for one, hour in zip(_memory(seed), _HOURS, strict=True)]
    assert slope(_HOURS, warming).is_flat


def test_a_single_step_is_no_leak() -> None:
    """An arena more, late in the run: a line through it rises by more than the limit."""
    stepped = [one + (2000 if number > 200 else 0) for number, one in enumerate(_memory(1))]
    found = slope(_HOURS, stepped)
    assert found.per_hour - 2 * found.error > 1024
    assert found.is_flat


def test_a_slope_is_that_of_a_line() -> None:
    found = slope([0, 1, 2, 3, 4, 5], [9, 9, 4, 6, 8, 10])
    assert (found.per_hour, found.error, found.median) == (2, 0, 2)


def test_a_table_that_comes_to_rest() -> None:
    filling = [min(number, 60) * 100.0 for number in range(_SAMPLES)]
    pruned_by_the_batch = [one + number % 10 * 40 for number, one in enumerate(filling)]
    assert is_at_rest(pruned_by_the_batch)


@pytest.mark.parametrize("lasting", [0.3, 1.0])
def test_a_table_that_does_not(lasting: float) -> None:
    """Nothing is pruned, or not all of it."""
    assert not is_at_rest(
        [(1 - lasting) * min(number, 60) * 100 + lasting * number * 100 for number in range(_SAMPLES)]
    )


def test_a_few_rows_are_no_growth() -> None:
    assert is_at_rest([number / 5 for number in range(_SAMPLES)])
    assert not is_at_rest([number / 5 for number in range(_SAMPLES)], slack=5)


def test_what_grows_with_the_orders() -> None:
    orders = [number * 35.0 for number in range(_SAMPLES)]
    assert is_in_proportion([1.3 * one + 20 for one in orders], orders)
    assert not is_in_proportion([one * one / 1000 for one in orders], orders)


def test_waves_are_no_lag_that_grows() -> None:
    waves = [200.0 if number % 4 == 0 else 3.0 for number in range(_SAMPLES)]
    assert not falls_behind(waves)
    assert not falls_behind([*waves[:-1], 900.0])
    steadier = [one / 4 + 80 * (number > 160) for number, one in enumerate(waves)]
    assert not falls_behind([*waves[:160], *steadier[160:]])
    assert falls_behind([one + 2 * number for number, one in enumerate(waves)])


def test_thirds() -> None:
    assert tuple(map(list, thirds(range(8)))) == ([0, 1, 2, 3], [4, 5], [6, 7])
    assert greatest([1, 9, 2, 3, 8, 7]) == (9, 3, 8)
    with pytest.raises(TooFewSamples, match="5 samples"):
        thirds(range(5))
