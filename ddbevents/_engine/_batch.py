"""One batch from its first record to its report: in order per item, several items at a time if asked to."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from contextvars import copy_context
from datetime import UTC, datetime
from time import perf_counter
from typing import Final, TypeAlias

from .._async import finish, is_failure, is_inside_loop
from .._errors import StoreError
from .._logs import CALLBACK_FAILED, describe, logger
from .._records import AnyRecord, StreamRecord, lane_of
from .._transaction import Transaction
from ._entries import Dispatch, Entry, Handler, entry_of
from ._progress import Progress
from ._report import BatchReport, Outcome
from ._settings import Settings

_MANY_IGNORED: Final = 100  # records in a row, from the first one of the process on
_MOST_LOOKED_AT: Final = 1000  # records of a process, for those that nearly fit a handler
_MOST_REASONS: Final = 3
_MOST_LISTED: Final = 5  # numbers of records in a line of the log

Callback: TypeAlias = Callable[[BatchReport], Awaitable[None] | None]
"""Called with the report of each batch."""

NearMisses: TypeAlias = Callable[[StreamRecord, AbstractSet[str]], Iterable[str]]
"""Returns what is worth a warning about a record that no handler takes, given those that have taken any."""


def process_batch(records: Iterable[AnyRecord], dispatch: Dispatch, settings: Settings) -> BatchReport:
    """Run the handlers of each record, those of an item's records in order, and report the outcomes.

    A failure holds back the later records of its item. Without a store it stops the whole batch of a stream,
    since everything that ran after it would run again.
    """
    start = perf_counter()
    entries = [entry_of(record, dispatch) for record in records]
    progress = Progress(entries, settings)
    try:
        progress.read()
    except StoreError as error:
        logger().error("idempotency records cannot be read, so no handler ran: %s", describe(error))
    else:
        try:
            _run(entries, progress, settings.concurrency)
        finally:
            # even if SystemExit passes through: what is done need not run again
            progress.finish()
    return _report(progress, perf_counter() - start, settings)


def preview_batch(records: Iterable[AnyRecord], dispatch: Dispatch, settings: Settings) -> BatchReport:
    """Report what was handled before, what would run, and what would fail before it could; run nothing."""
    entries = [entry_of(record, dispatch) for record in records]
    progress = Progress(entries, settings)
    with suppress(StoreError):  # the report says so
        progress.read()
    for entry in entries:
        todo = progress.note_earlier(entry)
        if entry.invalid is not None:
            # the error is shown even if the record was dead-lettered before
            entry.error = entry.invalid
            entry.outcomes |= {handler.name: Outcome.FAILED for handler in todo}
    return _report(progress, 0.0, settings)


class Watch:
    """Whether records come to an app's handlers in this process: if not, it warns, of each thing once.

    One batch without a match is everyday for a handler with a condition, so it takes 100 records, the most of
    a usual batch, from the first one on. After a record that a handler takes, nothing more is counted. Among
    the first 1,000 records, ignored ones are looked at for what nearly fits a handler.
    """

    def __init__(self) -> None:
        self._said: dict[str, object] = {}
        self._near_misses: NearMisses | None = None
        self._taking: set[str] = set()
        self._looked_at = 0
        self._ignored = 0
        self._has_begun = False
        self._is_over = False

    def note(
        self,
        report: BatchReport,
        doubts: Callable[[], Iterable[str]],
        near_misses: Callable[[], NearMisses],
    ) -> None:
        """Note a batch.

        Args:
            report: Its report.
            doubts: Returns what is wrong with an app that never gets anything; asked once.
            near_misses: Returns what finds the records that nearly fit a handler; called once.
        """
        self._note_silence(report, doubts)
        if self._looked_at < _MOST_LOOKED_AT and report.from_stream:
            self._look_for_near_misses(report, near_misses)

    def _note_silence(self, report: BatchReport, doubts: Callable[[], Iterable[str]]) -> None:
        if not report.records:
            self._warn(
                "the event has no records. Lambda sends none like it: look at what invokes the function"
            )
        if self._is_over:
            return
        if not self._has_begun:
            self._has_begun = True
            for doubt in doubts():
                self._warn(doubt)
        for each in report.records:
            if each.handlers:
                self._is_over = True
                return
            self._ignored += each.outcome is Outcome.IGNORED
        if self._ignored >= _MANY_IGNORED:
            self._is_over = True
            self._warn(_all_ignored(self._ignored, report))

    def _look_for_near_misses(self, report: BatchReport, make: Callable[[], NearMisses]) -> None:
        self._looked_at += len(report.records)
        self._taking.update(report.handlers)
        for each in report.records:
            if each.outcome is Outcome.IGNORED and isinstance(each.record, StreamRecord):
                self._near_misses = near_misses = self._near_misses or make()
                for warning in near_misses(each.record, self._taking):
                    self._warn(warning)

    def _warn(self, message: str) -> None:
        # of several threads only one gets its own value back
        mine = object()
        if self._said.setdefault(message, mine) is mine:
            logger().warning("%s", message)


def announce(report: BatchReport, callbacks: Iterable[Callback]) -> None:
    """Log a line about the batch, and call the callbacks.

    The batch is done and its marks are written, so a callback that fails must not cause a retry.
    """
    # where logging was never imported nobody listens, and importing it would slow down a cold start
    if "logging" in sys.modules:
        _log(report)
    for callback in callbacks:
        try:
            finish(callback(report))
        except BaseException as error:
            # a callback is the user's own code
            if not is_failure(error):
                raise
            logger().error(CALLBACK_FAILED, describe(error))


def _report(progress: Progress, seconds: float, settings: Settings) -> BatchReport:
    return BatchReport(progress.reports(), seconds, datetime.now(UTC), settings.from_stream)


def _run(entries: Sequence[Entry], progress: Progress, concurrency: int) -> None:
    if concurrency == 1:
        _run_in_order(entries, progress)
        return
    lanes: dict[Hashable, list[Entry]] = defaultdict(list)
    for place, entry in enumerate(entries):
        lane = lane_of(entry.record)
        if lane is None:
            # it may be of any item, so it and everything behind it run one by one, after all lanes
            _run_concurrently([*lanes.values()], progress, concurrency)
            _run_in_order(entries[place:], progress)
            return
        lanes[lane].append(entry)
    _run_concurrently([*lanes.values()], progress, concurrency)


def _run_concurrently(lanes: Sequence[Sequence[Entry]], progress: Progress, concurrency: int) -> None:
    """Run up to `concurrency` lanes at a time, each in a thread with the caller's context variables.

    Returns when all have ended. Raises what a lane raises, and what interrupts the waiting.
    """
    # inside the event loop, threads that run async handlers would wait for this very loop
    if len(lanes) <= 1 or is_inside_loop():
        for lane in lanes:
            _run_in_order(lane, progress)
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  # cold start: for those who use lanes

    with ThreadPoolExecutor(min(concurrency, len(lanes)), thread_name_prefix="ddbevents-lane") as threads:
        try:
            running = [threads.submit(copy_context().run, _run_in_order, lane, progress) for lane in lanes]
            for lane_run in running:
                lane_run.result()
        except BaseException:
            progress.stop()
            raise


def _run_in_order(entries: Iterable[Entry], progress: Progress) -> None:
    try:
        for entry in entries:
            todo = progress.begin(entry)
            if todo:
                start = perf_counter()
                _run_handlers(entry, todo, progress)
                progress.end(entry, perf_counter() - start)
            # a record's handlers share the items that they decode, which would add up over a large batch
            entry.handlers = ()
    except BaseException:
        progress.stop()
        raise


def _run_handlers(entry: Entry, todo: Sequence[Handler], progress: Progress) -> None:
    """Run a record's handlers, one after the other, until one has to be retried.

    A handler whose exception a middleware suppressed counts as handled, but the writes it had asked for by
    then are dropped.
    """
    for handler in todo:
        transaction = Transaction() if handler.transactional else None
        try:
            is_complete = handler.run(entry.record, transaction)
        except BaseException as error:
            # a handler is the user's own code
            if not is_failure(error):
                raise
            outcome = progress.failed(entry, handler.name, error)
        else:
            if transaction is None:
                progress.succeeded(entry, handler.name)
                continue
            writes = transaction if is_complete else Transaction()
            outcome = progress.transact(entry, handler.name, writes, todo)
        if outcome is Outcome.FAILED:
            return


def _log(report: BatchReport) -> None:
    import logging  # noqa: PLC0415  # it is loaded already

    log = logger("batch")
    if not log.isEnabledFor(logging.INFO):
        return
    if log.isEnabledFor(logging.DEBUG):
        for reason, ignored in _ignored(report).items():
            log.debug("%s ignored: %s: %s", _shown(len(ignored), "records"), _listed(ignored), reason)
    counts = {
        "records": len(report.records),
        "handled": report.handled,
        "already_handled": report.already_handled,
        "ignored": report.ignored,
        "failed": report.failed,
        "not_run": report.not_run,
        "dead_lettered": report.dead_lettered,
    }
    age = report.oldest_age
    measures = {"seconds": report.seconds, "oldest_age_seconds": None if age is None else age.total_seconds()}
    summary = ", ".join(_shown(count, name) for name, count in counts.items() if count)
    log.info("%s in %.3f s", summary or "an empty batch", report.seconds, extra={**counts, **measures})


def _all_ignored(count: int, report: BatchReport) -> str:
    reasons = [*_ignored(report)]
    more = len(reasons) - _MOST_REASONS
    shown = "; ".join(reasons[:_MOST_REASONS]) + (f"; and {more} more reasons" if more > 0 else "")
    return (
        f"no handler took any of the first {count} records, the last of them because: {shown}. If that is as"
        " it should be, let FilterCriteria of the event source mapping drop such records"
    )


def _ignored(report: BatchReport) -> Mapping[str, Sequence[str]]:
    """Return each reason for which records were ignored, with their numbers."""
    numbers: dict[str, list[str]] = defaultdict(list)
    for each in report.records:
        reason = each.why_ignored
        if reason is not None:
            numbers[reason].append(str(each.record.identifier))
    return numbers


def _listed(identifiers: Sequence[str]) -> str:
    more = len(identifiers) - _MOST_LISTED
    return ", ".join(identifiers[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def _shown(count: int, name: str) -> str:
    if name == "dead_lettered":
        return f"{count} dead-lettered"
    return "1 record" if (count, name) == (1, "records") else f"{count} {name.replace('_', ' ')}"
