"""A model of Lambda's event source mapping: batches, retries, filters and destinations in virtual time."""

from ._delivery import EventSourceMapping, most_at_once, next_due
from ._function import Handler, SimulatedContext
from ._history import Discarded, History, Invocation
from ._matching import matches_pattern

__all__ = [
    "Discarded",
    "EventSourceMapping",
    "Handler",
    "History",
    "Invocation",
    "SimulatedContext",
    "matches_pattern",
    "most_at_once",
    "next_due",
]
