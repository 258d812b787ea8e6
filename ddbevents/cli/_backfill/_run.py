"""The batches of a backfill, run through an app one after the other, each until all of its items are done."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..._app import StreamApp
from ..._engine import BatchReport, Outcome, RecordReport
from .._errors import CommandError
from .._local import InvocationContext, invoke_app
from ._cursor import Cursor
from ._items import ItemSource

_BETWEEN_SAVES: Final = 1.0  # seconds, since each save writes a file


class Settings(NamedTuple):
    """How a backfill runs.

    Attributes:
        function_name: The name of an app that has none.
        timeout: How many seconds a batch may take.
        retries: How often a batch with failures is tried again.
        dry_run: Whether nothing runs.
    """

    function_name: str
    timeout: int
    retries: int
    dry_run: bool


class Backfill:
    """A run over a source.

    Attributes:
        cursor: How far it came.
        failed: The reports of the items at which it stopped.
    """

    def __init__(self, app: StreamApp, cursor: Cursor, file: Path, settings: Settings) -> None:
        self.cursor = cursor
        self.failed: BatchReport | None = None
        self._app = app
        self._file = file
        self._settings = settings
        self._saved_at = time.monotonic()
        self._since_position: Counter[str] = Counter()

    @property
    def outcomes(self) -> Counter[str]:
        """How many items that are done had which outcome."""
        return self.cursor.outcomes + self._since_position

    def run(self, source: ItemSource) -> Iterator[int]:
        """Yield the number of items of each batch that is done, until one is not.

        Raises:
            SourceError: The source cannot be read.
            CommandError: The app takes no such events, a handler ended Python, or the cursor cannot be
                written.
        """
        if not self._settings.dry_run:
            self.cursor.save(self._file)
        try:
            for batch in source.batches(self.cursor.position):
                if batch.event["Items"] and not self._settle(source.convert(batch.event)):
                    return
                if batch.position is not None:
                    self._advance(batch.position)
                yield len(batch.event["Items"])
            self._end()
        finally:
            if self._file.exists() and not self._settings.dry_run:
                self.cursor.save(self._file)

    def _settle(self, event: dict[str, Any]) -> bool:
        """Run the items of a batch until all are done, and return whether that came to be."""
        failures = 0
        while True:
            report = self._process(event)
            self._since_position.update(each.outcome for each in report.records if self._is_done(each))
            rest = [place for place, each in enumerate(report.records) if not self._is_done(each)]
            if not rest:
                return True
            has_failed = any(report.records[place].outcome is Outcome.FAILED for place in rest)
            failures += has_failed
            if failures > self._settings.retries or not (has_failed or len(rest) < len(report.records)):
                self.failed = report._replace(records=tuple(report.records[place] for place in rest))
                return False
            event = _only(event, rest)
            if has_failed:
                time.sleep(2 ** (failures - 1))

    def _is_done(self, report: RecordReport) -> bool:
        return self._settings.dry_run or not report.is_open

    def _process(self, event: dict[str, Any]) -> BatchReport:
        context = InvocationContext.starting_now(self._settings.function_name, self._settings.timeout)
        if self._settings.dry_run:
            return self._app.preview(event, context)
        invocation = invoke_app(self._app, event, context)
        if invocation.report is None:
            raise CommandError(f"the app gave up: {invocation.answer['errorMessage']}")
        return invocation.report

    def _advance(self, position: dict[str, Any]) -> None:
        self.cursor.position = position
        self.cursor.outcomes += self._since_position
        self._since_position.clear()
        if time.monotonic() - self._saved_at >= _BETWEEN_SAVES and not self._settings.dry_run:
            self.cursor.save(self._file)
            self._saved_at = time.monotonic()

    def _end(self) -> None:
        if not self._settings.dry_run:
            self._file.unlink(missing_ok=True)


def _only(event: Mapping[str, Any], places: Sequence[int]) -> dict[str, Any]:
    """Return an event with some of its items or records."""
    name = "Items" if "Items" in event else "Records"
    return {**event, name: [event[name][place] for place in places]}
