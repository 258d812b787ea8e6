"""A queue's messages, with dead letters or Lambda's failure records in them, and SNS's and S3's own calls.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html and
https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from .._errors import DeadLetterError, InvalidRecordError, SourceError
from ._failures import Failure, Fetching, Numbered, failures_in, in_order, unreadable
from ._foreign import reason_for_body, reason_for_record
from ._letter_json import read
from ._letters import read_letter_record
from ._record import AnyRecord, DeadLetter, UnreadableRecord
from ._shapes import parsed

QUEUE: Final = "aws:sqs"
_MESSAGE_ID: Final = re.compile(r"[0-9A-Za-z-]{1,128}")
_OF_FAILURES: Final = ("DDBStreamBatchInfo", "aws:s3")
"""Only text with one of these is looked at for failure records, since a dead letter may be long."""


def read_messages(messages: Sequence[object], fetching: Fetching) -> Iterator[AnyRecord]:
    """Return the records in a queue's messages, the unreadable ones among them.

    A message that cannot be read, or whose records cannot be fetched, is one entry.
    """
    read: list[Numbered] = []
    for index, message in enumerate(messages):
        try:
            read += _read_message(message, index, fetching)
        except (InvalidRecordError, SourceError) as error:
            read.append(unreadable(error, index, message, _message_id(message, "messageId")))
    return in_order(read)


def read_notices(notices: Sequence[object], fetching: Fetching) -> Iterator[AnyRecord]:
    """Return the records of the failure records that SNS or S3 passes by itself."""
    read: list[Numbered] = []
    for index, notice in enumerate(notices):
        failures = failures_of(notice)
        identifier = _message_id(notice.get("Sns"), "MessageId") if isinstance(notice, dict) else None
        if not failures:
            reason = reason_for_record(notice) or "expected a failure record of Lambda's"
            read.append(unreadable(InvalidRecordError(reason), index, notice, identifier))
        try:
            read += fetching.records(failures, identifier)
        except (InvalidRecordError, SourceError) as error:
            read.append(unreadable(error, index, notice, identifier))
    return in_order(read)


def failures_of(notice: object) -> Sequence[Failure]:
    """Return the failure records in a record of SNS's or S3's event."""
    if not isinstance(notice, dict):
        return ()
    is_of_topic = notice.get("EventSource") == "aws:sns"
    return failures_in(notice.get("Sns") if is_of_topic else {"Records": [notice]})


def _read_message(message: object, index: int, fetching: Fetching) -> list[Numbered]:
    if not isinstance(message, dict) or message.get("eventSource") != QUEUE:
        raise InvalidRecordError("expected 'aws:sqs', as the batch's first record has", path=("eventSource",))
    identifier = _message_id(message, "messageId")
    if identifier is None:
        raise InvalidRecordError("expected letters, digits and hyphens", path=("messageId",))
    body = message.get("body")
    if isinstance(body, str) and any(name in body for name in _OF_FAILURES):
        failures = failures_in(parsed(body))
        if failures:
            return fetching.records(failures, identifier)
    letter, is_small = _open_letter(body)
    record = read_letter_record(letter.record, index)
    if isinstance(record, UnreadableRecord):
        found = record if is_small else _without_raw(record)._replace(raw=message)
        return [Numbered(found._replace(identifier=identifier))]
    return [Numbered(record._replace(identifier=identifier, letter=letter, source="dead letter"))]


def _without_raw(record: UnreadableRecord) -> UnreadableRecord:
    """Return the record without what was parsed, which may be a thousand times as long as the message."""
    error = record.error.with_traceback(None)
    error.__cause__ = error.__context__ = None
    return record._replace(raw=None)


def _open_letter(body: Any) -> tuple[DeadLetter, bool]:
    try:
        return read(body)
    except DeadLetterError as error:
        reason = str(error)
    # outside the except block: the traceback of the other error has all that was parsed
    raise InvalidRecordError(reason_for_body(body) or reason, path=("body",))


def _message_id(message: object, name: str) -> str | None:
    found = message.get(name) if isinstance(message, dict) else None
    return found if isinstance(found, str) and _MESSAGE_ID.fullmatch(found) else None
