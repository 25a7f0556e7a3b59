"""A loopback Amazon for each test, and the order that most tests read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.amazon.loopback import Loopback


@pytest.fixture
def amazon() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


@pytest.fixture
def order() -> dict[str, Any]:
    """An order as Amazon writes it, with nothing but what the model requires, and a buyer."""
    return {
        "orderId": "114-3941689-8772232",
        "createdTime": "2026-11-23T09:14:05Z",
        "lastUpdatedTime": "2026-11-23T09:14:05Z",
        "salesChannel": {"channelName": "AMAZON"},
        "orderItems": [{"orderItemId": "79039765272157", "quantityOrdered": 2, "product": {}}],
        "buyer": {"buyerName": "Grace Hopper", "buyerEmail": "grace@example.com"},
    }
