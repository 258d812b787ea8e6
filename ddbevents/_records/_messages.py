"""A queue's messages, with the dead letters in them.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any, Final

from .._errors import DeadLetterError, InvalidRecordError
from ._foreign import reason_for_body
from ._letter_json import read
from ._letters import read_letter_record
from ._record import AnyRecord, DeadLetter, UnreadableRecord

QUEUE: Final = "aws:sqs"
_MESSAGE_ID: Final = re.compile(r"[0-9A-Za-z-]{1,128}")


def read_messages(messages: Iterable[object]) -> Iterator[AnyRecord]:
    """Return the records in a queue's messages, in order, the unreadable ones among them."""
    return map(_read_message, messages, count())


def _is_message(record: object) -> bool:
    return isinstance(record, dict) and record.get("eventSource") == QUEUE


def _read_message(message: object, index: int) -> AnyRecord:
    try:
        identifier, letter, is_small = _open_message(message)
    except InvalidRecordError as error:
        error.index = index
        return UnreadableRecord(error, _message_id(message), None, message)
    record = read_letter_record(letter.record, index)
    if isinstance(record, UnreadableRecord):
        found = record if is_small else _without_raw(record)._replace(raw=message)
        return found._replace(identifier=identifier)
    return record._replace(identifier=identifier, letter=letter, source="dead letter")


def _without_raw(record: UnreadableRecord) -> UnreadableRecord:
    """Return the record without what was parsed, which may be a thousand times as long as the message."""
    error = record.error.with_traceback(None)
    error.__cause__ = error.__context__ = None
    return record._replace(raw=None)


def _open_message(message: Any) -> tuple[str, DeadLetter, bool]:
    if not _is_message(message):
        raise InvalidRecordError("expected 'aws:sqs', as the batch's first record has", path=("eventSource",))
    identifier = _message_id(message)
    if identifier is None:
        raise InvalidRecordError("expected letters, digits and hyphens", path=("messageId",))
    try:
        return identifier, *read(message.get("body"))
    except DeadLetterError as error:
        reason = str(error)
    # outside the except block: the traceback of the other error has all that was parsed
    raise InvalidRecordError(reason_for_body(message.get("body")) or reason, path=("body",))


def _message_id(message: object) -> str | None:
    found = message.get("messageId") if isinstance(message, dict) else None
    return found if isinstance(found, str) and _MESSAGE_ID.fullmatch(found) else None
