"""The dead letters of a source, run through an app in batches as if a queue delivered them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count, groupby
from time import perf_counter
from typing import NamedTuple

from ..._app import StreamApp
from ..._engine import BatchReport, Outcome, RecordReport
from ..._records import StreamRecord, UnreadableRecord, lane_of, read_event
from .._errors import CommandError
from .._local import InvocationContext, invoke_app
from ._source import LetterSource, StoredLetter


class Redrive:
    """A run over the dead letters of a source.

    Attributes:
        reports: The reports of all dead letters so far.
        first: The number of the first dead letter in the latest batch, from 1.
        removed: How many dead letters were removed from the source.
    """

    def __init__(self, app: StreamApp, timeout: int, *, dry_run: bool, keep: bool) -> None:
        self.reports: list[RecordReport] = []
        self.first = 1
        self.removed = 0
        self._app = app
        self._timeout = timeout
        self._dry_run = dry_run
        self._keep = keep or dry_run
        self._numbers = count(1)
        self._closed_lanes: set[Hashable] = set()

    def run(self, source: LetterSource) -> Iterator[BatchReport]:
        """Yield the report of each batch; its handled dead letters are removed before the next batch.

        Raises:
            DeadLetterError: The source fails.
            CommandError: A handler ended Python.
        """
        for batch in source.batches():
            start = perf_counter()
            reports: list[RecordReport] = []
            for app, messages in groupby(self._read(batch), key=lambda message: message.app):
                reports += self._run(app, [*messages])
            self.first = len(self.reports) + 1
            self.reports += reports
            yield BatchReport(tuple(reports), perf_counter() - start, datetime.now(UTC), "queue")
            done = [each.handle for each, report in zip(batch, reports, strict=True) if not report.is_open]
            if done and not self._keep:
                self.removed += source.remove(done)

    @property
    def is_open(self) -> bool:
        """Whether a dead letter was not handled, or in a dry run cannot be."""
        outcomes = {report.outcome for report in self.reports}
        return Outcome.FAILED in outcomes or (Outcome.NOT_RUN in outcomes and not self._dry_run)

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


class _Message(NamedTuple):
    """A dead letter as the message of a queue, and the record in it."""

    content: dict[str, object]
    record: StreamRecord | UnreadableRecord

    @property
    def app(self) -> str | None:
        """The app that dead-lettered the record; None if the record cannot be read."""
        letter = self.record.letter if isinstance(self.record, StreamRecord) else None
        return letter and letter.app
