"""Lanes, the records of one item in order, and how several run at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextvars import copy_context
from decimal import Decimal
from typing import TypeVar

from ._calls import is_inside_loop
from ._records import KeyValue, StreamRecord, UnreadableRecord

LaneT = TypeVar("LaneT")


def lane_of(record: StreamRecord | UnreadableRecord) -> Hashable | None:
    """What the records of one item have in common; None if it may be any item's."""
    keys = record.keys
    return None if keys is None else frozenset([(name, _text(value)) for name, value in keys.items()])


def run_at_once(
    lanes: Sequence[LaneT], run: Callable[[LaneT], None], stop: Callable[[], None], concurrency: int
) -> None:
    """Run the lanes, so many at once, each in a thread with the caller's context variables.

    Returns when all have ended. What a lane raises is raised here, as is what interrupts the waiting.

    Args:
        lanes: What to run.
        run: Runs a lane.
        stop: Ends all lanes before their next record.
        concurrency: How many run at once.
    """
    # threads could only wait for the loop that waits for them
    if len(lanes) <= 1 or is_inside_loop():
        for lane in lanes:
            run(lane)
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  # cold start: for those who ask for it

    with ThreadPoolExecutor(min(concurrency, len(lanes)), thread_name_prefix="ddbevents-lane") as threads:
        try:
            for future in [threads.submit(copy_context().run, run, lane) for lane in lanes]:
                future.result()
        except BaseException:
            stop()
            raise


def _text(value: KeyValue) -> str | bytes:
    """Text, the same for equal numbers: Python seeds its hashes, so nobody can make keys collide."""
    if isinstance(value, Decimal):
        # exact: arithmetic would round as the handlers' own decimal context says, or raise
        return str(int(value)) if value == int(value) else format(value, "f").rstrip("0")
    return str(value) if isinstance(value, int) else value
