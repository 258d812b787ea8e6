"""The dead letters of a source, run through an app in batches as if a queue delivered them.

The records that Lambda's failure records name run as if the stream delivered them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count, groupby
from time import perf_counter
from typing import Any, NamedTuple, TypeAlias

from ..._app import StreamApp
from ..._engine import BatchReport, Outcome, RecordReport
from ..._errors import SourceError
from ..._records import AnyRecord, StreamRecord, UnreadableRecord, lane_of, read_event
from ..._records._failures import Failure
from ...sources import StreamReader
from .._errors import CommandError
from .._local import InvocationContext, invoke_app
from ._failures import failures_in_text, first_number, function_of
from ._source import LetterSource, StoredLetter

_Result: TypeAlias = tuple[StoredLetter, Sequence[RecordReport]]


class Redrive:
    """A run over the dead letters of a source.

    Attributes:
        reports: The reports of all dead letters so far.
        first: The number of the first dead letter in the latest batch, from 1.
        removed: How many dead letters and failure records were removed from the source.
        count: How many of them the latest batch had.
        has_failures: Whether there were Lambda's failure records among them.
    """

    def __init__(self, app: StreamApp, timeout: int, *, dry_run: bool, keep: bool) -> None:
        self.reports: list[RecordReport] = []
        self.first = 1
        self.removed = 0
        self.count = 0
        self.has_failures = False
        self._app = app
        self._timeout = timeout
        self._dry_run = dry_run
        self._keep = keep or dry_run
        self._numbers = count(1)
        self._closed_lanes: set[Hashable] = set()
        self._done: set[str] = set()  # the event ids of failure records' records, which may overlap

    def run(self, source: LetterSource) -> Iterator[BatchReport]:
        """Yield the report of each batch; its handled dead letters are removed before the next batch.

        Raises:
            DeadLetterError: The source fails.
            CommandError: A handler ended Python.
        """
        for batch in source.batches():
            start = perf_counter()
            results = [*self._run_letters(batch), *self._run_failures(batch)]
            reports = [report for _, each in results for report in each]
            self.count = len(batch)
            self.first = len(self.reports) + 1
            self.reports += reports
            yield BatchReport(tuple(reports), perf_counter() - start, datetime.now(UTC), "queue")
            done = [letter.handle for letter, each in results if not any(report.is_open for report in each)]
            if done and not self._keep:
                self.removed += source.remove(done)

    @property
    def is_open(self) -> bool:
        """Whether a dead letter was not handled, or in a dry run cannot be."""
        outcomes = {report.outcome for report in self.reports}
        return Outcome.FAILED in outcomes or (Outcome.NOT_RUN in outcomes and not self._dry_run)

    def _run_letters(self, batch: Sequence[StoredLetter]) -> Iterator[_Result]:
        letters = [each for each in batch if not failures_in_text(each.text)]
        reports: list[RecordReport] = []
        for app, messages in groupby(self._read(letters), key=lambda message: message.app):
            reports += self._run(app, [*messages])
        return ((letter, [report]) for letter, report in zip(letters, reports, strict=True))

    def _run_failures(self, batch: Sequence[StoredLetter]) -> Iterator[_Result]:
        found = [(each, failures) for each in batch if (failures := failures_in_text(each.text))]
        self.has_failures |= bool(found)
        for letter, failures in sorted(found, key=lambda each: first_number(each[1])):
            yield letter, [report for failure in failures for report in self._run_failure(failure)]

    def _run_failure(self, failure: Failure) -> Sequence[RecordReport]:
        """Run the records that a failure record names, but none that ran for an earlier one."""
        try:
            records: list[Any] = StreamReader().read(failure)["Records"]
        except SourceError as error:
            unread = UnreadableRecord(error, None, None, failure)
            return [RecordReport(unread, Outcome.FAILED, error=error)]
        messages = map(_Message, records, read_event({"Records": records}).read())
        left = [each for each in messages if _event_id(each.record) not in self._done]
        reports = self._run(function_of(failure), left)
        if not self._dry_run:
            done = [each.record for each in reports if not each.is_open]
            self._done |= {record.event_id for record in done if isinstance(record, StreamRecord)}
        return reports

    def _read(self, batch: Sequence[StoredLetter]) -> Sequence[_Message]:
        bodies: list[dict[str, object]] = [
            {"messageId": str(next(self._numbers)), "eventSource": "aws:sqs", "body": letter.text}
            for letter in batch
        ]
        return [*map(_Message, bodies, read_event({"Records": bodies}).read())]

    def _run(self, app: str | None, messages: Sequence[_Message]) -> Sequence[RecordReport]:
        """Run the messages of an app, but none of an item that failed in this batch or an earlier one."""
        ready = [message for message in messages if lane_of(message.record) not in self._closed_lanes]
        ready_reports = iter(self._invoke(app, ready))
        reports = [
            next(ready_reports) if message in ready else RecordReport(message.record, Outcome.NOT_RUN)
            for message in messages
        ]
        if not self._dry_run:
            self._closed_lanes |= {lane_of(each.record) for each in reports if each.is_open} - {None}
        return reports

    def _invoke(self, app: str | None, messages: Sequence[_Message]) -> Sequence[RecordReport]:
        event = {"Records": [message.content for message in messages]}
        # an app without a name takes the function's, with which its marks begin
        context = InvocationContext.starting_now(app or "ddbevents", self._timeout)
        if self._dry_run:
            return self._app.preview(event, context).records
        invocation = invoke_app(self._app, event, context)
        if invocation.report is None:
            raise CommandError(
                f"a handler ended Python ({invocation.answer['errorMessage']}); its dead letters were kept"
            )
        return invocation.report.records


def _event_id(record: AnyRecord) -> str | None:
    return record.event_id if isinstance(record, StreamRecord) else None


class _Message(NamedTuple):
    """A dead letter as the message of a queue, or a stream's record; and how it is read."""

    content: dict[str, object]
    record: StreamRecord | UnreadableRecord

    @property
    def app(self) -> str | None:
        """The app that dead-lettered the record; None if the record cannot be read."""
        letter = self.record.letter if isinstance(self.record, StreamRecord) else None
        return letter and letter.app
