"""Typed, ordered, idempotent handlers for DynamoDB Streams in AWS Lambda."""

from ._app import StreamApp
from ._attributes import AttributeValue, Image, Value
from ._changes import Change, Insert, KeyChange, Latest, Modify, Previous, Remove, Upsert, to_json
from ._codec import Prefix, decode, decode_value, encode, encode_value
from ._conditions import Attr, Condition
from ._engine import (
    BatchItemFailure,
    BatchReport,
    BatchResponse,
    LambdaContext,
    Outcome,
    RecordReport,
    current_context,
)
from ._errors import (
    BatchFailedError,
    ConfigurationError,
    DDBEventsError,
    DeadLetterError,
    InvalidEventError,
    InvalidItemError,
    InvalidRecordError,
    PartialFailure,
    Reject,
    SourceError,
    StoreError,
    TransactionError,
)
from ._records import (
    Delivery,
    FailureReader,
    Kind,
    Source,
    StreamRecord,
    UnreadableRecord,
    ViewType,
    parse_event,
)
from ._routing import Router
from ._transaction import Transaction

__all__ = [
    "Attr",
    "AttributeValue",
    "BatchFailedError",
    "BatchItemFailure",
    "BatchReport",
    "BatchResponse",
    "Change",
    "Condition",
    "ConfigurationError",
    "DDBEventsError",
    "DeadLetterError",
    "Delivery",
    "FailureReader",
    "Image",
    "Insert",
    "InvalidEventError",
    "InvalidItemError",
    "InvalidRecordError",
    "KeyChange",
    "Kind",
    "LambdaContext",
    "Latest",
    "Modify",
    "Outcome",
    "PartialFailure",
    "Prefix",
    "Previous",
    "RecordReport",
    "Reject",
    "Remove",
    "Router",
    "Source",
    "SourceError",
    "StoreError",
    "StreamApp",
    "StreamRecord",
    "Transaction",
    "TransactionError",
    "UnreadableRecord",
    "Upsert",
    "Value",
    "ViewType",
    "current_context",
    "decode",
    "decode_value",
    "encode",
    "encode_value",
    "parse_event",
    "to_json",
]
