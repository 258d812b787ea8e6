"""An event as Lambda passes it: records of a stream, or dead letters of a queue with the records within.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html and
https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

from .._errors import DeadLetterError, InvalidEventError, InvalidRecordError
from ._reading import read_record, read_records
from ._record import DeadLetter, StreamRecord, UnreadableRecord

_QUEUE: Final = "aws:sqs"
_MESSAGE_ID: Final = r"[0-9A-Za-z-]{1,128}"  # compiled when a queue first delivers


def parse_event(event: object) -> list[StreamRecord]:
    """The records of an event, in the order in which they came.

    Args:
        event: What Lambda passes for a DynamoDB stream, or what boto3's `get_records` returns, or what
            Lambda passes for a queue of dead letters.

    Raises:
        InvalidEventError: It is no batch of records.
        InvalidRecordError: A record is not as AWS sends it.
    """
    records: list[StreamRecord] = []
    for record in read_event(event):
        if isinstance(record, UnreadableRecord):
            raise record.error
        records.append(record)
    return records


def read_event(event: object) -> Iterator[StreamRecord | UnreadableRecord]:
    """The records of an event, those that cannot be read among them. Raises before the first is read."""
    if not isinstance(event, dict):
        raise InvalidEventError(f"the event is {type(event).__name__}, not an object with Records")
    if "Records" not in event:
        raise InvalidEventError("the event has no Records: is the function's trigger a DynamoDB stream?")
    records = event["Records"]
    if not isinstance(records, list):
        raise InvalidEventError(f"Records of the event is {type(records).__name__}, not a list")
    return read_records(records) if is_from_stream(event) else map(_read_message, records, count())


def is_from_stream(event: Any) -> bool:
    """Whether an event that can be read is part of a stream, rather than a queue's."""
    first = next(iter(event["Records"]), None)
    return not (isinstance(first, dict) and first.get("eventSource") == _QUEUE)


def _read_message(message: object, index: int) -> StreamRecord | UnreadableRecord:
    try:
        identifier, letter = _open_message(message)
    except InvalidRecordError as error:
        error.index = index
        return UnreadableRecord(error, _message_id(message), None, message)
    record = read_record(letter.record, index)
    if isinstance(record, UnreadableRecord):
        return record._replace(identifier=identifier)
    return record._replace(identifier=identifier, letter=letter)


def _open_message(message: object) -> tuple[str, DeadLetter]:
    from ._letter_json import from_json  # noqa: PLC0415  # cold start: json is for those who redrive

    if not isinstance(message, dict) or message.get("eventSource") != _QUEUE:
        raise InvalidRecordError("expected 'aws:sqs', as the first of the batch has", path=("eventSource",))
    identifier = _message_id(message)
    if identifier is None:
        raise InvalidRecordError("expected letters, digits and hyphens", path=("messageId",))
    try:
        return identifier, from_json(message.get("body"))
    except DeadLetterError as error:
        raise InvalidRecordError(str(error), path=("body",)) from error


def _message_id(message: object) -> str | None:
    found = message.get("messageId") if isinstance(message, dict) else None
    return found if isinstance(found, str) and re.fullmatch(_MESSAGE_ID, found) else None
