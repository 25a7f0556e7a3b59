"""The embedded broker outlives its object: it ends with its process, and takes that down by nothing."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import gc, socket
from confluent_kafka import Consumer
from orderbridge.bus.embedded import EmbeddedBroker
address = EmbeddedBroker().bootstrap_servers
gc.collect()
consumer = Consumer({"bootstrap.servers": address, "group.id": "g"})
print(sorted(consumer.list_topics(timeout=10).topics)[0])
host, port = address.rsplit(":", 1)
held = [socket.create_connection((host, int(port))) for _ in range(20)]
"""


def test_nothing_destroys_it_while_clients_are_connected() -> None:
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=100, check=False)
    assert (ended.returncode, ended.stdout.strip()) == (0, "account.attention"), ended.stderr
