"""The event source mapping: it takes records, delivers batches to the function, and keeps the history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

from ..._errors import ConfigurationError
from .._clock import VirtualClock
from ._answers import NextStep, Verdict, next_step, verdict_on
from ._arrivals import Arrival, Intake, Source, payload
from ._batches import RETENTION, Batch
from ._destination import failure_message
from ._function import Function, Handler, invoke
from ._history import Condition, Discarded, History, Invocation
from ._matching import matches_any
from ._patterns import Pattern, read_patterns
from ._settings import Settings, check_function
from ._shards import Lane, Shard, first_shard


class EventSourceMapping:
    """A model of Lambda's event source mapping, or of a pipe, which calls a handler in virtual time.

    The settings and their defaults are AWS's. Nothing is random and nothing sleeps: the same records and the
    same handler give the same history. Invocations overlap in time only if the handler itself calls `step`.

    Attributes:
        source: What the records come from.
        clock: Virtual time. It passes while the mapping waits, and when a test or a handler advances it.
        history: Everything that happened so far.
    """

    def __init__(  # noqa: PLR0913  # one for each setting of AWS
        self,
        handler: Handler,
        *,
        source: Source = "stream",
        batch_size: int = 100,
        window: timedelta = timedelta(0),
        retries: int = -1,
        max_age: timedelta | None = None,
        bisect: bool = False,
        report_failures: bool = True,
        parallelization: int = 1,
        filters: Iterable[Pattern | str] | None = None,
        on_failure: Callable[[Discarded], object] | None = None,
        clock: VirtualClock | None = None,
        function_name: str = "function",
        timeout: timedelta = timedelta(seconds=3),
        memory: int = 128,
    ) -> None:
        """Create a mapping.

        Args:
            handler: Any Lambda handler. Each invocation gets a fresh event, parsed from JSON.
            source: `"stream"` for a table's stream, `"kinesis"` for Kinesis Data Streams for DynamoDB,
                `"pipe"` for EventBridge Pipes with a table's stream.
            batch_size: The most records of an invocation, 1 to 10,000.
            window: How long to wait for a batch to fill, up to 300 seconds (MaximumBatchingWindowInSeconds).
            retries: MaximumRetryAttempts; -1 retries until the records are 24 hours old.
            max_age: MaximumRecordAgeInSeconds, from when a record was put; None for no limit.
            bisect: BisectBatchOnFunctionError; for a pipe, OnPartialBatchItemFailure.
            report_failures: Whether FunctionResponseTypes has ReportBatchItemFailures. It is off by default
                on AWS, but an app needs it. For a pipe, False is FIRE_AND_FORGET: it waits for no answer.
            parallelization: How many batches of a shard may be in flight, up to 10 (ParallelizationFactor).
            filters: Event filter patterns, as objects or as JSON text. None lets all records through.
            on_failure: Called with each discarded batch; its `message` is for a queue or a topic, its
                `s3_object` for a bucket.
            clock: A clock to share, for example with a store; by default a new one.
            function_name: The function's name.
            timeout: The function's timeout, in virtual time.
            memory: The function's memory in MB, which only the context shows.

        Raises:
            ConfigurationError: AWS would refuse a setting.
        """
        check_function(handler, timeout)
        self.clock: Final = VirtualClock() if clock is None else clock
        self.history: Final = History()
        self._function = Function(handler, function_name, timeout, memory)
        self._settings = Settings(
            batch_size,
            window,
            retries,
            max_age,
            bisect,
            report_failures,
            parallelization,
            read_patterns(filters or ()),
            source,
        )
        self._settings.check()
        self.source: Final = source
        self._intake = Intake(source)
        self._on_failure = on_failure
        self._shards = [first_shard(parallelization, self.clock.now)]
        self._ids = count(1)
        self._throttles = 0
        self._repeats = 0

    @property
    def shards(self) -> list[str]:
        """The names of the open shards, oldest first."""
        return [shard.name for shard in self._shards if shard.is_open]

    def put(self, *records: Mapping[str, Any], shard: str | None = None) -> None:
        """Add records to the stream now. Records that no filter lets through are dropped.

        Args:
            records: Records from the builders or captured ones, in order of their sequence numbers. Kinesis
                takes a table's records too, also twice or out of order, and gives them numbers of its own.
            shard: The name of a shard; by default each record goes to the shard of its item's hash.

        Raises:
            ConfigurationError: A record is not JSON or not of this source, its sequence number does not
                rise, or there is no such shard.
            InvalidRecordError: A record for Kinesis is not as AWS sends it.
        """
        for record in records:
            arrival = self._intake.arrive(record, self.clock.now)
            if matches_any(self._settings.filters, arrival.seen_by_filters):
                self._shard(shard, arrival).put(arrival)
            else:
                self.history.filtered.append(arrival.raw)

    def split(self, shard: str | None = None) -> tuple[str, str]:
        """Split a shard in two, as DynamoDB does when a partition grows.

        Its records are finished before any record of its two children is read.

        Args:
            shard: Its name; by default the first open one.

        Returns:
            The names of its children.

        Raises:
            ConfigurationError: There is no such shard, or it was split already.
        """
        parent = self._named(self.shards[0] if shard is None else shard)
        if not parent.is_open:
            raise ConfigurationError(f"{parent.name} was split already")
        first, second = parent.split(len(self._shards), self.clock.now)
        self._shards += [first, second]
        return first.name, second.name

    def throttle(self, times: int = 1) -> None:
        """Throttle the next deliveries, as Lambda does without capacity. They use up no retry."""
        self._throttles += times

    def repeat(self, times: int = 1) -> None:
        """Deliver the next batches once more after they succeeded: Lambda delivers at least once.

        https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
        """
        self._repeats += times

    def run(self, until: datetime | None = None) -> History:
        """Deliver until nothing is left, or until a moment.

        Waiting advances the clock. Unlimited retries end when the records are 24 hours old.

        Args:
            until: Batches that are due later stay in the stream, and the clock ends at this moment.
        """
        while self.step(until):
            pass
        if until is not None:
            self.clock.wait_until(until)
        return self.history

    def step(self, until: datetime | None = None) -> bool:
        """Deliver the next batch, or discard it.

        Called by the handler, it delivers a batch that Lambda may run at the same time: one of another shard,
        or with `parallelization` one of other items.

        Returns:
            Whether there was a batch.
        """
        waiting = self._next()
        if waiting is None or (until is not None and waiting[0] > until):
            return False
        due, lane = waiting
        self.clock.wait_until(due)
        self._deliver_from(lane)
        return True

    def _next(self) -> tuple[datetime, Lane] | None:
        lanes = [lane for shard in self._shards if shard.is_readable for lane in shard.lanes]
        lanes = [lane for lane in lanes if not (lane.is_empty or lane.in_flight)]
        waiting = [(lane.due(self._settings.batch_size, self._settings.window), lane) for lane in lanes]
        return min(waiting, key=lambda pair: pair[0], default=None)

    def _most_at_once(self) -> int:
        return sum(len(shard.lanes) for shard in self._shards if shard.is_readable)

    def _shard(self, name: str | None, arrival: Arrival) -> Shard:
        if name is not None:
            return self._named(name)
        return next(shard for shard in self._shards if shard.holds(arrival.item))

    def _named(self, name: str) -> Shard:
        for shard in self._shards:
            if shard.name == name:
                return shard
        raise ConfigurationError(f"there is no shard {name}: there are {', '.join(self.shards)}")

    def _deliver_from(self, lane: Lane) -> None:
        batch = self._without_old(lane, lane.take(self._settings.batch_size))
        if not batch.records:
            lane.proceed(NextStep(), self.clock.now)
            return
        if self._throttles:
            self._throttles -= 1
            self.history.throttled += 1
            lane.postpone(batch, self.clock.now)
            return
        batch = batch._replace(invocations=batch.invocations + 1)
        lane.in_flight = True
        try:
            invocation, verdict = self._invoke(lane, batch)
        finally:
            lane.in_flight = False
        self.history.invocations.append(invocation)
        step = next_step(batch, verdict, retries=self._settings.retries, bisect=self._settings.bisect)
        if verdict.name == "succeeded" and self._repeats:
            self._repeats -= 1
            step = NextStep((Batch(batch.records),))
        if step.is_exhausted:
            self._discard(lane, batch, invocation)
        lane.proceed(step, self.clock.now)

    def _without_old(self, lane: Lane, batch: Batch) -> Batch:
        """Return the batch without expired records and without those too old for the mapping."""
        expired = sum(self.clock.now - arrival.at >= RETENTION for arrival in batch.records)
        self.history.expired += [arrival.raw for arrival in batch.records[:expired]]
        batch = batch._replace(records=batch.records[expired:])
        old = self._too_old(batch)
        if old:
            self._discard(lane, batch._replace(records=batch.records[:old]), None)
        return batch._replace(records=batch.records[old:])

    def _too_old(self, batch: Batch) -> int:
        """Return how many records at the head of the batch are too old for the mapping."""
        max_age = self._settings.max_age
        if max_age is None:
            return 0
        # AWS does not say whose age counts. Here a batch that was delivered before is discarded as a whole
        # once its head is too old.
        old = sum(self.clock.now - arrival.at > max_age for arrival in batch.records)
        return len(batch.records) if old and batch.invocations else old

    def _invoke(self, lane: Lane, batch: Batch) -> tuple[Invocation, Verdict]:
        began, request_id = self.clock.now, self._request_id()
        reply = invoke(self._function, payload(batch.records, self.source), request_id, self.clock)
        names = [arrival.identifier for arrival in batch.records]
        verdict = verdict_on(reply, names, self._settings)
        invocation = Invocation(
            at=began,
            duration=self.clock.now - began,
            shard=lane.shard,
            records=tuple(arrival.raw for arrival in batch.records),
            retry=batch.retries,
            request_id=request_id,
            answer=reply.answer,
            error=reply.error,
            verdict=verdict.name,
            checkpoint=batch.records[verdict.done].sequence_number if verdict.name == "partial" else None,
        )
        return invocation, verdict

    def _discard(self, lane: Lane, batch: Batch, last: Invocation | None) -> None:
        condition: Condition = "RecordAgeExceeded" if last is None else "RetryAttemptsExhausted"
        message = failure_message(
            batch,
            last,
            source=self.source,
            function=self._function.name,
            shard=lane.shard,
            request_id=self._request_id() if last is None else last.request_id,
            at=self.clock.now,
        )
        raws = tuple(arrival.raw for arrival in batch.records)
        discarded = Discarded(self.clock.now, lane.shard, raws, condition, message)
        self.history.discarded.append(discarded)
        if self._on_failure is not None:
            self._on_failure(discarded)

    def _request_id(self) -> str:
        return f"00000000-0000-4000-8000-{next(self._ids):012x}"


def most_at_once(mapping: EventSourceMapping) -> int:
    """Return how many batches of the mapping can run at the same time."""
    return mapping._most_at_once()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # no user needs it


def next_due(mapping: EventSourceMapping) -> datetime | None:
    """Return when the mapping's next batch is due, which may be past; None if no record waits."""
    waiting = mapping._next()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # as above
    return None if waiting is None else waiting[0]
