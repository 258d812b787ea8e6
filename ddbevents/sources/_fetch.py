"""The records that a failure record names, read again from their shard. Loads boto3."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from .._errors import SourceError
from ._clients import StreamsClient
from ._failures import FailedRange
from ._lambda_records import as_lambda_sends
from ._requests import ClientError
from ._shard import Position, Shard

_MOST_EMPTY: Final = 100  # pages in a row without a record, though the shard should have more
_PAUSE: Final = 0.2  # a shard may be read five times a second
_MOST_RECORDS: Final = 100_000  # a batch has 10,000, and a filter may have dropped others between them
_MOST_BYTES: Final = 32 * 2**20  # a batch has 6 MiB


def fetch(client: StreamsClient, failed: FailedRange, is_late: Callable[[], bool]) -> list[dict[str, Any]]:
    """Return the records of a range as Lambda sends them.

    Args:
        client: Reads the stream.
        failed: The range.
        is_late: Returns whether nobody waits for the records any more. It is asked before each further page.

    Raises:
        SourceError: The stream cannot be read, does not have all of them any more, or has too many.
        TimeoutError: It is late.
    """
    shard = Shard(client, failed.stream_arn, failed.shard_id, Position("AT_SEQUENCE_NUMBER", failed.start))
    try:
        records = _read_to_end(shard, failed, is_late)
    except ClientError as error:
        raise failed.lost(_first_left(client, failed, is_late)) from error
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


def _read_to_end(shard: Shard, failed: FailedRange, is_late: Callable[[], bool]) -> list[Mapping[str, Any]]:
    last, size = int(failed.end), 0
    records: list[Mapping[str, Any]] = []
    for page in _pages(shard, is_late):
        news = [record for record in page if _number(record) <= last]
        size += sum(record["dynamodb"].get("SizeBytes", 0) for record in news)
        if records and (size > _MOST_BYTES or len(records) + len(news) > _MOST_RECORDS):
            raise _too_many(failed, records[-1], news[0])
        records += news
        if _number(page[-1]) >= last:
            break
    return records


def _pages(shard: Shard, is_late: Callable[[], bool]) -> Iterator[Sequence[Mapping[str, Any]]]:
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
        if is_late():
            raise TimeoutError


def _first_left(client: StreamsClient, failed: FailedRange, is_late: Callable[[], bool]) -> str | None:
    """Return the first record of a range that the shard still has; None if there is none."""
    shard = Shard(client, failed.stream_arn, failed.shard_id, Position("TRIM_HORIZON"))
    try:
        page = next(_pages(shard, is_late), None)
    except (ClientError, TimeoutError):
        return None
    if page is None or not int(failed.start) <= _number(page[0]) <= int(failed.end):
        return None
    number: str = page[0]["dynamodb"]["SequenceNumber"]
    return number


def _too_many(failed: FailedRange, last: Mapping[str, Any], following: Mapping[str, Any]) -> SourceError:
    end, start = (record["dynamodb"]["SequenceNumber"] for record in (last, following))
    return SourceError(
        f"from {failed.start} to {failed.end}, shard {failed.shard_id} of {failed.stream_arn} has more than"
        f" {_MOST_RECORDS:,} records or {_MOST_BYTES // 2**20} MiB, and a batch has 10,000 and 6 MiB at most."
        " If Lambda wrote this failure record, the mapping's filter had dropped most of them: read it in"
        f" parts, one with endSequenceNumber {end}, and the next with startSequenceNumber {start}",
        place=failed.shard_id,
    )


def _number(record: Mapping[str, Any]) -> int:
    return int(record["dynamodb"]["SequenceNumber"])
