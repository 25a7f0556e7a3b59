"""What a soak is judged by: is memory flat, have tables come to rest, does nothing fall behind? Numbers alone.

A series is one value a sample, evenly spaced over the whole run. Its first third is the warm-up, which is not judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from operator import mul
from statistics import fmean, median
from typing import TypeVar

T = TypeVar("T")

FLAT_KIB_PER_HOUR = 1024.0
"""More than this a process may not grow. In eighty minutes it is one part in a hundred of a worker's memory, which an
allocator's own ups and downs come to as well; less cannot be told from them."""
GROWS_BY = 0.10
"""A table is at rest whose last third is no larger than the middle one by this share and `SLACK` together."""
SLACK = 50.0
"""Rows, events or the like that are no growth: a batch more or less at the moment of the sample."""
MOST_A_THREAD = 512.0
"""KiB of a process that a thread is believed to take: its stack, its connections, free memory of its own."""
_ERRORS = 2.0
"""Standard errors by which a slope must be above the limit."""


class TooFewSamples(ValueError):
    """A third of the series is less than two samples."""


@dataclass(frozen=True)
class Slope:
    """Change per hour over the last two thirds: by least squares with its standard error, and Theil-Sen's median."""

    per_hour: float
    error: float
    median: float

    @property
    def is_flat(self) -> bool:
        """Whether it is not surely a rise of more than FLAT_KIB_PER_HOUR.

        Both must say so: a single step tips the line of least squares, and hardly the median of all pairs.
        """
        return self.per_hour - _ERRORS * self.error <= FLAT_KIB_PER_HOUR or self.median <= FLAT_KIB_PER_HOUR


def thirds(series: Sequence[T]) -> tuple[Sequence[T], Sequence[T], Sequence[T]]:
    """The warm-up, the middle and the end. Raises TooFewSamples."""
    one = len(series) // 3
    if one < 2:
        raise TooFewSamples(f"{len(series)} samples: a third of them must be two at least")
    return series[: len(series) - 2 * one], series[len(series) - 2 * one : len(series) - one], series[-one:]


def slope(hours: Sequence[float], values: Sequence[float]) -> Slope:
    """Of a series, `hours` after its beginning; the warm-up is left out. Raises TooFewSamples."""
    warm_up = len(thirds(values)[0])
    x, y = hours[warm_up:], values[warm_up:]
    mean_x, mean_y = fmean(x), fmean(y)
    spread = sum((one - mean_x) ** 2 for one in x)
    rise = sum((one - mean_x) * (other - mean_y) for one, other in zip(x, y, strict=True)) / spread
    left = sum((other - mean_y - rise * (one - mean_x)) ** 2 for one, other in zip(x, y, strict=True))
    pairs = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(zip(x, y, strict=True), 2)]
    return Slope(rise, sqrt(left / (len(x) - 2) / spread), median(pairs))


def without_threads(hours: Sequence[float], kib: Sequence[float], threads: Sequence[int]) -> list[float]:
    """What a process holds beside its threads, which come with the work, and whose number is judged apart.

    What each takes is fitted beside the rise by least squares, over what is judged. Raises TooFewSamples.
    """
    warm_up = len(thirds(kib)[0])
    x, y, z = ([one - fmean(part) for one in part] for part in (hours[warm_up:], kib[warm_up:], threads[warm_up:]))
    xx, zz, xz, xy, zy = (sum(map(mul, a, b)) for a, b in ((x, x), (z, z), (x, z), (x, y), (z, y)))
    apart = xx * zz - xz * xz
    if apart <= 1e-6 * xx * zz:  # their number does not change, or only as time goes by
        return list(kib)
    each = min(max((zy * xx - xy * xz) / apart, 0.0), MOST_A_THREAD)
    return [value - each * number for value, number in zip(kib, threads, strict=True)]


def is_at_rest(series: Sequence[float], *, slack: float = SLACK) -> bool:
    """Whether the last third is, in the mean, as large as the middle one. Raises TooFewSamples.

    What grows all along is half as large again in it as in the middle one, and a half more.
    """
    _, middle, end = thirds(series)
    return fmean(end) <= fmean(middle) * (1 + GROWS_BY) + slack


def is_in_proportion(series: Sequence[float], to: Sequence[float]) -> bool:
    """Whether it grows no faster than the series `to`, of which it has so many each. Raises TooFewSamples."""
    _, middle, end = thirds(series)
    _, middle_to, end_to = thirds(to)
    before, after = (fmean(one) / max(fmean(other), 1.0) for one, other in ((middle, middle_to), (end, end_to)))
    return after <= before * (1 + GROWS_BY) or fmean(end) - before * fmean(end_to) <= SLACK


def falls_behind(lag: Sequence[float]) -> bool:
    """Whether the lag grows: its ordinary value, and the greatest too. Raises TooFewSamples.

    Each import brings a wave, so the greatest alone says little, and so does that of any one moment.
    """
    _, middle, end = thirds(lag)
    return median(end) > median(middle) * (1 + GROWS_BY) + SLACK and max(end) > max(middle)


def greatest(series: Sequence[float]) -> tuple[float, float, float]:
    """Of each third. Raises TooFewSamples."""
    first, middle, end = thirds(series)
    return max(first), max(middle), max(end)
