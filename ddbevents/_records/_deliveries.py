"""The event of any source but a stream of usual records: told by its shape, or refused by its name.

It is loaded when such an event comes, for the sake of cold starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

from ._failures import Fetching
from ._foreign import refused, refused_batch
from ._kinesis import read_kinesis_records
from ._messages import QUEUE, failures_of, read_messages, read_notices
from ._pipes import read_pipe
from ._reading import KINESIS, SOURCE, read_records
from ._record import AnyRecord, Delivery, FailureReader
from ._shapes import is_record

Read: TypeAlias = Callable[[list[Any]], Iterator[AnyRecord]]
Delivered: TypeAlias = tuple[list[Any], Delivery, Read]
"""The records as an event has them, what delivers them, and what reads them."""

_SOURCES: Final[Mapping[object, tuple[Delivery, Read]]] = {
    SOURCE: ("stream", read_records),
    KINESIS: ("kinesis", read_kinesis_records),
}


def delivered(event: object, reader: FailureReader | None, is_late: Callable[[], bool]) -> Delivered:
    """Return what an event holds.

    Args:
        event: The event.
        reader: The app's reader of failure records.
        is_late: Returns whether no time is left to fetch more of them.

    Raises:
        InvalidEventError: It is no batch of records that an app reads.
    """
    if isinstance(event, list) and any(isinstance(each, dict) and is_record(each) for each in event):
        return event, "pipe", read_pipe
    if isinstance(event, dict) and "BatchInput" in event and isinstance(event.get("Items"), list):
        from ._exports import read_export, read_lines  # noqa: PLC0415  # cold start: for exports and scans

        return event["Items"], "map", partial(read_lines, export=read_export(event["BatchInput"]))
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list):
        raise refused(event)
    return _of_records(records, Fetching(reader, is_late))


def _of_records(records: list[Any], fetching: Fetching) -> Delivered:
    """Return what a list of records is, by the first of them that says where it is from."""
    objects = [each for each in records if isinstance(each, dict)]
    names = (each.get("eventSource") for each in objects)
    source = next((name for name in names if isinstance(name, str) and name in {*_SOURCES, QUEUE}), None)
    if source == QUEUE:
        return records, "queue", partial(read_messages, fetching=fetching)
    if source is None and any(map(failures_of, objects)):
        is_of_bucket = any(each.get("eventSource") == "aws:s3" for each in objects)
        return records, "bucket" if is_of_bucket else "topic", partial(read_notices, fetching=fetching)
    if source is None:
        error = refused_batch(records)
        if error is not None:
            raise error
    delivery, read = _SOURCES[source or SOURCE]
    return records, delivery, read
