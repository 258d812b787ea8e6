"""Records: what they hold, and how they are read from the events of every source."""

from ._events import is_from_stream, parse_event, read_event
from ._reading import read_record
from ._record import DeadLetter, KeyValue, Kind, StreamRecord, UnreadableRecord, ViewType, lane_of, table_of

__all__ = [
    "DeadLetter",
    "KeyValue",
    "Kind",
    "StreamRecord",
    "UnreadableRecord",
    "ViewType",
    "is_from_stream",
    "lane_of",
    "parse_event",
    "read_event",
    "read_record",
    "table_of",
]
