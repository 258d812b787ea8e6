"""What tests of stream handlers and of stores need."""

from ._builders import RecordDetails, Table, event, insert, inserted, modified, modify, remove, removed
from ._clock import FunctionTimeoutError, VirtualClock
from ._function import SimulatedContext
from ._history import Discarded, History, Invocation
from ._mapping import EventSourceMapping
from ._packing_rules import PACKING_RULES, PackingRule
from ._patterns import matches_pattern
from ._store_rules import EXPIRY_RULES, STORE_RULES, ExpiryRule, MakeStore, StoreRule
from ._transaction_rules import TRANSACTION_RULES, TableUnderTest, TransactionRule

__all__ = [
    "EXPIRY_RULES",
    "PACKING_RULES",
    "STORE_RULES",
    "TRANSACTION_RULES",
    "Discarded",
    "EventSourceMapping",
    "ExpiryRule",
    "FunctionTimeoutError",
    "History",
    "Invocation",
    "MakeStore",
    "PackingRule",
    "RecordDetails",
    "SimulatedContext",
    "StoreRule",
    "Table",
    "TableUnderTest",
    "TransactionRule",
    "VirtualClock",
    "event",
    "insert",
    "inserted",
    "matches_pattern",
    "modified",
    "modify",
    "remove",
    "removed",
]
