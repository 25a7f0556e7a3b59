"""Amazon's rate limits: a token bucket per seller account and operation."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.clock import Clock


@dataclass(frozen=True)
class Limit:
    """Requests per second, and how many may come at once."""

    rate: float
    burst: int


NOTIFICATION_OPERATIONS = (
    "createDestination",
    "getDestinations",
    "getDestination",
    "deleteDestination",
    "createSubscription",
    "getSubscription",
    "getSubscriptionById",
    "deleteSubscriptionById",
)

LIMITS: dict[str, Limit] = {
    "searchOrders": Limit(0.0056, 20),
    "getOrder": Limit(0.5, 30),
    "confirmShipment": Limit(2, 10),
    "getMarketplaceParticipations": Limit(0.016, 15),
    "createReport": Limit(0.0167, 15),
    "getReport": Limit(2, 15),
    "getReports": Limit(0.0222, 10),
    "cancelReport": Limit(0.0222, 10),
    "getReportDocument": Limit(0.0167, 15),
    **dict.fromkeys(NOTIFICATION_OPERATIONS, Limit(1, 5)),
    "createRestrictedDataToken": Limit(1, 10),
    "getOrdersV0": Limit(0.0167, 20),
    **dict.fromkeys(
        ("getOrderV0", "getOrderItemsV0", "getOrderItemsBuyerInfoV0", "getOrderBuyerInfoV0", "getOrderAddressV0"),
        Limit(0.5, 30),
    ),
}
"""The usage plans in the operations' descriptions of Amazon's models. Orders v0's reads are named with a V0 behind."""


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
