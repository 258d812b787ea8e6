"""The test kit: records, Lambda's event source mapping, the crash explorer and rules for stores."""

from ._builders import (
    RecordDetails,
    Table,
    event,
    insert,
    inserted,
    latest,
    modified,
    modify,
    remove,
    removed,
    upserted,
)
from ._clock import FunctionTimeoutError, VirtualClock
from ._explorer import Exploration, ScheduleStep, Violation, boundary, explore
from ._export_files import export_files
from ._failure_records import MemoryReader, failure_record
from ._letters import MemorySink, queue_event
from ._mapping import Discarded, EventSourceMapping, History, Invocation, SimulatedContext, matches_pattern
from ._other_events import kinesis_event, pipes_event
from ._rules import (
    EXPIRY_RULES,
    PACKING_RULES,
    STORE_RULES,
    TRANSACTION_RULES,
    ExpiryRule,
    MakeStore,
    PackingRule,
    StoreRule,
    TableUnderTest,
    TransactionRule,
)

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
    "MemoryReader",
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
    "export_files",
    "failure_record",
    "insert",
    "inserted",
    "kinesis_event",
    "latest",
    "matches_pattern",
    "modified",
    "modify",
    "pipes_event",
    "queue_event",
    "remove",
    "removed",
    "upserted",
]
