"""EventBridge Pipes: a bare list of a stream's records, each of which an answer names by its eventID.

Contract: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-dynamodb.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .._errors import InvalidRecordError
from ._reading import read_event_id, read_records
from ._record import AnyRecord, StreamRecord


def read_pipe(records: Iterable[object]) -> Iterator[AnyRecord]:
    """Return the records of a pipe's batch, in order, the unreadable ones among them."""
    for record in read_records(records):
        if isinstance(record, StreamRecord):
            yield record._replace(identifier=record.event_id, source="pipe")
        else:
            yield record._replace(identifier=_identifier(record.raw))


def _identifier(raw: object) -> str | None:
    try:
        return read_event_id(raw) if isinstance(raw, dict) else None
    except InvalidRecordError:
        return None
