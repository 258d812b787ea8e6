"""What tests of stream handlers and of stores need."""

from ._builders import RecordDetails, Table, event, insert, inserted, modified, modify, remove, removed
from ._clock import FunctionTimeoutError, VirtualClock
from ._explorer import Exploration, explore
from ._function import SimulatedContext
from ._history import Discarded, History, Invocation
from ._letters import MemorySink, queue_event
from ._mapping import EventSourceMapping
from ._packing_rules import PACKING_RULES, PackingRule
from ._patterns import matches_pattern
from ._processes import boundary
from ._store_rules import EXPIRY_RULES, STORE_RULES, ExpiryRule, MakeStore, StoreRule
from ._transaction_rules import TRANSACTION_RULES, TableUnderTest, TransactionRule
from ._violations import ScheduleStep, Violation

__all__ = [
    "EXPIRY_RULES",
    "PACKING_RULES",
    "STORE_RULES",
    "TRANSACTION_RULES",
    "Discarded",
    "EventSourceMapping",
    "ExpiryRule",
    "Exploration",
    "FunctionTimeoutError",
    "History",
    "Invocation",
    "MakeStore",
    "MemorySink",
    "PackingRule",
    "RecordDetails",
    "ScheduleStep",
    "SimulatedContext",
    "StoreRule",
    "Table",
    "TableUnderTest",
    "TransactionRule",
    "Violation",
    "VirtualClock",
    "boundary",
    "event",
    "explore",
    "insert",
    "inserted",
    "matches_pattern",
    "modified",
    "modify",
    "queue_event",
    "remove",
    "removed",
]
