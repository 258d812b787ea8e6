"""What tests of stream handlers and of stores need."""

from ._builders import RecordDetails, Table, event, insert, inserted, modified, modify, remove, removed
from ._explorer._explorer import Exploration, explore
from ._explorer._processes import boundary
from ._explorer._violations import ScheduleStep, Violation
from ._letters import MemorySink, queue_event
from ._mapping._clock import FunctionTimeoutError, VirtualClock
from ._mapping._function import SimulatedContext
from ._mapping._history import Discarded, History, Invocation
from ._mapping._mapping import EventSourceMapping
from ._mapping._patterns import matches_pattern
from ._rules._packing_rules import PACKING_RULES, PackingRule
from ._rules._store_rules import EXPIRY_RULES, STORE_RULES, ExpiryRule, MakeStore, StoreRule
from ._rules._transaction_rules import TRANSACTION_RULES, TableUnderTest, TransactionRule

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
