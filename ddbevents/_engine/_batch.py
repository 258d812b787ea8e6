"""One batch: lanes, order, failure and time. Knows no models and no AWS client."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import TypeVar

from .._async import is_failure
from .._errors import StoreError
from .._logs import describe, logger
from .._records import StreamRecord, UnreadableRecord, lane_of
from .._transaction import Transaction
from ._failures import Failure, give_up
from ._jobs import (
    AnyJob,
    BatchSettings,
    BrokenJob,
    Handler,
    Job,
    Trouble,
    read_marks,
    report_done,
    report_handled,
    report_left,
    report_tried,
    report_unprotected,
    tasks_of,
)
from ._lanes import run_at_once
from ._ledger import Ledger
from ._packs import Packs, Waiting
from ._report import Amendment, BatchReport, Outcome, RecordReport, amend
from ._stores import Commit

AnyT = TypeVar("AnyT")


def process_batch(jobs: Iterable[AnyJob], settings: BatchSettings) -> BatchReport:
    """Run the jobs, those of a lane in order, each at most once.

    A failure closes the lane of its record. Without a store it stops the whole batch of a stream, since all
    that ran after it would run again.
    """
    start = perf_counter()
    reports = _run(jobs, settings)
    return BatchReport(tuple(reports), perf_counter() - start, datetime.now(UTC), settings.from_stream)


def _run(jobs: Iterable[AnyJob], settings: BatchSettings) -> list[RecordReport]:
    ledger = Ledger(settings.app, settings.store)
    if settings.store is not None:
        known = deque(jobs)
        try:
            read_marks(ledger, known, settings)
        except StoreError as error:
            logger().error("marks cannot be read, so no handler ran: %s", describe(error))
            return [report_unprotected(job, error) for job in known]
        jobs = _let_go(known)
    return _Run(ledger, settings).run(jobs)


class _Run:
    """The state of one batch: which lanes are closed, what waits for the store, and what is reported."""

    def __init__(self, ledger: Ledger, settings: BatchSettings) -> None:
        self._ledger = ledger
        self._packs = Packs(settings.store)
        self._settings = settings
        self._deadline = settings.deadline
        self._lock = threading.Lock()
        self._tried = False
        self._stopped = False
        self._closed_lanes: set[Hashable] = set()
        self._reports: dict[int, RecordReport] = {}
        self._amendments: list[Amendment] = []

    def run(self, jobs: Iterable[AnyJob]) -> list[RecordReport]:
        try:
            if self._settings.concurrency == 1:
                self._run_lane(enumerate(jobs))
            else:
                self._run_lanes(jobs)
        finally:
            # also when SystemExit passes: what is done need not be done again
            self._finish()
        for amendment in self._amendments:
            self._reports[amendment.place] = amend(self._reports[amendment.place], amendment)
        return [self._reports[place] for place in sorted(self._reports)]

    def _finish(self) -> None:
        try:
            self._commit()
        finally:
            self._flush()

    def _run_lanes(self, jobs: Iterable[AnyJob]) -> None:
        lanes: dict[Hashable, deque[tuple[int, AnyJob]]] = defaultdict(deque)
        rest: deque[tuple[int, AnyJob]] = deque()
        for place, job in enumerate(jobs):
            lane = lane_of(job.record)
            # after a record that may be any item's, nothing can be told to be of another lane
            (rest if rest or lane is None else lanes[lane]).append((place, job))
        in_order = [*map(_let_go, lanes.values())]
        run_at_once(in_order, self._run_lane, self._stop, self._settings.concurrency)
        self._run_lane(_let_go(rest))

    def _run_lane(self, jobs: Iterable[tuple[int, AnyJob]]) -> None:
        has_store = self._settings.store is not None
        try:
            for place, job in jobs:
                self._reports[place] = self._step(place, job)
                if has_store:
                    self._write_what_is_due()
        except BaseException:
            self._stop()
            raise

    def _stop(self) -> None:
        self._stopped = True

    def _write_what_is_due(self) -> None:
        if self._packs.is_due():
            self._commit()
        if self._ledger.is_due():
            self._flush()

    def _step(self, place: int, job: AnyJob) -> RecordReport:
        if isinstance(job, BrokenJob):
            return self._step_broken(place, job)
        todo = self._todo(job)
        if not todo:
            return report_done(job)
        may_wait = self._packs.is_enabled and all(handler.transactional for handler in todo)
        if self._packs.is_enabled and not may_wait:
            # what runs now may rely on what was to be written before
            self._commit()
        if not self._may_begin(job.record):
            return report_left(job, todo)
        start = perf_counter()
        trouble = self._try(place, job.record, todo, may_wait=may_wait)
        seconds = perf_counter() - start
        self._deadline.note_record(seconds)
        if trouble is None and todo is job.handlers:
            return report_handled(job, seconds)
        return report_tried(job, todo, trouble, seconds)

    def _step_broken(self, place: int, job: BrokenJob) -> RecordReport:
        if any(task in self._ledger.handled for task in tasks_of(job)):
            return RecordReport(job.record, Outcome.ALREADY_HANDLED)
        # to fail takes no time, to put it aside does
        may_fail = not self._is_held_back(job.record)
        if not (may_fail if self._settings.dead_letters is None else self._may_begin(job.record)):
            return RecordReport(job.record, Outcome.NOT_RUN)
        start = perf_counter()
        outcome = self._give_up(Failure(place, job.record, None, job.error))
        self._deadline.note_record(perf_counter() - start)
        return RecordReport(job.record, outcome, error=job.error)

    def _todo(self, job: Job) -> Sequence[Handler]:
        event_id, handled = job.record.event_id, self._ledger.handled
        for handler in job.handlers:
            if (handler.name, event_id) in handled:
                return [other for other in job.handlers if (other.name, event_id) not in handled]
        return job.handlers

    def _may_begin(self, record: StreamRecord | UnreadableRecord) -> bool:
        if self._is_held_back(record):
            return False
        if self._tried and self._deadline.is_near():
            self._stopped = True
            return False
        self._tried = True
        return True

    def _is_held_back(self, record: StreamRecord | UnreadableRecord) -> bool:
        # the lane is asked for only once one is closed: telling it takes time
        return self._stopped or (bool(self._closed_lanes) and lane_of(record) in self._closed_lanes)

    def _try(
        self, place: int, record: StreamRecord, todo: Iterable[Handler], *, may_wait: bool
    ) -> Trouble | None:
        trouble: Trouble | None = None
        for handler in todo:
            failure = self._call(place, handler, record, may_wait=may_wait)
            if failure is not None:
                outcome = self._give_up(failure)
                told = {**(trouble.outcomes if trouble else {}), handler.name: outcome}
                trouble = Trouble(failure.error, told)
                if outcome is Outcome.FAILED:
                    break
        return trouble

    def _call(self, place: int, handler: Handler, record: StreamRecord, *, may_wait: bool) -> Failure | None:
        transaction = Transaction() if handler.transactional else None
        try:
            is_whole = handler.run(record, transaction)
        except BaseException as error:
            if is_failure(error):
                return Failure(place, record, handler.name, error)
            raise
        task = handler.name, record.event_id
        if transaction is None:
            self._ledger.add(place, task)
            return None
        # what was asked for before something was raised is not sent
        commit = Commit(self._ledger.mark(task), transaction if is_whole else Transaction(), lane_of(record))
        waiting = Waiting(place, record, task, commit)
        if may_wait:
            self._let_wait(waiting)
            return None
        return self._commit_now(waiting)

    def _commit_now(self, waiting: Waiting) -> Failure | None:
        try:
            self._ledger.commit(waiting.task, waiting.commit.transaction, self._deadline.patience)
        except BaseException as error:
            if is_failure(error):
                return _failure_of(waiting, error)
            raise
        return None

    def _give_up(self, failure: Failure) -> Outcome:
        outcome = give_up(failure, self._settings.app, self._settings.dead_letters, self._ledger)
        if outcome is Outcome.DEAD_LETTERED:
            return outcome
        lane = lane_of(failure.record)
        holds_back_all = lane is None or self._settings.store is None
        if failure.of_store or (holds_back_all and self._settings.from_stream):
            self._stopped = True
        elif lane is not None:
            self._closed_lanes.add(lane)
        return outcome

    def _let_wait(self, waiting: Waiting) -> None:
        self._ledger.handled.add(waiting.task)
        if not self._packs.add(waiting):
            self._dropped(waiting)

    def _commit(self) -> None:
        if not self._packs.is_enabled:
            return
        start = perf_counter()
        with self._lock:
            for waiting, error in self._packs.settle(self._deadline):
                if error is not None:
                    self._uncommitted(waiting, error)
        self._deadline.note_flush(perf_counter() - start)

    def _uncommitted(self, waiting: Waiting, error: Exception) -> None:
        handler, _ = waiting.task
        outcome = self._give_up(_failure_of(waiting, error))
        self._amendments.append(Amendment(waiting.place, outcome, error, handler))
        if outcome is Outcome.FAILED:
            self._ledger.handled.discard(waiting.task)
            lane = None if isinstance(error, StoreError) else waiting.commit.lane
            for dropped in self._packs.drop(lane):
                self._dropped(dropped)

    def _dropped(self, waiting: Waiting) -> None:
        handler, _ = waiting.task
        self._ledger.handled.discard(waiting.task)
        self._amendments.append(Amendment(waiting.place, Outcome.NOT_RUN, None, handler))

    def _flush(self) -> None:
        pending = self._ledger.take()
        if not pending:
            return
        start = perf_counter()
        try:
            self._ledger.write(mark for _, mark in pending)
        except StoreError as error:
            logger().error("marks cannot be written, and what ran may run again: %s", describe(error))
            self._stopped = True
            self._amendments += [Amendment(place, Outcome.FAILED, error) for place in dict(pending)]
        self._deadline.note_flush(perf_counter() - start)


def _failure_of(waiting: Waiting, error: BaseException) -> Failure:
    handler, _ = waiting.task
    return Failure(waiting.place, waiting.record, handler, error, of_store=isinstance(error, StoreError))


def _let_go(jobs: deque[AnyT]) -> Iterator[AnyT]:
    """One after the other, keeping none: a job holds its items until it is forgotten."""
    while jobs:
        yield jobs.popleft()
