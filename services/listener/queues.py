"""A queue in Amazon SQS, read by long polling. AWS's own chain gives the credentials: environment, files, roles."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from orderbridge.database.unit_of_work import refuse_open_transaction

POLL_SECONDS: Final = 20
MOST_MESSAGES: Final = 10
"""Both are the most that SQS gives."""
_REGION: Final = re.compile(r"//(?:[^/]*\.)?sqs\.([a-z0-9-]+)\.|//([a-z]{2}-[a-z-]+-\d)\.queue\.")


class QueueTrouble(Exception):
    """The queue did not answer, or refused. The text says why, and holds nothing of a message."""


@dataclass(frozen=True)
class Message:
    """A message as it was received; `receipt` is what it is deleted by."""

    body: str = field(repr=False)
    receipt: str = field(repr=False)


class Queue:
    """One queue. To be used by one thread."""

    def __init__(self, url: str, endpoint: str | None = None, poll_seconds: int = POLL_SECONDS) -> None:
        self._url = url
        self._endpoint = endpoint
        self._poll_seconds = poll_seconds
        self._made: Any = None

    def receive(self) -> list[Message]:
        """Wait for messages, up to ten of them; none if none came in time. Raises QueueTrouble."""
        answer = self._call("receive_message", MaxNumberOfMessages=MOST_MESSAGES, WaitTimeSeconds=self._poll_seconds)
        return [Message(message["Body"], message["ReceiptHandle"]) for message in answer.get("Messages", [])]

    def delete(self, messages: list[Message]) -> None:
        """Delete them; what cannot be comes again and is known by then. Raises QueueTrouble."""
        entries = [{"Id": str(number), "ReceiptHandle": one.receipt} for number, one in enumerate(messages)]
        if entries:
            self._call("delete_message_batch", Entries=entries)

    def close(self) -> None:
        """Let go of the connections."""
        if self._made is not None:
            self._made.close()

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        refuse_open_transaction()
        try:
            if self._made is None:
                self._made = self._client()
            answer: dict[str, Any] = getattr(self._made, operation)(QueueUrl=self._url, **parameters)
        except ClientError as error:
            told = error.response.get("Error", {})
            raise QueueTrouble(f"{told.get('Code', 'refused')}: {told.get('Message', '')}"[:300]) from None
        except (BotoCoreError, ValueError) as error:  # ValueError: an address that is none
            raise QueueTrouble(f"{type(error).__name__}: {error}"[:300]) from None
        return answer

    def _client(self) -> Any:
        import boto3  # a second to load, which a listener without a subscription need not spend
        from botocore.config import Config

        return boto3.session.Session().client(  # of its own: boto3's shared one is not for several threads
            "sqs",
            region_name=region_of(self._url),
            endpoint_url=self._endpoint,
            config=Config(
                connect_timeout=5,
                read_timeout=self._poll_seconds + 10,
                retries={"total_max_attempts": 1},  # the reader waits, with growing pauses
            ),
        )


def region_of(url: str) -> str | None:
    """The region that a queue's URL names; None leaves it to AWS's chain."""
    found = _REGION.search(url)
    return next((name for name in found.groups() if name), None) if found else None
