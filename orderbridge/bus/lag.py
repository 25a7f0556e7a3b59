"""What a worker's consumer knows of its partitions, read from Faust's and aiokafka's own attributes."""

from __future__ import annotations

from typing import Any


def has_coordinator(app: Any) -> bool:
    """False only where it was lost; before the consumer is there, or while it is rebuilt, nothing is known."""
    thread = getattr(app._consumer, "_thread", None)
    coordinator = getattr(getattr(thread, "_consumer", None), "_coordinator", None)
    return getattr(coordinator, "coordinator_id", 0) is not None


def lag(app: Any) -> dict[str, tuple[int, int]]:
    """Per assigned partition: the next offset to be done, and the end of the partition as last seen.

    The next is the one in hand, else the committed one if more has been read, else the position. The commit alone does
    not tell: there is none before the first message, and the markers of a store's transactions, never handled, stand
    behind the last one.
    """
    consumer: Any = app._consumer
    if consumer is None:  # not yet: `app.consumer` would make one here, in the health page's thread, for another loop
        return {}
    assignment = consumer._thread._ensure_consumer()._fetcher._subscriptions.subscription.assignment
    in_hand: dict[tuple[str, int], int] = {}
    for reference in list(consumer.unacked.data):  # a copy: the loop goes on meanwhile
        if (message := reference()) is not None and not message.acked:
            place = (message.topic, message.partition)
            in_hand[place] = min(message.offset, in_hand.get(place, message.offset))
    partitions: dict[str, tuple[int, int]] = {}
    for partition in assignment.tps:
        if partition.topic.endswith("-__leader"):
            continue
        state = assignment.state_value(partition)
        position = state.position if state.has_valid_position else 0
        read, committed = consumer._read_offset.get(partition), consumer._committed_offset.get(partition)
        unfinished = read is not None and committed is not None and read >= committed
        done = in_hand.get((partition.topic, partition.partition), committed if unfinished else position)
        partitions[f"{partition.topic}/{partition.partition}"] = (done, max(state.highwater or 0, position))
    return partitions
