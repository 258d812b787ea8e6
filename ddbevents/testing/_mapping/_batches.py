"""Which records go into a batch, and what is delivered next after a verdict on it.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html (retries, bisecting) and
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html (batch size, window, payload).
That a partial success renews the retries was recorded on AWS.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from ..._errors import ConfigurationError
from ._answers import Verdict

RETENTION: Final = timedelta(hours=24)  # of a record in a DynamoDB stream
LARGEST_PAYLOAD: Final = 6_291_456  # bytes of an event
_BEFORE, _BETWEEN, _AFTER = '{"Records":[', ",", "]}"
_FRAME: Final = len(_BEFORE) + len(_AFTER)


class Arrival(NamedTuple):
    """A record that has been put into the stream.

    Attributes:
        raw: The record as JSON. Not to be changed.
        text: The same as text, in the fewest characters.
        sequence_number: Its number in the stream, of which the answer speaks.
        item: What the records of one item have in common.
        at: When it arrived.
        size: Its bytes in an event.
    """

    raw: dict[str, Any]
    text: str
    sequence_number: str
    item: str
    at: datetime
    size: int


class Batch(NamedTuple):
    """Records that are delivered together.

    Attributes:
        records: In the order of the stream.
        retries: How many of its retries are used up.
        invocations: How often it was delivered.
    """

    records: tuple[Arrival, ...]
    retries: int = 0
    invocations: int = 0


class Course(NamedTuple):
    """What follows from a verdict.

    Attributes:
        again: Batches to deliver, the first one first.
        waits: Whether that is a retry, before which Lambda waits.
        is_exhausted: Whether the batch has used up its retries and is discarded.
    """

    again: tuple[Batch, ...] = ()
    waits: bool = False
    is_exhausted: bool = False


class Gathered(NamedTuple):
    """The head of a queue as a batch; full if nothing more would go into it."""

    records: tuple[Arrival, ...]
    is_full: bool


def arrive(record: Mapping[str, Any], at: datetime) -> Arrival:
    """A record as it stands in the stream.

    Raises:
        ConfigurationError: It is not JSON, has no sequence number, or is larger than an event may be.
    """
    try:
        text = json.dumps(record, separators=(",", ":"), ensure_ascii=False)
        raw = json.loads(text)
        body = raw["dynamodb"]
        number = body["SequenceNumber"]
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            "a record is JSON with dynamodb.SequenceNumber, as insert() makes it"
        ) from error
    if not isinstance(number, str) or not (number.isascii() and number.isdigit()):
        raise ConfigurationError("a record's sequence number is digits as text")
    size = len(text.encode(errors="surrogatepass"))
    if _FRAME + size > LARGEST_PAYLOAD:
        raise ConfigurationError(f"record {number} is larger than the {LARGEST_PAYLOAD} bytes of an event")
    return Arrival(raw, text, number, json.dumps(body.get("Keys"), sort_keys=True), at, size)


def payload(records: Iterable[Arrival]) -> str:
    """The event as JSON text."""
    return _BEFORE + _BETWEEN.join(record.text for record in records) + _AFTER


def gather(queue: Iterable[Arrival], batch_size: int) -> Gathered:
    """As many records from the head of a queue as one event takes."""
    records: list[Arrival] = []
    size = _FRAME - len(_BETWEEN)
    for arrival in queue:
        size += len(_BETWEEN) + arrival.size
        if size > LARGEST_PAYLOAD:
            return Gathered(tuple(records), is_full=True)
        records.append(arrival)
        if len(records) == batch_size:
            return Gathered(tuple(records), is_full=True)
    return Gathered(tuple(records), is_full=False)


def follow(batch: Batch, verdict: Verdict, *, retries: int, bisect: bool) -> Course:
    """What Lambda does with a batch that was delivered.

    AWS does not say whether the halves of a bisected batch keep the count of its retries: here they do.

    Args:
        batch: The batch, its last invocation counted.
        verdict: What came of it.
        retries: How many retries the mapping grants; -1 for no end.
        bisect: Whether the mapping has BisectBatchOnFunctionError.
    """
    if verdict.done == len(batch.records):
        return Course()
    if verdict.done:
        return Course((Batch(batch.records[verdict.done :]),))
    # the answer that names the head leaves nothing to cut off: only a failure halves
    if bisect and verdict.name == "failed" and len(batch.records) > 1:
        return Course(_halves(batch))
    if batch.retries == retries:
        return Course(is_exhausted=True)
    return Course((batch._replace(retries=batch.retries + 1),), waits=True)


def _halves(batch: Batch) -> tuple[Batch, Batch]:
    middle = len(batch.records) // 2
    first, second = batch.records[:middle], batch.records[middle:]
    return Batch(first, batch.retries), Batch(second, batch.retries)
