"""How waiting records become a batch and its event.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html (batch size, window,
payload).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from ..._errors import ConfigurationError

RETENTION: Final = timedelta(hours=24)
"""How long a DynamoDB stream keeps a record."""

_LARGEST_PAYLOAD: Final = 6_291_456  # bytes of an event
_BEFORE, _BETWEEN, _AFTER = '{"Records":[', ",", "]}"
_FRAME: Final = len(_BEFORE) + len(_AFTER)


class Arrival(NamedTuple):
    """A record that was put into the stream.

    Attributes:
        raw: The record as JSON. Not to be changed.
        text: The same as the shortest JSON text.
        sequence_number: Its sequence number, by which an answer names it.
        item: Text that all records of the same item share.
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
        records: The records, in stream order.
        retries: How many of its retries are used up.
        invocations: How often it was delivered.
    """

    records: tuple[Arrival, ...]
    retries: int = 0
    invocations: int = 0


class Gathered(NamedTuple):
    """Records from the head of a queue, and whether no more would fit into their batch."""

    records: tuple[Arrival, ...]
    is_full: bool


def arrive(record: Mapping[str, Any], at: datetime) -> Arrival:
    """Return a record as it is in the stream.

    Raises:
        ConfigurationError: It is not JSON, has no sequence number, or is larger than an event may be.
    """
    given: object = record
    if isinstance(given, list):
        raise ConfigurationError("put takes records one by one: put(*records), not put(records)")
    if isinstance(given, dict) and "Records" in given:
        raise ConfigurationError("put takes records, not an event: put(*event['Records'])")
    try:
        text = json.dumps(record, separators=(",", ":"), ensure_ascii=False)
        raw = json.loads(text)
        body = raw["dynamodb"]
        number = body["SequenceNumber"]
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            "a record must be JSON with dynamodb.SequenceNumber: make it with insert(), modify() or remove()"
        ) from error
    if not isinstance(number, str) or not (number.isascii() and number.isdigit()):
        raise ConfigurationError("a record's sequence number must be a string of digits")
    size = len(text.encode(errors="surrogatepass"))
    if _FRAME + size > _LARGEST_PAYLOAD:
        raise ConfigurationError(f"record {number} is larger than the {_LARGEST_PAYLOAD} bytes of an event")
    return Arrival(raw, text, number, json.dumps(body.get("Keys"), sort_keys=True), at, size)


def payload(records: Iterable[Arrival]) -> str:
    """Return the event as JSON text."""
    return _BEFORE + _BETWEEN.join(record.text for record in records) + _AFTER


def gather(queue: Iterable[Arrival], batch_size: int) -> Gathered:
    """Take as many records from the head of a queue as one event holds."""
    records: list[Arrival] = []
    size = _FRAME - len(_BETWEEN)
    for arrival in queue:
        size += len(_BETWEEN) + arrival.size
        if size > _LARGEST_PAYLOAD:
            return Gathered(tuple(records), is_full=True)
        records.append(arrival)
        if len(records) == batch_size:
            return Gathered(tuple(records), is_full=True)
    return Gathered(tuple(records), is_full=False)
