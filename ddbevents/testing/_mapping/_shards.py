"""Shards, which of them may be read yet, and what waits in them.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html (lineage) and
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html (parallelization).
"""

from __future__ import annotations

import hashlib
from collections import deque
from datetime import datetime, timedelta
from typing import Final

from ..._errors import ConfigurationError
from ._batches import Arrival, Batch, Course, gather

_SPACE: Final = 2**64  # of hashes
_FIRST_WAIT: Final = timedelta(seconds=1)
_LONGEST_WAIT: Final = timedelta(minutes=15)


class Lane:
    """One queue of a shard, with at most one batch in flight.

    AWS backs off between retries and does not say how: here the waits double from 1 second to 15 minutes.
    """

    def __init__(self, shard: str, now: datetime) -> None:
        self.shard: Final = shard
        self._queue: deque[Arrival] = deque()
        self._again: deque[Batch] = deque()
        self._ready_at = now
        self._wait = _FIRST_WAIT

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not (self._queue or self._again)

    def put(self, arrival: Arrival) -> None:
        """Add a record to the end."""
        self._queue.append(arrival)

    def due(self, batch_size: int, window: timedelta) -> datetime:
        """When the next batch is to be delivered, if nothing arrives.

        The window begins when the invocation before has ended, or with the first record if none is waiting.
        """
        if self._again or gather(self._queue, batch_size).is_full:
            return self._ready_at
        return max(self._ready_at, self._queue[0].at) + window

    def take(self, batch_size: int) -> Batch:
        """The next batch, no longer waiting."""
        if self._again:
            return self._again.popleft()
        records = gather(self._queue, batch_size).records
        for _ in records:
            self._queue.popleft()
        return Batch(records)

    def go_on(self, course: Course, now: datetime) -> None:
        """Follow the course; what it delivers again comes before all that waits."""
        self._again.extendleft(reversed(course.again))
        if course.waits:
            self._back_off(now)
        else:
            self._ready_at = now
            self._wait = _FIRST_WAIT

    def refuse(self, batch: Batch, now: datetime) -> None:
        """Deliver a batch later that could not be delivered."""
        self._again.appendleft(batch)
        self._back_off(now)

    def _back_off(self, now: datetime) -> None:
        self._ready_at = now + self._wait
        self._wait = min(self._wait * 2, _LONGEST_WAIT)


class Shard:
    """A part of the stream, for the items whose hash lies in its range."""

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
        """Whether nothing waits in it, nor in those that it comes from."""
        return self.is_readable and all(lane.is_empty for lane in self.lanes)

    @property
    def is_readable(self) -> bool:
        """Whether all that its parent had is done: then its own order is that of the stream."""
        return self._parent is None or self._parent.is_drained

    def holds(self, item: str) -> bool:
        """Whether records of the item belong here."""
        return self.is_open and _hash(item) in self._span

    def put(self, arrival: Arrival) -> None:
        """Add a record to the lane of its item.

        Raises:
            ConfigurationError: Its sequence number does not rise, or the shard is closed.
        """
        if not self.is_open:
            raise ConfigurationError(f"{self.name} was split: put records into the shards that came of it")
        number = int(arrival.sequence_number)
        if number <= self._last:
            raise ConfigurationError(
                f"record {number} comes after {self._last}: put records in the order of their numbers"
            )
        self._last = number
        # the part of the hash that does not tell the shard tells the lane
        self.lanes[_hash(arrival.item) % len(self.lanes)].put(arrival)

    def split(self, first_number: int, now: datetime) -> tuple[Shard, Shard]:
        """Close the shard; two others take what comes now, and are read when this one is done."""
        self.is_open = False
        middle = (self._span.start + self._span.stop) // 2
        spans = range(self._span.start, middle), range(middle, self._span.stop)
        first, second = (
            Shard(first_number + place, span, len(self.lanes), now, self) for place, span in enumerate(spans)
        )
        return first, second


def first_shard(lanes: int, now: datetime) -> Shard:
    """The shard of a new stream, for all items."""
    return Shard(0, range(_SPACE), lanes, now)


def _hash(item: str) -> int:
    return int.from_bytes(hashlib.blake2b(item.encode(), digest_size=8).digest())
