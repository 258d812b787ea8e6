"""The records that a failure record names, read again from their shard. Loads boto3."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from .._errors import SourceError
from ._clients import StreamsClient
from ._failures import FailedRange
from ._lambda_records import as_lambda_sends
from ._requests import ClientError
from ._shard import Position, Shard

_MOST_EMPTY: Final = 100  # pages in a row without a record, though the shard should have more
_PAUSE: Final = 0.2  # a shard may be read five times a second


def fetch(client: StreamsClient, failed: FailedRange) -> list[dict[str, Any]]:
    """Return the records of a range as Lambda sends them.

    Raises:
        SourceError: The stream cannot be read, or does not have all of them any more.
    """
    shard = Shard(client, failed.stream_arn, failed.shard_id, Position("AT_SEQUENCE_NUMBER", failed.start))
    try:
        records = _read_to_end(shard, failed)
    except ClientError as error:
        raise failed.lost(_first_left(client, failed)) from error
    numbers = [*map(_number, records)]
    if not numbers or numbers[0] != int(failed.start):
        raise failed.lost(records[0]["dynamodb"]["SequenceNumber"] if records else None)
    if numbers[-1] != int(failed.end):
        raise SourceError(
            f"shard {failed.shard_id} of {failed.stream_arn} has no record {failed.end}, with which the"
            " failure record ends: pass the failure record as Lambda wrote it",
            place=failed.shard_id,
        )
    return [as_lambda_sends(record, failed.stream_arn) for record in records]


def _read_to_end(shard: Shard, failed: FailedRange) -> list[Mapping[str, Any]]:
    last = int(failed.end)
    records: list[Mapping[str, Any]] = []
    for page in _pages(shard):
        records += [record for record in page if _number(record) <= last]
        if _number(page[-1]) >= last:
            break
    return records


def _pages(shard: Shard) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Yield the pages that have records, until the shard ends or too many are empty."""
    empty = 0
    while not shard.is_closed and empty < _MOST_EMPTY:
        page = shard.page()
        if page:
            empty = 0
            yield page
        elif not shard.is_closed:
            empty += 1
            time.sleep(_PAUSE)


def _first_left(client: StreamsClient, failed: FailedRange) -> str | None:
    """Return the first record of a range that the shard still has; None if there is none."""
    shard = Shard(client, failed.stream_arn, failed.shard_id, Position("TRIM_HORIZON"))
    try:
        page = next(_pages(shard), None)
    except ClientError:
        return None
    if page is None or not int(failed.start) <= _number(page[0]) <= int(failed.end):
        return None
    number: str = page[0]["dynamodb"]["SequenceNumber"]
    return number


def _number(record: Mapping[str, Any]) -> int:
    return int(record["dynamodb"]["SequenceNumber"])
