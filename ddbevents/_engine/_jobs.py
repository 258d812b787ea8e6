"""The work of a batch, record by record, and the report of a record by how far its work came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple, Protocol, TypeAlias

from .._errors import StoreError
from .._records import StreamRecord, UnreadableRecord
from .._transaction import Transaction
from ._dead_letters import DeadLetters
from ._deadline import Deadline
from ._ledger import Ledger, Task
from ._report import Outcome, RecordReport, worst_of
from ._stores import IdempotencyStore

_HANDLED: Final = Outcome.HANDLED  # a name is found sooner than a member of an enum, for each record


class Handler(Protocol):
    """What is known here of a handler."""

    @property
    def name(self) -> str:
        """Its name, which its marks carry."""
        ...

    @property
    def transactional(self) -> bool:
        """Whether it takes a transaction, to be committed with its mark."""
        ...

    def run(self, record: StreamRecord, transaction: Transaction | None = None) -> bool:
        """Call it, and wait for its end. False if it raised what was then taken for success."""
        ...


class Job(NamedTuple):
    """One record with the handlers that take it, each once."""

    record: StreamRecord
    handlers: Sequence[Handler]


class BrokenJob(NamedTuple):
    """One record that fails before any handler runs."""

    record: StreamRecord | UnreadableRecord
    error: Exception


AnyJob: TypeAlias = Job | BrokenJob


class BatchSettings(NamedTuple):
    """How a batch is run.

    Attributes:
        app: The name that begins the marks.
        store: Where the marks are.
        deadline: When to leave the rest to the next delivery.
        concurrency: How many lanes run at once.
        dead_letters: When a record is put aside; needs a store.
        from_stream: Whether the batch is part of a stream, and is delivered again from one record on. A queue
            delivers again just what is named.
    """

    app: str
    store: IdempotencyStore | None
    deadline: Deadline
    concurrency: int
    dead_letters: DeadLetters | None
    from_stream: bool


class Trouble(NamedTuple):
    """What went wrong in a record: the last error, and the handlers that failed or were put aside."""

    error: BaseException
    outcomes: Mapping[str, Outcome]


def tasks_of(job: AnyJob) -> Iterable[Task]:
    """What the store is asked for before anything runs."""
    if isinstance(job, Job):
        return [(handler.name, job.record.event_id) for handler in job.handlers]
    # what could be put aside before
    return [] if job.record.identifier is None else [("", job.record.identifier)]


def read_marks(ledger: Ledger, jobs: Iterable[AnyJob], settings: BatchSettings) -> None:
    """Ask the store what of the jobs is done.

    Raises:
        StoreError: The store cannot be read.
    """
    tasks = (task for job in jobs for task in tasks_of(job))
    ledger.read(tasks, with_put_aside=settings.dead_letters is not None)


def report_handled(job: Job, seconds: float) -> RecordReport:
    """Of a record whose handlers all ran now, and none failed."""
    told = tuple([(handler.name, _HANDLED) for handler in job.handlers])
    return RecordReport(job.record, _HANDLED, told, None, seconds)


def report_tried(job: Job, todo: Sequence[Handler], trouble: Trouble | None, seconds: float) -> RecordReport:
    """Of a record whose handlers ran, one after the other, until one failed."""
    told = dict.fromkeys([handler.name for handler in job.handlers], Outcome.ALREADY_HANDLED)
    outcome = Outcome.HANDLED
    for handler in todo:
        told[handler.name] = trouble.outcomes.get(handler.name, outcome) if trouble else outcome
        if told[handler.name] is Outcome.FAILED:
            outcome = Outcome.NOT_RUN
    error = trouble.error if trouble else None
    return RecordReport(job.record, worst_of(told.values()), tuple(told.items()), error, seconds)


def report_done(job: Job) -> RecordReport:
    """Of a record with nothing left to do."""
    outcome = Outcome.ALREADY_HANDLED if job.handlers else Outcome.IGNORED
    return RecordReport(job.record, outcome, _all(job, Outcome.ALREADY_HANDLED))


def report_left(job: Job, todo: Iterable[Handler]) -> RecordReport:
    """Of a record that is left to the next delivery."""
    told = dict.fromkeys([handler.name for handler in job.handlers], Outcome.ALREADY_HANDLED)
    told.update(dict.fromkeys([handler.name for handler in todo], Outcome.NOT_RUN))
    return RecordReport(job.record, Outcome.NOT_RUN, tuple(told.items()))


def report_unprotected(job: AnyJob, error: StoreError) -> RecordReport:
    """Of a record that may not run, since nobody knows what is done."""
    if isinstance(job, BrokenJob):
        return RecordReport(job.record, Outcome.FAILED, error=job.error)
    if not job.handlers:
        return report_done(job)
    return RecordReport(job.record, Outcome.FAILED, _all(job, Outcome.NOT_RUN), error)


def report_preview(job: AnyJob, handled: AbstractSet[Task]) -> RecordReport:
    """Of a record before anything runs: what is done already, and what would fail before it could run."""
    is_done = [task in handled for task in tasks_of(job)]
    if isinstance(job, BrokenJob):
        outcome = Outcome.ALREADY_HANDLED if any(is_done) else Outcome.FAILED
        return RecordReport(job.record, outcome, error=job.error)
    if all(is_done):
        return report_done(job)
    outcomes = [Outcome.ALREADY_HANDLED if done else Outcome.NOT_RUN for done in is_done]
    names = [handler.name for handler in job.handlers]
    return RecordReport(job.record, Outcome.NOT_RUN, tuple(zip(names, outcomes, strict=True)))


def _all(job: Job, outcome: Outcome) -> tuple[tuple[str, Outcome], ...]:
    return tuple([(handler.name, outcome) for handler in job.handlers])
