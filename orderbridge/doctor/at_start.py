"""What a service looks at when it starts, and warns of in its log: it goes on all the same.

What another process can see nobody can tell from outside. So each service says itself that it sees the key ring and has
no need to.
"""

from __future__ import annotations

import os
import threading

import structlog

from orderbridge.settings import Settings

log = structlog.get_logger()


def warn_of_needless_sight(settings: Settings) -> bool:
    """Warn if this process can see the key ring, or has its key; to be called by those that need neither.

    In a house on one machine every service runs as the same user: there it is no news.
    """
    if settings.kafka_embedded:
        return False
    folder, key = os.access(settings.key_ring / "keys", os.R_OK), settings.vault_key is not None
    if folder or key:
        log.warning(
            "sees the key ring and has no need to",
            folder=folder,
            key=key,
            what_to_do="Start it without ORDERBRIDGE_VAULT_KEY, as a user who cannot read ORDERBRIDGE_KEY_RING.",
        )
    return folder or key


def warn_of_long_retention(settings: Settings) -> threading.Thread:
    """Warn of topics that are kept for more than 30 days. Asks Kafka beside the start, which waits for nobody."""

    def look() -> None:
        from kafka.errors import KafkaError  # not before: it takes a worker, which has another client, a while

        from orderbridge.doctor.topics import kept_too_long

        try:
            names = kept_too_long(settings)
        except KafkaError:  # away just now: the worker itself waits for it, and the doctor tells
            return
        if names:
            log.warning(
                "topics are kept for more than 30 days",
                topics=len(names),
                first=min(names),
                what_to_do="`orderbridge topics` sets what the settings say; `orderbridge doctor` has the rest.",
            )

    thread = threading.Thread(target=look, name="retention", daemon=True)
    thread.start()
    return thread
