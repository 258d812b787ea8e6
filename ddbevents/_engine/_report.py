"""What came of a batch, record by record, and what Lambda is told of it.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from typing_extensions import TypedDict

from .._errors import BatchFailedError, InvalidRecordError
from .._logs import describe
from .._records import StreamRecord, UnreadableRecord


class Outcome(StrEnum):
    """What came of a record, or of one handler for it."""

    HANDLED = "handled"
    ALREADY_HANDLED = "already handled"
    IGNORED = "ignored"
    DEAD_LETTERED = "dead-lettered"
    FAILED = "failed"
    NOT_RUN = "not run"


class BatchItemFailure(TypedDict):
    """Names a record."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """Lambda's partial batch response: where to begin again. Nothing named means that all is done."""

    batchItemFailures: list[BatchItemFailure]


class RecordReport(NamedTuple):
    """What came of one record.

    Attributes:
        record: The record, which may be one that could not be read.
        outcome: FAILED if one of its handlers failed, ALREADY_HANDLED if all had run before.
        handlers: The handlers that take it, in order, each with what came of it.
        error: Why it failed.
        seconds: The time its handlers took, reading the item included.
    """

    record: StreamRecord | UnreadableRecord
    outcome: Outcome
    handlers: tuple[tuple[str, Outcome], ...] = ()
    error: BaseException | None = None
    seconds: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the record has to be delivered again."""
        return self.outcome is Outcome.FAILED or self.outcome is Outcome.NOT_RUN


_WORST_FIRST: Final = (
    Outcome.FAILED,
    Outcome.NOT_RUN,
    Outcome.DEAD_LETTERED,
    Outcome.HANDLED,
    Outcome.ALREADY_HANDLED,
)


def worst_of(outcomes: Collection[Outcome]) -> Outcome:
    """The worst of the outcomes of its handlers, which becomes the record's."""
    return next(outcome for outcome in _WORST_FIRST if outcome in outcomes)


class Amendment(NamedTuple):
    """What turned out after a record's report was written.

    Attributes:
        place: The record's place in the batch.
        outcome: What came of it after all.
        error: Why.
        handler: Of which handler; None for all that were handled now.
    """

    place: int
    outcome: Outcome
    error: BaseException | None
    handler: str | None = None


def amend(report: RecordReport, amendment: Amendment) -> RecordReport:
    """The report of a record of which more is known."""
    _, outcome, error, handler = amendment
    if handler is None:
        handlers = tuple([(n, outcome if o is Outcome.HANDLED else o) for n, o in report.handlers])
        # a record that failed keeps its own error
        outcome, error = (report.outcome, report.error) if report.is_open else (outcome, error)
        return report._replace(outcome=outcome, handlers=handlers, error=error)
    handlers = tuple([(name, outcome if name == handler else told) for name, told in report.handlers])
    worst = worst_of([told for _, told in handlers])
    return report._replace(outcome=worst, handlers=handlers, error=report.error or error)


class BatchReport(NamedTuple):
    """What came of a batch.

    Attributes:
        records: A report for each record, in the order of the batch.
        seconds: The time all of it took.
        finished_at: When it was done, in UTC.
        from_stream: Whether the batch is part of a stream. One of dead letters from a queue is not, and each
            failure is named.
    """

    records: tuple[RecordReport, ...]
    seconds: float = 0.0
    finished_at: datetime | None = None
    from_stream: bool = True

    @property
    def handled(self) -> int:
        """How many records were handled now."""
        return self._count(Outcome.HANDLED)

    @property
    def already_handled(self) -> int:
        """How many had been handled before."""
        return self._count(Outcome.ALREADY_HANDLED)

    @property
    def ignored(self) -> int:
        """How many no handler takes."""
        return self._count(Outcome.IGNORED)

    @property
    def failed(self) -> int:
        """How many failed."""
        return self._count(Outcome.FAILED)

    @property
    def dead_lettered(self) -> int:
        """How many were put aside now."""
        return self._count(Outcome.DEAD_LETTERED)

    @property
    def not_run(self) -> int:
        """How many were left for the next delivery, after a failure or because time ran out."""
        return self._count(Outcome.NOT_RUN)

    @property
    def handlers(self) -> Mapping[str, Mapping[Outcome, int]]:
        """For each handler that took a record, how many records had which outcome."""
        counts: dict[str, dict[Outcome, int]] = {}
        for name, outcome in (told for report in self.records for told in report.handlers):
            of_handler = counts.setdefault(name, {})
            of_handler[outcome] = of_handler.get(outcome, 0) + 1
        return counts

    @property
    def oldest_age(self) -> timedelta | None:
        """How long ago the oldest change was made, to the second; None if no record tells.

        It grows while a shard is held up. AWS's own metric of it is `IteratorAge`.
        """
        moments = [moment for report in self.records if (moment := _created_at(report.record)) is not None]
        return self.finished_at - min(moments) if moments and self.finished_at is not None else None

    @property
    def response(self) -> BatchResponse:
        """The answer that names the lowest record to deliver again, and so all that come after it.

        Of a queue's messages it names each that has to be delivered again. Where one cannot be named it
        names "", which Lambda takes for a failure of the whole batch.
        """
        if not self._is_open():
            return {"batchItemFailures": []}
        names = [self._checkpoint()] if self.from_stream else self._open_messages()
        return {"batchItemFailures": [{"itemIdentifier": name or ""} for name in names]}

    @property
    def failure(self) -> BatchFailedError | None:
        """What to raise instead of answering; None where the answer says enough.

        That is where the answer would name the first of several records, which leaves
        `BisectBatchOnFunctionError` nothing to cut, or cannot name any.
        """
        if not self._is_open():
            return None
        checkpoint = self._checkpoint() if self.from_stream else None
        if self._says_enough(checkpoint):
            return None
        error = next((report.error for report in self.records if report.error and report.is_open), None)
        reason = describe(error) if error else "no time was left"
        message = f"the batch of {len(self.records)} has to be delivered again as a whole: {reason}"
        return BatchFailedError(message, identifier=checkpoint, error=error)

    def _is_open(self) -> bool:
        # each report as `is_open` tells, without a call for each
        outcomes = [report.outcome for report in self.records]
        return Outcome.FAILED in outcomes or Outcome.NOT_RUN in outcomes

    def _says_enough(self, checkpoint: str | None) -> bool:
        if not self.from_stream:
            return None not in self._open_messages()
        if checkpoint is None:
            return False
        return len(self.records) == 1 or checkpoint != _lowest(self._identifiers())

    def _open_messages(self) -> list[str | None]:
        return [report.record.identifier for report in self.records if report.is_open]

    def _count(self, outcome: Outcome) -> int:
        return sum(report.outcome is outcome for report in self.records)

    def _identifiers(self) -> Iterator[str]:
        return (r.record.identifier for r in self.records if r.record.identifier is not None)

    def _checkpoint(self) -> str | None:
        """The lowest record to deliver again; one that cannot be named is named by the nearest before it."""
        names: list[str] = []
        nearest: str | None = None
        for report in self.records:
            nearest = report.record.identifier or nearest
            if report.is_open:
                if nearest is None:
                    return None
                names.append(nearest)
        return _lowest(names)


def _created_at(record: StreamRecord | UnreadableRecord) -> datetime | None:
    try:
        return record.created_at if isinstance(record, StreamRecord) else None
    except InvalidRecordError:
        return None


def _lowest(identifiers: Iterable[str]) -> str:
    """As Lambda compares them: sequence numbers are numbers of any length."""
    return min(identifiers, key=int)
