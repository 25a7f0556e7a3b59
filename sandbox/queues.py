"""Sending to Amazon SQS, one message after the other, beside the server: whoever cannot be reached holds up nobody."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass
from queue import Queue
from typing import Any

_log = logging.getLogger("sandbox")
_KEPT = 1000


@dataclass
class Message:
    """A message for a queue, and what became of it: waiting, sent, failed, or `no endpoint`."""

    arn: str
    body: str
    outcome: str = "waiting"


class Queues:
    """Queues by ARN, at one endpoint. Without an endpoint nothing is sent: never by accident to the real Amazon."""

    def __init__(self, endpoint: str | None = None) -> None:
        self._endpoint = endpoint
        self._waiting: Queue[Message | None] = Queue()
        self._thread: threading.Thread | None = None
        self.messages: deque[Message] = deque(maxlen=_KEPT)
        """The last thousand."""

    def send(self, arn: str, body: str) -> None:
        """Send soon; whether it arrives stands in `messages`."""
        message = Message(arn, body)
        self.messages.append(message)
        if self._endpoint is None:
            message.outcome = "no endpoint"
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="sandbox-queues", daemon=True)
            self._thread.start()
        self._waiting.put(message)

    def flush(self, seconds: float = 10) -> bool:
        """Wait until nothing waits any more; False if that took longer."""
        with self._waiting.all_tasks_done:
            return self._waiting.all_tasks_done.wait_for(lambda: not self._waiting.unfinished_tasks, seconds)

    def close(self) -> None:
        """Send what waits, then let go of the connections."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(30)
            self._thread = None

    def _work(self) -> None:
        clients: dict[str, Any] = {}
        while (message := self._waiting.get()) is not None:
            try:
                self._deliver(message, clients)
                message.outcome = "sent"
            except Exception as error:  # whatever boto3 raises: the sandbox goes on
                message.outcome = "failed"
                _log.warning("no notification sent to %s: %s", message.arn, type(error).__name__)
            finally:
                self._waiting.task_done()
        for client in clients.values():
            client.close()
        self._waiting.task_done()

    def _deliver(self, message: Message, clients: dict[str, Any]) -> None:
        region, owner, name = message.arn.split(":")[3:6]
        if region not in clients:
            clients[region] = _client(self._endpoint, region)
        clients[region].send_message(QueueUrl=f"{self._endpoint}/{owner}/{name}", MessageBody=message.body)


def _client(endpoint: str | None, region: str) -> Any:
    import boto3  # a second to load, which those who send nothing need not wait for
    from botocore.config import Config

    return boto3.client(
        "sqs",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",  # noqa: S106 - never one that is worth something
        config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}, proxies={}),
    )
