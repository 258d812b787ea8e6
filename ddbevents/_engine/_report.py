"""The outcome of a batch: of each record, and of each of its handlers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol, TypeAlias

from .._errors import BatchFailedError, InvalidRecordError
from .._logs import describe
from .._records import Delivery, StreamRecord, UnreadableRecord
from .._tuples import NamedTuple
from ._answer import ANSWERING, BatchResponse, RecordStates, respond


class Outcome(StrEnum):
    """The outcome of a record, or of one handler for it."""

    HANDLED = "handled"
    ALREADY_HANDLED = "already handled"
    IGNORED = "ignored"
    DEAD_LETTERED = "dead-lettered"
    FAILED = "failed"
    NOT_RUN = "not run"


_WORST_FIRST: Final = (
    Outcome.FAILED,
    Outcome.NOT_RUN,
    Outcome.DEAD_LETTERED,
    Outcome.HANDLED,
    Outcome.ALREADY_HANDLED,
)


WhyNot: TypeAlias = Callable[[StreamRecord, Callable[[str], str]], str]
"""Returns why no handler takes a record, given how handlers' names are to be written."""


class RecordReport(NamedTuple):
    """The outcome of one record.

    Attributes:
        record: The record, which may be unreadable.
        outcome: The worst outcome of its handlers: FAILED if one of them failed, ALREADY_HANDLED if all
            had run before.
        handlers: The handlers that take it, in order of registration, each with its outcome.
        error: Why it failed.
        seconds: How long its handlers took, decoding the item included.
    """

    record: StreamRecord | UnreadableRecord
    outcome: Outcome
    handlers: tuple[tuple[str, Outcome], ...] = ()
    error: BaseException | None = None
    seconds: float = 0.0

    def __repr__(self) -> str:
        """Describe the error without its message, which may contain item values."""
        error = None if self.error is None else describe(self.error)
        return (
            f"{type(self).__name__}(record={self.record!r}, outcome={self.outcome!r},"
            f" handlers={self.handlers!r}, error={error}, seconds={self.seconds!r})"
        )

    @property
    def is_open(self) -> bool:
        """Whether the record is unfinished and has to be retried."""
        return self.outcome is Outcome.FAILED or self.outcome is Outcome.NOT_RUN

    @property
    def why_ignored(self) -> str | None:
        """Why no handler took the record, without item values; None if one did.

        It is worked out when it is asked for: for each handler of the record's kind the first condition that
        is false.
        """
        return None


class IgnoredRecord(RecordReport):
    """The report of an ignored record. It equals a plain one: what it knows beside that is no outcome."""

    _why: str | WhyNot | None = None

    @classmethod
    def of(cls, record: StreamRecord | UnreadableRecord, why: WhyNot | None) -> IgnoredRecord:
        """Return the report of a record that no handler takes."""
        report = cls(record, Outcome.IGNORED)
        report._why = why
        return report

    @property
    def why_ignored(self) -> str | None:
        """Why no handler took the record."""
        return self.explain(str)

    def explain(self, name_of: Callable[[str], str]) -> str | None:
        """Return why no handler took the record, with handlers named as `name_of` writes them."""
        if callable(self._why) and isinstance(self.record, StreamRecord):
            return self._why(self.record, name_of)
        return self._why if isinstance(self._why, str) else None

    def __repr__(self) -> str:
        """Show what every report shows."""
        return repr(RecordReport(*self))

    def __getstate__(self) -> Mapping[str, object]:
        """Keep the reason in copies, but not the app's handlers, which can hardly be pickled."""
        return {"_why": self.why_ignored}


def reason_for_ignoring(report: RecordReport, name_of: Callable[[str], str]) -> str | None:
    """Return `why_ignored` with handlers named as `name_of` writes them."""
    return report.explain(name_of) if isinstance(report, IgnoredRecord) else None


def worst_of(outcomes: Collection[Outcome]) -> Outcome:
    """Return the worst outcome of a record's handlers, which is the record's own."""
    return next(outcome for outcome in _WORST_FIRST if outcome in outcomes)


class BatchReport(NamedTuple):
    """The outcome of a batch.

    Attributes:
        records: A report for each record, in the order of the batch.
        seconds: How long the batch took.
        finished_at: When it ended, in UTC.
        delivery: What delivered the batch: a `"stream"` is retried from one record on, of a `"queue"` of dead
            letters each message that is named.
    """

    records: tuple[RecordReport, ...]
    seconds: float = 0.0
    finished_at: datetime | None = None
    delivery: Delivery = "stream"

    @property
    def handled(self) -> int:
        """The number of records that were handled now."""
        return self._count(Outcome.HANDLED)

    @property
    def already_handled(self) -> int:
        """The number of records that had been handled before."""
        return self._count(Outcome.ALREADY_HANDLED)

    @property
    def ignored(self) -> int:
        """The number of records that no handler takes."""
        return self._count(Outcome.IGNORED)

    @property
    def failed(self) -> int:
        """The number of records that failed."""
        return self._count(Outcome.FAILED)

    @property
    def dead_lettered(self) -> int:
        """The number of records that were dead-lettered now."""
        return self._count(Outcome.DEAD_LETTERED)

    @property
    def not_run(self) -> int:
        """The number of records that are left to a retry, after a failure or because time ran out."""
        return self._count(Outcome.NOT_RUN)

    @property
    def handlers(self) -> Mapping[str, Mapping[Outcome, int]]:
        """For each handler that took a record, the number of records by outcome."""
        counts: dict[str, dict[Outcome, int]] = {}
        for name, outcome in (pair for report in self.records for pair in report.handlers):
            of_handler = counts.setdefault(name, {})
            of_handler[outcome] = of_handler.get(outcome, 0) + 1
        return counts

    @property
    def oldest_age(self) -> timedelta | None:
        """The age of the oldest change when the batch ended, to the second; None if no record has a time.

        It grows while a shard is blocked. AWS's own metric for it is `IteratorAge`.
        """
        moments = [moment for report in self.records if (moment := _created_at(report.record)) is not None]
        return self.finished_at - min(moments) if moments and self.finished_at is not None else None

    @property
    def response(self) -> BatchResponse:
        """The answer for Lambda.

        For a stream it names the lowest unfinished record, from which Lambda retries; for a queue, each
        unfinished message. `""` stands for a record without an identifier and fails the whole batch.
        """
        return respond(ANSWERING[self.delivery].unfinished(self._states()))

    @property
    def failure(self) -> BatchFailedError | None:
        """The exception to raise instead of answering; None where the answer is enough.

        It is one where the answer would name the first of several records, which leaves
        `BisectBatchOnFunctionError` nothing to cut, or a record that has no identifier.
        """
        states = self._states()
        answering = ANSWERING[self.delivery]
        identifiers = answering.unfinished(states)
        if not answering.must_raise(states, identifiers):
            return None
        error = next((report.error for report in self.records if report.error and report.is_open), None)
        reason = describe(error) if error else "no time was left"
        message = f"the whole batch of {len(self.records)} records has to be retried: {reason}"
        return BatchFailedError(
            message, identifier=identifiers[0] if len(identifiers) == 1 else None, error=error
        )

    def _states(self) -> RecordStates:
        """Return each record's part of the answer; nothing, and quickly, where all of them are done."""
        outcomes = [report.outcome for report in self.records]
        if Outcome.FAILED not in outcomes and Outcome.NOT_RUN not in outcomes:
            return ()
        return [(report.record.identifier, report.is_open) for report in self.records]

    def _count(self, outcome: Outcome) -> int:
        return sum(report.outcome is outcome for report in self.records)


class BatchRun(Protocol):
    """A batch that has run."""

    @property
    def size(self) -> int:
        """The number of records."""
        ...

    @property
    def report(self) -> BatchReport:
        """The outcome of each record. It may be made only now, since most often nobody asks for it."""
        ...

    def takers(self) -> AbstractSet[str]:
        """Return the names of the handlers that took a record."""
        ...

    def ignored(self) -> Iterable[StreamRecord]:
        """Return the records of a stream that no handler took."""
        ...

    def answer(self) -> BatchResponse:
        """Return the answer for Lambda.

        Raises:
            BatchFailedError: Only an exception says what is to be retried.
        """
        ...


class ReportedRun(NamedTuple):
    """A batch that has run, with its report."""

    report: BatchReport

    @property
    def size(self) -> int:
        """The number of records."""
        return len(self.report.records)

    def takers(self) -> AbstractSet[str]:
        """Return the names of the handlers that took a record."""
        return self.report.handlers.keys()

    def ignored(self) -> Iterable[StreamRecord]:
        """Return the records of a stream that no handler took."""
        if not ANSWERING[self.report.delivery].is_ordered:
            return []
        ignored = [each.record for each in self.report.records if each.outcome is Outcome.IGNORED]
        return [record for record in ignored if isinstance(record, StreamRecord)]

    def answer(self) -> BatchResponse:
        """Return the answer for Lambda, or raise what says it."""
        if self.report.failure is not None:
            raise self.report.failure
        return self.report.response


def _created_at(record: StreamRecord | UnreadableRecord) -> datetime | None:
    try:
        return record.created_at if isinstance(record, StreamRecord) else None
    except InvalidRecordError:
        return None
