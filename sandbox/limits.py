"""Amazon's rate limits: a token bucket per seller account and operation."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.clock import Clock


@dataclass(frozen=True)
class Limit:
    """Requests per second, and how many may come at once."""

    rate: float
    burst: int


LIMITS: dict[str, Limit] = {
    "searchOrders": Limit(0.0056, 20),
    "getOrder": Limit(0.5, 30),
    "confirmShipment": Limit(2, 10),
    "getMarketplaceParticipations": Limit(0.016, 15),
}
"""The usage plans in the operations' descriptions (orders_2026-01-01.json, ordersV0.json, sellers.json)."""


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


class Limits:
    """The buckets. They are full after a start: a restart forgives, everything else is remembered."""

    def __init__(self, clock: Clock, speed: float) -> None:
        self._clock = clock
        self._speed = speed
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def rate(self, operation: str) -> float:
        """Requests per real second: what `x-amzn-RateLimit-Limit` says."""
        return LIMITS[operation].rate * self._speed

    def take(self, account: str, operation: str) -> bool:
        """Take a token; False if there is none. A call that is refused later for its input has spent it all the same.

        (Whether Amazon counts failed calls is not documented; counting them is the stricter reading.)
        """
        now = self._clock.monotonic()
        burst = LIMITS[operation].burst
        bucket = self._buckets.setdefault((account, operation), _Bucket(burst, now))
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.filled_at) * self.rate(operation))
        bucket.filled_at = now
        if bucket.tokens < 1 - 1e-9:  # a caller exactly on time must not fail for a rounding error
            return False
        bucket.tokens -= 1
        return True
