"""A mapping for each shard: the simulator's rules for batches and retries, in real time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import time
from typing import TYPE_CHECKING, NamedTuple

from ...testing import EventSourceMapping, VirtualClock
from ...testing._mapping import Handler, History, Invocation, next_due
from .._streams import LOCAL

if TYPE_CHECKING:
    from ...sources._follow import Page


class MappingOptions(NamedTuple):
    """The mapping's settings, as `EventSourceMapping` has them."""

    batch_size: int
    window: timedelta
    retries: int
    bisect: bool


class Deliveries:
    """Delivers the records of a stream, those of a shard after all of its parent.

    Attributes:
        unfinished: When each record was written that is not finished, by its sequence number.
        given_up: How many records were given up after their last retry, or are too old.
    """

    def __init__(self, options: MappingOptions, handler: Handler) -> None:
        self.unfinished: dict[str, float] = {}
        self.given_up = 0
        self._options = options
        self._handler = handler
        self._clock = VirtualClock(datetime.now(UTC))
        self._ahead = timedelta(0)  # of real time, since waits for retries were cut short
        self._mappings: dict[str, EventSourceMapping] = {}
        self._parents: dict[str, str | None] = {}

    def put(self, page: Page) -> None:
        """Let the records of a page wait for their delivery."""
        self._tick()
        if page.shard_id not in self._mappings:
            self._parents[page.shard_id] = page.parent
            self._mappings[page.shard_id] = EventSourceMapping(
                self._handler, clock=self._clock, **self._options._asdict()
            )
        records = page.event["Records"]
        self._mappings[page.shard_id].put(*records)
        for record in records:
            body = record["dynamodb"]
            # DynamoDB Local gives the full minute only
            at = time() if record["awsRegion"] == LOCAL else body["ApproximateCreationDateTime"]
            self.unfinished[body["SequenceNumber"]] = at

    def deliver(self) -> bool:
        """Deliver the batch that has been due for the longest, if there is one, and return whether."""
        self._tick()
        due = self._dues()
        if not due:
            return False
        _, shard_id = min(due)
        mapping = self._mappings[shard_id]
        is_delivered = mapping.step(self._clock.now)
        self._settle(mapping.history)
        return is_delivered

    def seconds_to_next(self) -> float | None:
        """Return the seconds until the next batch is due, 0 if one is; None if no record waits."""
        self._tick()
        due = self._dues()
        return max(0.0, (min(due)[0] - self._clock.now).total_seconds()) if due else None

    def hurry(self) -> None:
        """Let all that waits for a retry be due now, since the code has changed."""
        self._tick()
        self._ahead += max([timedelta(0), *(due - self._clock.now for due, _ in self._dues())])

    def _tick(self) -> None:
        self._clock.wait_until(datetime.now(UTC) + self._ahead)

    def _dues(self) -> list[tuple[datetime, str]]:
        dues = {shard_id: next_due(mapping) for shard_id, mapping in self._mappings.items()}
        return [
            (due, shard_id)
            for shard_id, due in dues.items()
            if due is not None and dues.get(self._parents[shard_id] or "") is None
        ]

    def _settle(self, history: History) -> None:
        """Forget the records that are finished, and the history, which would grow for ever."""
        for invocation in history.invocations:
            for number in _finished(invocation):
                self.unfinished.pop(number, None)
        for number in history.lost:
            self.unfinished.pop(number, None)
            self.given_up += 1
        for part in (history.invocations, history.discarded, history.expired):
            part.clear()


def _finished(invocation: Invocation) -> list[str]:
    numbers = invocation.sequence_numbers
    if invocation.verdict == "failed":
        return []
    return numbers if invocation.checkpoint is None else numbers[: numbers.index(invocation.checkpoint)]
