"""Words for the points and faults of a schedule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from .._tables import short
from ._schedules import Fault, OtherBatches, OtherItems, Point, PointKind

WHAT_HAPPENS: Final = {
    Fault.KILLED_BEFORE: "the process is killed, or times out",
    Fault.KILLED_AFTER: "the request succeeds, but the process is killed before it knows",
    Fault.ANSWER_LOST: "the request succeeds, but its answer is lost",
    Fault.REFUSED: "the store refuses the request",
    Fault.OUT_OF_TIME: "no time is left for another record",
    Fault.CALL_FAILED: "the call fails, so the handler is called with fewer changes",
    Fault.PARTLY_FAILED: "a PartialFailure names its first change, although that is done",
}


_AROUND: Final[Mapping[PointKind, str]] = {"begin": "begin", "end": "end", "end of list": "end"}
MEANWHILE: Final = {
    OtherBatches: "other batches run to their end",
    OtherItems: "the other items of the batch run to their end",
}


def in_words(point: Point, record_name: Callable[[str], str]) -> str:
    """Return where a point is, with records named as `record_name` does."""
    if point.kind == "boundary":
        return point.name
    about = (
        record_name(point.event_ids[0]) if len(point.event_ids) == 1 else f"{len(point.event_ids)} records"
    )
    if point.kind == "between":
        return f"in the list of {short(point.name)}, after {about}"
    if point.kind in _AROUND:
        return f"{_AROUND[point.kind]} of {short(point.name)}, {about}"
    return f"store.{point.name}, {about}"
