"""Handlers of lists under a schedule: their points lie around a call, and between the changes of its list."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from typing_extensions import override

from ..._errors import PartialFailure
from ._processes import Process
from ._schedules import Fault, Point


class Elements(list[Any]):
    """The changes of a call. A process can be hit whenever the handler goes on to the next one."""

    def __init__(self, changes: Iterable[Any], process: Process, handler: str) -> None:
        super().__init__(changes)
        self._process = process
        self._handler = handler

    @override
    def __iter__(self) -> Iterator[Any]:
        for place, change in enumerate(super().__iter__()):
            if place:
                point = Point("between", self._handler, event_ids_of(self[place - 1]))
                if self._process.reach(point) is Fault.CALL_FAILED:
                    raise ConnectionError("the call fails here, as the schedule says")
            yield change


@contextmanager
def handling_list(process: Process, handler: str, changes: Sequence[Any]) -> Generator[None]:
    """Run a bulk handler within this context; its begin and its end are points."""
    event_ids = _event_ids(changes)
    process.reach(Point("begin", handler, event_ids))
    process.note_begun(handler, event_ids)
    try:
        yield
    except PartialFailure as failure:
        named = {id(change) for change, _ in failure.failures}
        process.note_done(handler, _event_ids([change for change in changes if id(change) not in named]))
        raise
    process.note_done(handler, event_ids)
    if process.reach(Point("end of list", handler, event_ids)) is Fault.PARTLY_FAILED:
        raise _naming(changes[0])


def event_ids_of(change: Any) -> tuple[str, ...]:
    """Return the event ids of a change's record, or of all records that a last state stands for."""
    return tuple(record.event_id for record in getattr(change, "records", (change.record,)))


def _event_ids(changes: Iterable[Any]) -> tuple[str, ...]:
    return tuple(event_id for change in changes for event_id in event_ids_of(change))


def _naming(change: object) -> PartialFailure:
    failure = PartialFailure()
    failure.add(change)
    return failure
