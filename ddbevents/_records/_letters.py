"""The record in a dead letter, which was a stream's or a Kinesis stream's."""

from __future__ import annotations

from ._reading import KINESIS, read_record
from ._record import AnyRecord


def read_letter_record(record: object, index: int) -> AnyRecord:
    """Return the record in a dead letter, which is the one at this place in a batch."""
    if not isinstance(record, dict) or record.get("eventSource") != KINESIS:
        return read_record(record, index)
    # it was unreadable when it was dead-lettered: a change that can be read looks like a stream's
    from ._kinesis import read_kinesis_record  # noqa: PLC0415  # cold start: apps with a sink load this

    return read_kinesis_record(record, index)
