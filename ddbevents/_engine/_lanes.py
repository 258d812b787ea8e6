"""The records of a batch, run in order per item, several items at a time if asked to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from contextvars import copy_context
from time import perf_counter

from .._async import is_failure, is_inside_loop
from .._records import lane_of
from .._transaction import Transaction
from ._entries import Entry, Handler
from ._progress import Progress
from ._report import Outcome


def run_lanes(entries: Sequence[Entry], progress: Progress, concurrency: int) -> None:
    """Run the handlers of entries, up to `concurrency` items at a time."""
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
            progress.gate.stop()
            raise


def _run_in_order(entries: Iterable[Entry], progress: Progress) -> None:
    try:
        for entry in entries:
            todo = progress.begin(entry)
            if todo:
                start = perf_counter()
                run_handlers(entry, todo, progress)
                progress.end(entry, perf_counter() - start)
            # a record's handlers share the items that they decode, which would add up over a large batch
            entry.handlers = ()
    except BaseException:
        progress.gate.stop()
        raise


def run_handlers(entry: Entry, todo: Sequence[Handler], progress: Progress) -> None:
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
