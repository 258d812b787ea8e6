"""Shards: which of them can be read, and the records that wait in them.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html (lineage) and
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html (parallelization).
"""

from __future__ import annotations

import hashlib
from collections import deque
from datetime import datetime, timedelta
from typing import Final

from ..._errors import ConfigurationError
from ._answers import NextStep
from ._arrivals import Arrival
from ._batches import Batch, gather

_HASHES: Final = 2**64
_FIRST_WAIT: Final = timedelta(seconds=1)
_LONGEST_WAIT: Final = timedelta(minutes=15)


class Lane:
    """A queue within a shard, with at most one batch in flight. A shard has ParallelizationFactor of them.

    Attributes:
        shard: The name of the shard.
        in_flight: Whether a batch of it runs.
    """

    def __init__(self, shard: str, now: datetime) -> None:
        self.shard: Final = shard
        self.in_flight = False
        self._queue: deque[Arrival] = deque()
        self._unfinished: deque[Batch] = deque()  # come before the queue
        self._ready_at = now
        self._wait = _FIRST_WAIT

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits or runs."""
        return not (self._queue or self._unfinished or self.in_flight)

    def put(self, arrival: Arrival) -> None:
        """Add a record to the end of the queue."""
        self._queue.append(arrival)

    def due(self, batch_size: int, window: timedelta) -> datetime:
        """Return when the next batch is due if nothing more arrives.

        The batching window starts at the end of the previous invocation, or with the first record after it.
        """
        if self._unfinished or gather(self._queue, batch_size).is_full:
            return self._ready_at
        return max(self._ready_at, self._queue[0].at) + window

    def take(self, batch_size: int) -> Batch:
        """Remove and return the next batch."""
        if self._unfinished:
            return self._unfinished.popleft()
        records = gather(self._queue, batch_size).records
        for _ in records:
            self._queue.popleft()
        return Batch(records)

    def proceed(self, step: NextStep, now: datetime) -> None:
        """Take the next step after a delivery; its batches come before all waiting records."""
        self._unfinished.extendleft(reversed(step.batches))
        if step.waits:
            self._back_off(now)
        else:
            self._ready_at = now
            self._wait = _FIRST_WAIT

    def postpone(self, batch: Batch, now: datetime) -> None:
        """Put back a batch that Lambda could not deliver."""
        self._unfinished.appendleft(batch)
        self._back_off(now)

    def _back_off(self, now: datetime) -> None:
        # AWS backs off between retries but does not document how. Doubling from 1 second to 15 minutes is a
        # choice; tests should not depend on it.
        self._ready_at = now + self._wait
        self._wait = min(self._wait * 2, _LONGEST_WAIT)


class Shard:
    """A part of the stream: the items whose hash lies in its range."""

    def __init__(
        self, number: int, span: range, lanes: int, now: datetime, parent: Shard | None = None
    ) -> None:
        self.name: Final = f"shardId-{number:020d}-{number:08x}"
        self.lanes: Final = tuple(Lane(self.name, now) for _ in range(lanes))
        self.is_open = True
        self._span: Final = span
        self._parent: Final = parent
        self._last: int = -1 if parent is None else parent._last  # noqa: SLF001  # its own class

    @property
    def is_drained(self) -> bool:
        """Whether nothing waits in it or in its ancestors."""
        return self.is_readable and all(lane.is_empty for lane in self.lanes)

    @property
    def is_readable(self) -> bool:
        """Whether its parent is drained, which keeps each item's records in order across a split."""
        return self._parent is None or self._parent.is_drained

    def holds(self, item: str) -> bool:
        """Return whether new records of the item belong here."""
        return self.is_open and _hash(item) in self._span

    def put(self, arrival: Arrival) -> None:
        """Add a record to the lane of its item.

        Raises:
            ConfigurationError: Its sequence number does not rise, or the shard is closed.
        """
        if not self.is_open:
            raise ConfigurationError(f"{self.name} was split: put records into its children")
        number = int(arrival.sequence_number)
        if number <= self._last:
            raise ConfigurationError(
                f"record {number} comes after {self._last}: put records in order of their sequence numbers"
            )
        self._last = number
        # The shard is chosen by the high part of the hash, so the lane must be chosen by the low part.
        self.lanes[_hash(arrival.item) % len(self.lanes)].put(arrival)

    def split(self, first_number: int, now: datetime) -> tuple[Shard, Shard]:
        """Close the shard and return its two children, which take new records and are read after it."""
        self.is_open = False
        middle = (self._span.start + self._span.stop) // 2
        spans = range(self._span.start, middle), range(middle, self._span.stop)
        first, second = (
            Shard(first_number + place, span, len(self.lanes), now, self) for place, span in enumerate(spans)
        )
        return first, second


def first_shard(lanes: int, now: datetime) -> Shard:
    """Return the only shard of a new stream."""
    return Shard(0, range(_HASHES), lanes, now)


def _hash(item: str) -> int:
    return int.from_bytes(hashlib.blake2b(item.encode(), digest_size=8).digest())
