"""Dead letters run through an app batch by batch, as if a queue delivered them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count, groupby
from time import perf_counter
from typing import NamedTuple

from .._app import StreamApp
from .._engine import BatchReport, Outcome, RecordReport
from .._records import StreamRecord, UnreadableRecord, lane_of, read_event
from ._errors import CommandError
from ._invocation import InvocationContext, run
from ._letters import Found, Source


class Letter(NamedTuple):
    """A text that was found, as the message of a queue, and the record in it."""

    message: dict[str, object]
    record: StreamRecord | UnreadableRecord

    @property
    def app(self) -> str | None:
        """The app that put the record aside; None if it cannot be read."""
        letter = self.record.letter if isinstance(self.record, StreamRecord) else None
        return letter and letter.app


class Redriving:
    """What one command does with a source.

    Attributes:
        reports: What came of the letters so far.
        first: The number of the latest batch's first letter, from 1.
        removed: How many letters were taken out.
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

    def run(self, source: Source) -> Iterator[BatchReport]:
        """The report of each batch; what is handled is taken out when the next is asked for.

        Raises:
            DeadLetterError: The source fails.
            CommandError: A handler ended Python.
        """
        for batch in source.batches():
            start = perf_counter()
            reports: list[RecordReport] = []
            for app, letters in groupby(self._read(batch), key=lambda letter: letter.app):
                reports += self._run(app, [*letters])
            self.first = len(self.reports) + 1
            self.reports += reports
            yield BatchReport(tuple(reports), perf_counter() - start, datetime.now(UTC), from_stream=False)
            done = [found.handle for found, report in zip(batch, reports, strict=True) if not report.is_open]
            if done and not self._keep:
                source.remove(done)
                self.removed += len(done)

    @property
    def is_open(self) -> bool:
        """Whether there is a letter that was not handled, or cannot be."""
        outcomes = {report.outcome for report in self.reports}
        return Outcome.FAILED in outcomes or (Outcome.NOT_RUN in outcomes and not self._dry_run)

    def _read(self, batch: Sequence[Found]) -> Sequence[Letter]:
        messages: list[dict[str, object]] = [
            {"messageId": str(next(self._numbers)), "eventSource": "aws:sqs", "body": found.text}
            for found in batch
        ]
        return [*map(Letter, messages, read_event({"Records": messages}).records)]

    def _run(self, app: str | None, letters: Sequence[Letter]) -> Sequence[RecordReport]:
        """Those of an item that failed before are left, in this batch as in the queue's own."""
        ready = [letter for letter in letters if lane_of(letter.record) not in self._closed_lanes]
        came = iter(self._invoke(app, ready))
        reports = [
            next(came) if letter in ready else RecordReport(letter.record, Outcome.NOT_RUN)
            for letter in letters
        ]
        if not self._dry_run:
            self._closed_lanes |= {lane_of(each.record) for each in reports if each.is_open} - {None}
        return reports

    def _invoke(self, app: str | None, letters: Sequence[Letter]) -> Sequence[RecordReport]:
        event = {"Records": [letter.message for letter in letters]}
        # an app without a name takes the function's, with which its marks begin
        context = InvocationContext.of(app or "ddbevents", self._timeout)
        if self._dry_run:
            return self._app.preview(event, context).records
        invocation = run(self._app, event, context)
        if invocation.report is None:
            raise CommandError(
                f"a handler ended Python ({invocation.answer['errorMessage']}): its letters stay"
            )
        return invocation.report.records
