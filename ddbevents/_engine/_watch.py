"""The line in the log and the callbacks that follow a batch, and the warnings where nothing matches."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from typing import Final, TypeAlias

from .._async import finish, is_failure
from .._logs import CALLBACK_FAILED, describe, logger
from .._records import Delivery, StreamRecord, shown_table
from .._tuples import NamedTuple
from ._report import BatchReport, BatchRun

_DEBUG: Final = 10  # logging's own numbers: importing it would slow down a cold start
_INFO: Final = 20
_MANY_IGNORED: Final = 100  # records in a row, from the first one of the process on
_MOST_LOOKED_AT: Final = 1000  # records of a process, for those that nearly fit a handler
_MOST_EXAMINED: Final = 200  # of these
_MOST_REASONS: Final = 3
_MOST_LISTED: Final = 5  # numbers of records in a line of the log

Callback: TypeAlias = Callable[[BatchReport], Awaitable[None] | None]
"""Called with the report of each batch."""


class HandlerCall(NamedTuple):
    """One call of a handler, as an observer sees it.

    Attributes:
        handler: The handler's name.
        records: The record; for a bulk handler or one of `on_latest`, the records of all its changes.
    """

    handler: str
    records: tuple[StreamRecord, ...]


class ObservedBatch:
    """A batch, as an observer sees it.

    Attributes:
        app: The app's name, which idempotency records begin with.
        delivery: What delivers the batch.
        size: The number of records; of a queue, a topic or a bucket, the number of messages.
    """

    __slots__ = ("_ended", "_first", "app", "delivery", "size")

    def __init__(
        self, app: str, delivery: Delivery, size: int, first: StreamRecord | None, ended: Sequence[BatchRun]
    ) -> None:
        self.app: Final = app
        self.delivery: Final = delivery
        self.size: Final = size
        self._first = first
        self._ended = ended

    @property
    def report(self) -> BatchReport | None:
        """The outcome of each record; None while the batch runs, and after an exit of the process."""
        # it is made only if an observer asks for it
        return self._ended[0].report if self._ended else None

    @property
    def table(self) -> str | None:
        """The table of the first record that can be read; None if it has none.

        While the batch runs, it is None also if the very first one cannot be read, and for messages of a
        queue, a topic or a bucket, which may have to be fetched.
        """
        first = self._first
        if first is None and self.report is not None:
            known = (each.record for each in self.report.records)
            first = next((record for record in known if isinstance(record, StreamRecord)), None)
        return None if first is None else shown_table(first.raw)


CallObserver: TypeAlias = Callable[[HandlerCall], AbstractContextManager[object]]
"""Called before each call of a handler; returns the context manager that the call runs within."""

Observer: TypeAlias = Callable[[ObservedBatch], AbstractContextManager[CallObserver | None]]
"""Called before each batch; returns the context manager that the batch runs within. On entering, that gives
the observer of its calls, or None for none."""

NearMisses: TypeAlias = Callable[[StreamRecord, AbstractSet[str]], Iterable[str]]
"""Returns what is worth a warning about a record that no handler takes, given those that have taken any."""


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
        self._examined = 0
        self._ignored = 0
        self._has_begun = False
        self._is_over = False

    def note(
        self,
        run: BatchRun,
        doubts: Callable[[], Iterable[str]],
        near_misses: Callable[[], NearMisses],
    ) -> None:
        """Note a batch.

        Args:
            run: The batch.
            doubts: Returns what is wrong with an app that never gets anything; asked once.
            near_misses: Returns what finds the records that nearly fit a handler; called once.
        """
        if self._is_over and self._looked_at >= _MOST_LOOKED_AT and run.size:
            return
        takers = run.takers()
        self._note_silence(run, takers, doubts)
        self._look_for_near_misses(run, takers, near_misses)

    def _note_silence(
        self, run: BatchRun, takers: AbstractSet[str], doubts: Callable[[], Iterable[str]]
    ) -> None:
        if not run.size:
            self._warn(
                "the event has no records. Lambda sends none like it: look at what invokes the function"
            )
        if self._is_over:
            return
        if not self._has_begun:
            self._has_begun = True
            for doubt in doubts():
                self._warn(doubt)
        if takers:
            self._is_over = True
            return
        self._ignored += run.report.ignored
        if self._ignored >= _MANY_IGNORED:
            self._is_over = True
            self._warn(_all_ignored(self._ignored, run.report))

    def _look_for_near_misses(
        self, run: BatchRun, takers: AbstractSet[str], make: Callable[[], NearMisses]
    ) -> None:
        self._looked_at += run.size
        self._taking |= takers
        for record in run.ignored():
            self._near_misses = near_misses = self._near_misses or make()
            for warning in near_misses(record, self._taking):
                self._warn(warning)
            self._examined += 1
            if self._examined >= _MOST_EXAMINED:
                self._looked_at = _MOST_LOOKED_AT
                self._near_misses = None
                return

    def _warn(self, message: str) -> None:
        # of several threads only one gets its own value back
        mine = object()
        if self._said.setdefault(message, mine) is mine:
            logger().warning("%s", message)


def announce(run: BatchRun, callbacks: Iterable[Callback]) -> None:
    """Log a line about the batch, and call the callbacks.

    The batch is done and its marks are written, so a callback that fails must not cause a retry.
    """
    # where logging was never imported, nobody listens
    if "logging" in sys.modules:
        _log(run)
    for callback in callbacks:
        try:
            finish(callback(run.report))
        except BaseException as error:
            # a callback is the user's own code
            if not is_failure(error):
                raise
            logger().error(CALLBACK_FAILED, describe(error))


def _log(run: BatchRun) -> None:
    log = logger("batch")
    if not log.isEnabledFor(_INFO):
        return
    report = run.report
    if log.isEnabledFor(_DEBUG):
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
