"""What came of a batch, record by record, and what Lambda is told of it.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from typing_extensions import TypedDict

from ._errors import BatchFailedError, describe
from ._records import StreamRecord, UnreadableRecord


class Outcome(StrEnum):
    """What came of a record, or of one handler for it."""

    HANDLED = "handled"
    ALREADY_HANDLED = "already handled"
    IGNORED = "ignored"
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


class BatchReport(NamedTuple):
    """What came of a batch.

    Attributes:
        records: A report for each record, in the order of the batch.
    """

    records: tuple[RecordReport, ...]

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
    def not_run(self) -> int:
        """How many were left for the next delivery, after a failure or because time ran out."""
        return self._count(Outcome.NOT_RUN)

    @property
    def response(self) -> BatchResponse:
        """The answer that names the lowest record to deliver again, and so all that come after it.

        Where nothing can be named it names "", which Lambda takes for a failure of the whole batch.
        """
        if not any(report.is_open for report in self.records):
            return {"batchItemFailures": []}
        return {"batchItemFailures": [{"itemIdentifier": self._checkpoint() or ""}]}

    @property
    def failure(self) -> BatchFailedError | None:
        """What to raise instead of answering; None where the answer says enough.

        That is where the answer would name the first of several records, which leaves
        `BisectBatchOnFunctionError` nothing to cut, or cannot name any.
        """
        if not any(report.is_open for report in self.records):
            return None
        checkpoint = self._checkpoint()
        if checkpoint is not None and (len(self.records) == 1 or checkpoint != _lowest(self._identifiers())):
            return None
        failed = next((report for report in self.records if report.error is not None), None)
        error = failed.error if failed else None
        reason = describe(error) if error else "no time was left"
        message = f"the batch of {len(self.records)} has to be delivered again as a whole: {reason}"
        return BatchFailedError(message, identifier=checkpoint, error=error)

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


def _lowest(identifiers: Iterable[str]) -> str:
    """As Lambda compares them: sequence numbers are numbers of any length."""
    return min(identifiers, key=int)
