"""How waiting records become a batch.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html (batch size, window,
payload).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final, NamedTuple

from ._arrivals import BETWEEN, FRAME, LARGEST_PAYLOAD, Arrival

RETENTION: Final = timedelta(hours=24)
"""How long a stream keeps a record; a Kinesis stream too, unless it was set to keep more."""


class Batch(NamedTuple):
    """Records that are delivered together.

    Attributes:
        records: The records, in stream order.
        retries: How many of its retries are used up.
        invocations: How often it was delivered.
    """

    records: tuple[Arrival, ...]
    retries: int = 0
    invocations: int = 0


class Gathered(NamedTuple):
    """Records from the head of a queue, and whether no more would fit into their batch."""

    records: tuple[Arrival, ...]
    is_full: bool


def gather(queue: Iterable[Arrival], batch_size: int) -> Gathered:
    """Take as many records from the head of a queue as one event holds."""
    records: list[Arrival] = []
    size = FRAME - len(BETWEEN)
    for arrival in queue:
        size += len(BETWEEN) + arrival.size
        if size > LARGEST_PAYLOAD:
            return Gathered(tuple(records), is_full=True)
        records.append(arrival)
        if len(records) == batch_size:
            return Gathered(tuple(records), is_full=True)
    return Gathered(tuple(records), is_full=False)
