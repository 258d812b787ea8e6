"""Kinesis Data Streams for DynamoDB: the change that a Kinesis record carries in its data.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds.html and
https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import count
from typing import Any, Final

from .._errors import InvalidRecordError
from ._foreign import reason_for_record
from ._letter_json import parse_integer
from ._reading import KINESIS, SOURCE, are_equal, read_number, read_record, twin
from ._record import AnyRecord, StreamRecord, UnreadableRecord

_DATA: Final = ("kinesis", "data")
_NO_CHANGE: Final = (
    "the data is no change of a DynamoDB table, so somebody else writes to the Kinesis stream too: give the"
    ' table a stream of its own, or let FilterCriteria of the mapping pass {"data": {"eventSource":'
    ' ["aws:dynamodb"]}} only'
)


def read_kinesis_records(records: Iterable[object]) -> Iterator[AnyRecord]:
    """Return the records of a Kinesis batch, in order, the unreadable ones among them.

    Kinesis may have a change twice, under two sequence numbers: both are returned, with one event id.
    """
    first: dict[str | None, object] = {}
    changes: dict[str, object] = {}
    for index, record in enumerate(map(read_kinesis_record, records, count())):
        if isinstance(record, UnreadableRecord):
            yield record
            continue
        change = {name: part for name, part in record.raw.items() if name != "kinesis"}
        if not are_equal(first.setdefault(record.identifier, record.raw), record.raw):
            yield twin(record, index, ("kinesis", "sequenceNumber"), "sequence number but different content")
        elif not are_equal(changes.setdefault(record.event_id, change), change):
            # its marks would be those of the other record, so it would be skipped
            yield twin(record, index, ("eventID",), "eventID but different content")
        else:
            yield record


def read_kinesis_record(record: object, index: int) -> AnyRecord:
    """Return the change that a Kinesis record at this place in a batch carries."""
    number: str | None = None
    try:
        around = _open(record)
        number = read_number(around.get("sequenceNumber"), ("kinesis", "sequenceNumber"))
        change = _change(around)
    except InvalidRecordError as error:
        error.sequence_number = number
        error.index = index
        return UnreadableRecord(error, number, None, record)
    rest = {name: part for name, part in around.items() if name != "data"}
    arn = record.get("eventSourceARN") if isinstance(record, dict) else None
    read = read_record({**change, "eventSourceARN": arn, "kinesis": rest}, index)
    return read._replace(source="kinesis") if isinstance(read, StreamRecord) else read


def _open(record: object) -> Mapping[str, Any]:
    if not isinstance(record, dict) or record.get("eventSource") != KINESIS:
        reason = reason_for_record(record) or "expected 'aws:kinesis', as the batch's first record has"
        raise InvalidRecordError(reason, path=("eventSource",) if isinstance(record, dict) else ())
    around = record.get("kinesis")
    if not isinstance(around, dict):
        raise InvalidRecordError("expected an object", path=("kinesis",))
    return around


def _change(around: Mapping[str, Any]) -> dict[str, Any]:
    data, change = around.get("data"), None
    if not isinstance(data, str):
        raise InvalidRecordError("expected base64 text", path=_DATA)
    with suppress(ValueError, RecursionError):
        change = json.loads(b64decode(data, validate=True), parse_int=parse_integer)
    # outside the block: Python's own error holds the whole text
    if not isinstance(change, dict) or change.get("eventSource") != SOURCE:
        raise InvalidRecordError(_NO_CHANGE, path=_DATA)
    # only the Kinesis record has a number that it can be named by
    body = change.get("dynamodb")
    if isinstance(body, dict):
        change["dynamodb"] = {name: part for name, part in body.items() if name != "SequenceNumber"}
    return change
