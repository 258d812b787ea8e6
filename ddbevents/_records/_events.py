"""An event as Lambda passes it: a stream's records, or a queue's dead letters with the records in them.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html and
https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

from .._errors import DeadLetterError, InvalidEventError, InvalidRecordError
from .._tuples import NamedTuple
from ._reading import SOURCE, read_record, read_records
from ._record import AnyRecord, DeadLetter, Delivery, StreamRecord, UnreadableRecord

_OF_WINDOW: Final = frozenset({"window", "state", "isFinalInvokeForWindow", "isWindowTerminatedEarly"})
_QUEUE: Final = "aws:sqs"
_MESSAGE_ID: Final = r"[0-9A-Za-z-]{1,128}"  # compiled when a queue first delivers


class Event(NamedTuple):
    """The records of an event, and what delivers them.

    Attributes:
        raws: The records as the event has them; a queue's messages.
        delivery: What delivers them.
    """

    raws: list[Any]
    delivery: Delivery

    def read(self) -> Iterator[AnyRecord]:
        """Return the records, in order, read one by one, the unreadable ones among them."""
        return (
            read_records(self.raws) if self.delivery == "stream" else map(_read_message, self.raws, count())
        )


def parse_event(event: object) -> list[StreamRecord]:
    """Return the records of an event, in order.

    Args:
        event: What Lambda passes for a DynamoDB stream or for a queue of dead letters, or what boto3's
            `get_records` returns.

    Raises:
        InvalidEventError: It is no batch of records.
        InvalidRecordError: A record is not as AWS sends it.
    """
    records: list[StreamRecord] = []
    for record in _read(event).read():
        if isinstance(record, UnreadableRecord):
            raise record.error
        records.append(record)
    return records


def read_event(event: object) -> Event:
    """Return an event that is answered by naming records.

    Raises:
        InvalidEventError: It is no batch of records, or one of a tumbling window. Lambda takes an answer
            without `state` for a failure then, so all effects would be repeated until the retries end.
    """
    if isinstance(event, dict) and _is_of_window(event):
        raise InvalidEventError(
            "the event is of a tumbling window, which needs an answer with a state: remove"
            " TumblingWindowInSeconds from the event source mapping. No handler ran"
        )
    return _read(event)


def _is_of_window(event: dict[str, Any]) -> bool:
    # the last event of a window may have no Records
    return not _OF_WINDOW.isdisjoint(event) and ("Records" in event or "isFinalInvokeForWindow" in event)


def _read(event: object) -> Event:
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list):
        from ._foreign import refused  # noqa: PLC0415  # cold start: only what cannot be read needs a name

        raise refused(event)
    first = records[0] if records else None
    source = first.get("eventSource") if isinstance(first, dict) else SOURCE
    if source == _QUEUE:
        return Event(records, "queue")
    if source != SOURCE:
        from ._foreign import refused_batch  # noqa: PLC0415  # as above

        error = refused_batch(records)
        if error is not None:
            raise error
    return Event(records, "stream")


def _is_message(record: object) -> bool:
    return isinstance(record, dict) and record.get("eventSource") == _QUEUE


def _read_message(message: object, index: int) -> AnyRecord:
    try:
        identifier, letter, is_small = _open_message(message)
    except InvalidRecordError as error:
        error.index = index
        return UnreadableRecord(error, _message_id(message), None, message)
    record = read_record(letter.record, index)
    if isinstance(record, UnreadableRecord):
        found = record if is_small else _without_raw(record)._replace(raw=message)
        return found._replace(identifier=identifier)
    return record._replace(identifier=identifier, letter=letter)


def _without_raw(record: UnreadableRecord) -> UnreadableRecord:
    """Return the record without what was parsed, which may be a thousand times as long as the message."""
    error = record.error.with_traceback(None)
    error.__cause__ = error.__context__ = None
    return record._replace(raw=None)


def _open_message(message: Any) -> tuple[str, DeadLetter, bool]:
    from ._letter_json import read  # noqa: PLC0415  # cold start: json is for those who redrive

    if not _is_message(message):
        raise InvalidRecordError("expected 'aws:sqs', as the batch's first record has", path=("eventSource",))
    identifier = _message_id(message)
    if identifier is None:
        raise InvalidRecordError("expected letters, digits and hyphens", path=("messageId",))
    try:
        return identifier, *read(message.get("body"))
    except DeadLetterError as error:
        reason = str(error)
    from ._foreign import reason_for_body  # noqa: PLC0415  # as above

    # outside the except block: the traceback of the other error has all that was parsed
    raise InvalidRecordError(reason_for_body(message.get("body")) or reason, path=("body",))


def _message_id(message: object) -> str | None:
    found = message.get("messageId") if isinstance(message, dict) else None
    return found if isinstance(found, str) and re.fullmatch(_MESSAGE_ID, found) else None
