"""One batch: lanes, order, failure and time. Knows no models and no AWS client."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Hashable, Iterable, Sequence
from decimal import Decimal
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from ._errors import ConfigurationError, StoreError, describe
from ._idempotency import IdempotencyStore, Marks, NoStore
from ._records import KeyValue, StreamRecord, UnreadableRecord
from ._report import BatchReport, Outcome, RecordReport
from ._transaction import Transaction

if TYPE_CHECKING:
    from logging import Logger
    from types import ModuleType


class Task(NamedTuple):
    """One handler for one record.

    Attributes:
        handler: The handler's name.
        mark: What the store notes once it is done.
        run: Calls the handler; what it returns is awaited if it can be.
        transactional: Whether the handler takes a transaction, to be committed with the mark.
    """

    handler: str
    mark: str
    run: Callable[[Transaction | None], object]
    transactional: bool


class Job(NamedTuple):
    """One record with all that is to be done for it, or with the reason why nothing can be."""

    record: StreamRecord | UnreadableRecord
    tasks: Sequence[Task] = ()
    error: Exception | None = None

    @property
    def lane(self) -> Hashable | None:
        """What the records of one item have in common; None if it may be any item's."""
        keys = self.record.keys
        return None if keys is None else frozenset((name, _text(value)) for name, value in keys.items())


def _text(value: KeyValue) -> str | bytes:
    """Equal for equal keys; and text is hashed at random, so that nobody can write keys that collide."""
    if isinstance(value, Decimal):
        return str(int(value)) if value == int(value) else str(value.normalize())
    return str(value) if isinstance(value, int) else value


def process_batch(
    jobs: Iterable[Job], store: IdempotencyStore | None, is_time_up: Callable[[], bool]
) -> BatchReport:
    """Run the jobs in order, each at most once.

    A failure closes the lane of its record. Without a store it stops the whole batch, since all that ran
    after it would run again.

    Args:
        jobs: The records of the batch, in its order.
        store: Where the marks are.
        is_time_up: Whether to leave the rest to the next delivery. Not asked before one job was tried.
    """
    jobs = tuple(jobs)
    try:
        marks = Marks(
            NoStore() if store is None else store, (task.mark for job in jobs for task in job.tasks)
        )
    except StoreError as error:
        _logger().error("no handler ran, the store of marks cannot be read: %s", describe(error))
        return BatchReport(tuple(_unprotected(job, error) for job in jobs))
    return _Run(marks, is_time_up, stops_at_failure=store is None).run(jobs)


class _Run:
    def __init__(self, marks: Marks, is_time_up: Callable[[], bool], *, stops_at_failure: bool) -> None:
        self._marks = marks
        self._is_time_up = is_time_up
        self._stops_at_failure = stops_at_failure
        self._tried = False
        self._stopped = False
        self._closed_lanes: set[Hashable] = set()
        self._reports: list[RecordReport] = []
        self._unflushed: set[int] = set()

    def run(self, jobs: Sequence[Job]) -> BatchReport:
        try:
            for job in jobs:
                self._reports.append(self._step(job))
                if self._marks.is_due():
                    self._flush()
        finally:
            # also when SystemExit passes: what is done need not be done again
            self._flush()
        return BatchReport(tuple(self._reports))

    def _step(self, job: Job) -> RecordReport:
        if job.error is None and not self._has_work(job):
            return _nothing_to_do(job)
        # the lane is asked for only once one is closed: telling it takes time
        if self._stopped or (self._closed_lanes and job.lane in self._closed_lanes):
            return _left(job)
        if job.error is not None:
            return self._fail(job, RecordReport(job.record, Outcome.FAILED, error=job.error), job.error)
        if self._tried and self._is_time_up():
            self._stopped = True
            return _left(job)
        self._tried = True
        return self._try(job)

    def _has_work(self, job: Job) -> bool:
        for task in job.tasks:  # noqa: SIM110  # any() takes three times as long, for each record
            if task.mark not in self._marks:
                return True
        return False

    def _try(self, job: Job) -> RecordReport:
        start = perf_counter()
        outcomes: list[tuple[str, Outcome]] = []
        error: BaseException | None = None
        for task in job.tasks:
            if task.mark in self._marks:
                outcomes.append((task.handler, Outcome.ALREADY_HANDLED))
            elif error is not None:
                outcomes.append((task.handler, Outcome.NOT_RUN))
            else:
                error = self._call(task)
                outcomes.append((task.handler, Outcome.HANDLED if error is None else Outcome.FAILED))
        outcome = Outcome.HANDLED if error is None else Outcome.FAILED
        report = RecordReport(job.record, outcome, tuple(outcomes), error, perf_counter() - start)
        return report if error is None else self._fail(job, report, error)

    def _call(self, task: Task) -> BaseException | None:
        transaction = Transaction() if task.transactional else None
        try:
            result = task.run(transaction)
            if result is not None:
                _finish(result)
            if transaction is None:
                self._marks.add(task.mark)
                self._unflushed.add(len(self._reports))
            else:
                self._marks.commit(task.mark, transaction)
        except BaseException as error:
            if isinstance(error, Exception) or _loop().is_cancellation(error):
                return error
            raise
        return None

    def _fail(self, job: Job, report: RecordReport, error: BaseException) -> RecordReport:
        _log_failure(report, error)
        if self._stops_at_failure or job.lane is None:
            self._stopped = True
        else:
            self._closed_lanes.add(job.lane)
        return report

    def _flush(self) -> None:
        try:
            self._marks.flush()
        except StoreError as error:
            _logger().error("the store of marks cannot be written: %s", describe(error))
            self._stopped = True
            for index in self._unflushed:
                # a record that failed keeps its own error
                if self._reports[index].outcome is Outcome.HANDLED:
                    self._reports[index] = self._reports[index]._replace(outcome=Outcome.FAILED, error=error)
        self._unflushed.clear()


def _finish(result: object) -> None:
    if isinstance(result, Awaitable):
        _loop().complete(result)
    elif isinstance(result, (Generator, AsyncGenerator)):
        raise ConfigurationError("the handler gave back a generator, which nobody would run: return None")


def _nothing_to_do(job: Job) -> RecordReport:
    handlers = tuple((task.handler, Outcome.ALREADY_HANDLED) for task in job.tasks)
    return RecordReport(job.record, Outcome.ALREADY_HANDLED if handlers else Outcome.IGNORED, handlers)


def _left(job: Job) -> RecordReport:
    return RecordReport(
        job.record, Outcome.NOT_RUN, tuple((task.handler, Outcome.NOT_RUN) for task in job.tasks)
    )


def _unprotected(job: Job, error: StoreError) -> RecordReport:
    if job.error is None and not job.tasks:
        return _nothing_to_do(job)
    return _left(job)._replace(outcome=Outcome.FAILED, error=job.error or error)


def _log_failure(report: RecordReport, error: BaseException) -> None:
    handler = next((name for name, outcome in report.handlers if outcome is Outcome.FAILED), None)
    sequence_number = report.record.identifier
    extra = {"sequence_number": sequence_number, "handler": handler, "error_type": type(error).__name__}
    if handler is None:
        _logger().error("a record failed before any handler ran: %s", describe(error), extra=extra)
        return
    _logger().error("record %s failed in %s: %s", sequence_number, handler, describe(error), extra=extra)
    # the message of a handler's own exception may hold an item's values: only for who asks
    _logger().debug("record %s failed in %s", sequence_number, handler, exc_info=error)


def _logger() -> Logger:
    import logging  # noqa: PLC0415  # cold start: only failures are logged

    return logging.getLogger("ddbevents")


def _loop() -> ModuleType:
    from . import _loop  # noqa: PLC0415  # asyncio would be a good part of a cold start

    return _loop
