"""The batch engine: order, time, idempotency, failures, the report and the answer."""

from ._answer import ANSWERING, BatchItemFailure, BatchResponse
from ._batch import preview_batch, process_batch
from ._dead_letters import DeadLetters, DeadLetterSink
from ._deadline import Deadline, LambdaContext, current_context, invocation
from ._entries import Dispatch
from ._report import BatchReport, BatchRun, Outcome, RecordReport, reason_for_ignoring
from ._settings import (
    Settings,
    check_arguments,
    check_store,
    function_name,
)
from ._stores import (
    KEEP,
    PATIENCE,
    Commit,
    IdempotencyStore,
    NoStore,
    PackingStore,
    TransactionalStore,
    check_keep,
    utc_now,
)
from ._watch import Callback, CallObserver, HandlerCall, ObservedBatch, Observer, Watch, announce

__all__ = [
    "ANSWERING",
    "KEEP",
    "PATIENCE",
    "BatchItemFailure",
    "BatchReport",
    "BatchResponse",
    "BatchRun",
    "CallObserver",
    "Callback",
    "Commit",
    "DeadLetterSink",
    "DeadLetters",
    "Deadline",
    "Dispatch",
    "HandlerCall",
    "IdempotencyStore",
    "LambdaContext",
    "NoStore",
    "ObservedBatch",
    "Observer",
    "Outcome",
    "PackingStore",
    "RecordReport",
    "Settings",
    "TransactionalStore",
    "Watch",
    "announce",
    "check_arguments",
    "check_keep",
    "check_store",
    "current_context",
    "function_name",
    "invocation",
    "preview_batch",
    "process_batch",
    "reason_for_ignoring",
    "utc_now",
]
