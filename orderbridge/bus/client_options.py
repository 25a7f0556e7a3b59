"""How a kafka-python client of ours reaches the broker: the relay's, the store's, the command line's."""

from __future__ import annotations

from typing import Any

from orderbridge.settings import Settings


def client_options(settings: Settings) -> dict[str, Any]:
    """What every kafka-python client of ours is told."""
    options: dict[str, Any] = {"bootstrap_servers": settings.kafka_bootstrap_servers.split(",")}
    if settings.kafka_embedded:
        options["api_version"] = (2, 3)  # librdkafka's broker answers no version request that kafka-python understands
    return options
