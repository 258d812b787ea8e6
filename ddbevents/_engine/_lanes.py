"""Lanes, the records of one item in order, and how several run at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import TypeVar

from .._async import is_inside_loop

LaneT = TypeVar("LaneT")


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
