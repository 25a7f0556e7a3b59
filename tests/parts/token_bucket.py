"""Amazon's token bucket as Amazon describes it, written apart from the code that keeps to it."""

from __future__ import annotations

from fractions import Fraction


class TokenBucket:
    """Full at first, refilled steadily, a token a call. Times are whole microseconds."""

    def __init__(self, interval_us: int, size: int, at_us: int = 0) -> None:
        self.interval_us = interval_us
        self.size = size
        self._tokens = Fraction(size)
        self._at_us = at_us

    def refill(self, now_us: int) -> Fraction:
        """How many tokens it holds now."""
        self._tokens = min(Fraction(self.size), self._tokens + Fraction(now_us - self._at_us, self.interval_us))
        self._at_us = now_us
        return self._tokens

    def take(self, now_us: int) -> bool:
        """A call arrives; whether it has its token."""
        if self.refill(now_us) < 1:
            return False
        self._tokens -= 1
        return True

    def us_until_the_next(self) -> int:
        """Microseconds until it holds a token."""
        missing = (1 - self._tokens) * self.interval_us
        return max(0, -(-missing.numerator // missing.denominator))
