"""One batch from its event to its report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from time import perf_counter, time
from typing import TYPE_CHECKING

from .._errors import StoreError
from .._logs import describe, logger
from .._records import Event, columns_of
from ._entries import Dispatch, Entry, entry_of, report_of
from ._report import BatchRun, Outcome, ReportedRun
from ._settings import Settings
from ._straight import Straight

if TYPE_CHECKING:
    from ._progress import Progress
    from ._units import BegunCall


def process_batch(event: Event, dispatch: Dispatch, settings: Settings) -> BatchRun:
    """Run the handlers of each record, those of an item's records in order.

    A failure holds back the later records of its item. Without a store it stops the whole batch of a stream,
    since everything that ran after it would run again.
    """
    start = perf_counter()
    straight = _straight(event, dispatch, settings)
    if straight is None:
        entries = [entry_of(record, dispatch) for record in event.read()]
    elif straight.run():
        return straight
    else:
        entries = straight.entries(dispatch)
    _run(entries, straight, dispatch, settings)
    return ReportedRun(report_of(entries, settings, perf_counter() - start, time()))


def preview_batch(event: Event, dispatch: Dispatch, settings: Settings) -> BatchRun:
    """Find out what was handled before, what would run, and what would fail before it could; run nothing."""
    from ._progress import Progress  # noqa: PLC0415  # cold start: most batches go straight

    entries = [entry_of(record, dispatch) for record in event.read()]
    progress = Progress(settings)
    if _second_pass(entries, dispatch, settings) is not None:
        for entry in entries:
            entry.handlers = [*entry.handlers, *[handler for handler, _ in entry.bulk]]
    with suppress(StoreError):  # the report says so
        progress.read(entries)
    for entry in entries:
        todo = progress.note_earlier(entry)
        if entry.invalid is not None:
            # the error is shown even if the record was dead-lettered before
            entry.error = entry.invalid
            entry.outcomes |= {handler.name: Outcome.FAILED for handler in todo}
    return ReportedRun(report_of(entries, settings, 0.0, time()))


def _straight(event: Event, dispatch: Dispatch, settings: Settings) -> Straight | None:
    """Return the batch on the straight path; None if it is not usual, or its handlers are not plain."""
    if event.delivery != "stream" or settings.concurrency != 1:
        return None
    columns = columns_of(event.raws)
    steps = None if columns is None else dispatch.steps_of(columns)
    if columns is None or steps is None:
        return None
    bulk = dispatch.bulk_handlers()
    if not bulk:
        return Straight(columns, steps, settings)
    names = {step[0] for each in {*steps} for step in each}
    if names.isdisjoint(bulk):
        return Straight(columns, steps, settings)
    if not names <= bulk.keys():
        return None
    from ._straight_bulk import StraightBulk  # noqa: PLC0415  # cold start: for apps with such handlers

    return StraightBulk(columns, steps, bulk, settings)


def _run(entries: Sequence[Entry], straight: Straight | None, dispatch: Dispatch, settings: Settings) -> None:
    """Run all entries, or those that the straight path has left."""
    # cold start: most batches go straight
    from ._lanes import run_lanes  # noqa: PLC0415
    from ._progress import Progress  # noqa: PLC0415

    progress = Progress(settings)
    second_pass = _second_pass(entries, dispatch, settings, straight)
    try:
        try:
            rest = straight.hand_over(entries, progress) if straight else progress.read(entries)
        except StoreError as error:
            logger().error("idempotency records cannot be read, so no handler ran: %s", describe(error))
            return
        run_lanes(rest, progress, settings.concurrency)
        if second_pass is not None:
            progress.finish()
            second_pass(progress)
    finally:
        # even if SystemExit passes through: what is done need not run again
        progress.finish()


def _second_pass(
    entries: Sequence[Entry], dispatch: Dispatch, settings: Settings, straight: Straight | None = None
) -> Callable[[Progress], None] | None:
    """Set the handlers of the second pass aside, and return what runs them; None if there are none."""
    handlers = dispatch.bulk_handlers()
    if not handlers:
        return None
    from ._bulk import run_bulk  # noqa: PLC0415  # cold start: for apps with such handlers
    from ._units import set_aside  # noqa: PLC0415  # as above

    if not set_aside(entries, dispatch, settings):
        return None
    if not settings.has_store:
        # what the first pass has done would run again if nothing were left for the second
        settings.deadline.keep_half()
    begun: BegunCall | None = getattr(straight, "begun", None)
    return partial(run_bulk, entries, [*handlers], settings, begun)
