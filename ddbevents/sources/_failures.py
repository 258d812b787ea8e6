"""Lambda's failure record: which records of which shard it names, and the batch that S3's has with it.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-create.html and
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from .._errors import SourceError, printable

KEPT: Final = timedelta(hours=24)
"""How long a stream keeps a record."""

_LONGEST_ARN: Final = 1024
_MOST_DIGITS: Final = 64
_ARN: Final = re.compile(r"arn:[a-z0-9-]+:dynamodb:[a-z0-9-]+:\d*:table/[^/\s]+/stream/[^/\s]+")
_RANGE: Final = (
    "the failure record's DDBStreamBatchInfo has no {}: pass the failure record as Lambda wrote it"
)


class FailedRange(NamedTuple):
    """The records that a failure record names.

    Attributes:
        stream_arn: Their stream.
        shard_id: Their shard.
        start: The sequence number of the first record.
        end: The sequence number of the last record.
        written: When the first and the last record were written, as the failure record says.
    """

    stream_arn: str
    shard_id: str
    start: str
    end: str
    written: tuple[datetime | None, datetime | None]

    def lost(self, first_left: str | None = None) -> SourceError:
        """Return the error for records that the stream does not have any more.

        Args:
            first_left: The first record of the range that it still has; None if it has none.
        """
        first, last = self.written
        which = f"{self.start} to {self.end}" if first_left is None else f"{self.start} up to {first_left}"
        gone = first if first_left is not None else last
        since = "" if gone is None else f" since about {(gone + KEPT).isoformat()}"
        rest = (
            ""
            if first_left is None
            else "; that one and those after it are there: read them with it as startSequenceNumber"
        )
        return SourceError(
            f"the records {which} of shard {self.shard_id} of {self.stream_arn} are lost{since}:"
            f" a stream keeps them for 24 hours{_between(first, last)}{rest}",
            place=self.shard_id,
        )


def is_stream_arn(text: object) -> bool:
    """Return whether a value is the ARN of a table's stream."""
    return isinstance(text, str) and len(text) <= _LONGEST_ARN and _ARN.fullmatch(text) is not None


def failed_range(failure: Mapping[str, Any]) -> FailedRange:
    """Return the records that a failure record names.

    Raises:
        SourceError: It is no failure record of a DynamoDB stream.
    """
    info = failure.get("DDBStreamBatchInfo")
    if not isinstance(info, dict):
        raise SourceError(
            "this is no failure record of a DynamoDB stream, since it has no DDBStreamBatchInfo: pass the"
            ' object that Lambda wrote, read with json.loads, or where it is: {"bucket": ..., "key": ...}'
        )
    arn, shard = info.get("streamArn"), info.get("shardId")
    if not isinstance(arn, str) or not is_stream_arn(arn):
        raise SourceError(_RANGE.format("streamArn of a DynamoDB stream"))
    if not isinstance(shard, str) or not re.fullmatch(r"[a-zA-Z0-9_.-]{1,128}", shard):
        raise SourceError(_RANGE.format("shardId"))
    start, end = _number(info, "startSequenceNumber"), _number(info, "endSequenceNumber")
    if int(start) > int(end):
        raise SourceError(
            f"the failure record's startSequenceNumber {start} is above its endSequenceNumber {end}: pass it"
            " as Lambda wrote it"
        )
    written = (
        _moment(info.get("approximateArrivalOfFirstRecord")),
        _moment(info.get("approximateArrivalOfLastRecord")),
    )
    return FailedRange(arn, shard, start, end, written)


def payload_records(payload: object, failed: FailedRange) -> list[Any]:
    """Return the records of the batch that S3's failure record has with it.

    Raises:
        SourceError: It is no batch of that stream.
    """
    try:
        event = json.loads(payload) if isinstance(payload, str) else payload
    except (ValueError, RecursionError) as error:
        raise SourceError(
            "the payload of the failure record is not JSON: remove it, and the records are read from the"
            " stream"
        ) from error
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list):
        raise SourceError(
            "the payload of the failure record is no event with Records: remove it, and the records are read"
            " from the stream"
        )
    for record in records:
        arn = record.get("eventSourceARN") if isinstance(record, dict) else None
        if arn != failed.stream_arn:
            raise SourceError(
                f"the payload of the failure record has a record of {_shown(arn)}, but its DDBStreamBatchInfo"
                f" names {failed.stream_arn}: this is not as Lambda wrote it"
            )
    return records


def _number(info: Mapping[str, Any], name: str) -> str:
    number = info.get(name)
    if isinstance(number, str) and number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS:
        return number
    raise SourceError(_RANGE.format(f"{name} of digits"))


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        return moment and moment.astimezone()
    except (ValueError, OverflowError):
        return None


def _between(first: datetime | None, last: datetime | None) -> str:
    if first is None or last is None:
        return ""
    return f", and they were written from {first.isoformat()} to {last.isoformat()}"


def _shown(arn: object) -> str:
    return printable(arn, longest=_LONGEST_ARN) if isinstance(arn, str) else "no stream"
