"""The event of any source but a stream of usual records: told by its shape, or refused by its name.

It is loaded when such an event comes, for the sake of cold starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from ._foreign import refused, refused_batch
from ._kinesis import read_kinesis_records
from ._messages import QUEUE, read_messages
from ._pipes import read_pipe
from ._reading import KINESIS, SOURCE, read_records
from ._record import AnyRecord, Delivery
from ._shapes import is_record

Read: TypeAlias = Callable[[list[Any]], Iterator[AnyRecord]]
Delivered: TypeAlias = tuple[list[Any], Delivery, Read]
"""The records as an event has them, what delivers them, and what reads them."""

_SOURCES: Final[Mapping[object, tuple[Delivery, Read]]] = {
    SOURCE: ("stream", read_records),
    QUEUE: ("queue", read_messages),
    KINESIS: ("kinesis", read_kinesis_records),
}


def delivered(event: object) -> Delivered:
    """Return what an event holds.

    Raises:
        InvalidEventError: It is no batch of records that an app reads.
    """
    if isinstance(event, list) and any(isinstance(each, dict) and is_record(each) for each in event):
        return event, "pipe", read_pipe
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list):
        raise refused(event)
    sources = [each.get("eventSource") for each in records if isinstance(each, dict)]
    known = next((source for source in sources if isinstance(source, str) and source in _SOURCES), None)
    if known is None:
        error = refused_batch(records)
        if error is not None:
            raise error
    delivery, read = _SOURCES[known or SOURCE]
    return records, delivery, read
