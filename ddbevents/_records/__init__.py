"""Records: what they hold, and how they are read from every source's events."""

from ._columns import Columns, columns_of
from ._events import Event, parse_event, read_event
from ._reading import read_known, read_record
from ._record import (
    AnyRecord,
    DeadLetter,
    Delivery,
    FailureReader,
    KeyValue,
    Kind,
    Source,
    StreamRecord,
    UnreadableRecord,
    ViewType,
    lane_of,
    shown_table,
)

__all__ = [
    "AnyRecord",
    "Columns",
    "DeadLetter",
    "Delivery",
    "Event",
    "FailureReader",
    "KeyValue",
    "Kind",
    "Source",
    "StreamRecord",
    "UnreadableRecord",
    "ViewType",
    "columns_of",
    "lane_of",
    "parse_event",
    "read_event",
    "read_known",
    "read_record",
    "shown_table",
]
