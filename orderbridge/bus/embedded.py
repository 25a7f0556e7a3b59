"""librdkafka's in-process broker: Kafka's wire protocol for one machine, without Docker or Java. It forgets at its end.

It comes inside the confluent-kafka wheel (librdkafka, "Mock cluster"). The supervisor holds it; the services connect
to it as to any broker. Of each partition it keeps 5 MiB, whatever the topic's retention says, and forgets the oldest
beyond that, read or not: some 20 MiB a topic, about 6,000 orders. Nothing tells a reader that it was too late.
"""

from __future__ import annotations

import ctypes
from typing import Any

from confluent_kafka import Producer

from orderbridge.bus.topics import leader_topic
from schemas.events import WORKERS, all_topics

_START_SECONDS = 10.0


class EmbeddedBroker:
    """A running broker on loopback; lives as long as the process, also without this object."""

    def __init__(self, topic_prefix: str = "") -> None:
        self._cluster: Any = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "in-process", "log_level": 0})
        # One reference too many, so that nothing ever destroys it: librdkafka, destroying its cluster while clients
        # disconnect, has once aborted the process (an assertion on a mutex).
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._cluster))
        metadata = self._cluster.list_topics(timeout=_START_SECONDS)
        broker = next(iter(metadata.brokers.values()))
        self.bootstrap_servers = f"{broker.host}:{broker.port}"
        # It makes a topic (4 partitions) when it is first asked for; a consumer that came earlier would see none.
        for topic in (*all_topics(), *(leader_topic("", worker) for worker in WORKERS)):
            self._cluster.list_topics(topic_prefix + topic, timeout=_START_SECONDS)
