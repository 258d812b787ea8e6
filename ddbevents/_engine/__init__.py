"""The batch engine: order, time, idempotency records, failures, the report and Lambda's answer."""

from ._batch import process_batch
from ._dead_letters import DeadLetters, DeadLetterSink
from ._deadline import Deadline
from ._failures import describe_beside
from ._jobs import AnyJob, BatchSettings, BrokenJob, Job
from ._ledger import Task
from ._report import BatchItemFailure, BatchReport, BatchResponse, Outcome, RecordReport
from ._reporting import Callback, tell
from ._stores import KEEP, Commit, IdempotencyStore, PackingStore, TransactionalStore, check_keep, utc_now
from ._wiring import check_concurrency, check_middleware, check_name, check_store, check_time_reserve

__all__ = [
    "KEEP",
    "AnyJob",
    "BatchItemFailure",
    "BatchReport",
    "BatchResponse",
    "BatchSettings",
    "BrokenJob",
    "Callback",
    "Commit",
    "DeadLetterSink",
    "DeadLetters",
    "Deadline",
    "IdempotencyStore",
    "Job",
    "Outcome",
    "PackingStore",
    "RecordReport",
    "Task",
    "TransactionalStore",
    "check_concurrency",
    "check_keep",
    "check_middleware",
    "check_name",
    "check_store",
    "check_time_reserve",
    "describe_beside",
    "process_batch",
    "tell",
    "utc_now",
]
