"""Records as they arrive from a source: what they look like in an event, and what an answer names them by.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html,
https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-dynamodb.html
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from ..._errors import ConfigurationError
from .._other_events import kinesis_event

Source: TypeAlias = Literal["stream", "kinesis", "pipe"]
"""What the records come from: a table's stream, Kinesis Data Streams for DynamoDB, or a stream by a pipe."""

LARGEST_PAYLOAD: Final = 6_291_456  # bytes of an event
BETWEEN: Final = ","
_BEFORE, _AFTER = '{"Records":[', "]}"
FRAME: Final = len(_BEFORE) + len(_AFTER)

_Json: TypeAlias = dict[str, Any]


class Arrival(NamedTuple):
    """A record that was put into the source.

    Attributes:
        raw: The record as JSON. Not to be changed.
        text: The same as the shortest JSON text.
        sequence_number: Its sequence number.
        identifier: What an answer names it by.
        item: Text that all records of the same item share; in Kinesis, of the same partition key.
        at: When it arrived.
        size: Its bytes in an event.
    """

    raw: _Json
    text: str
    sequence_number: str
    identifier: str
    item: str
    at: datetime
    size: int

    @property
    def seen_by_filters(self) -> _Json:
        """The record as patterns see it: of a Kinesis record, its part `kinesis` with the data decoded."""
        if "kinesis" not in self.raw:
            return self.raw
        return {**self.raw["kinesis"], "data": _decoded(self.raw["kinesis"].get("data"))}


class Intake:
    """Takes the records that are put into a source."""

    def __init__(self, source: Source) -> None:
        self.source: Final = source
        self._last = 0  # the highest number in a Kinesis stream so far

    def arrive(self, record: Mapping[str, Any], at: datetime) -> Arrival:
        """Return a record as it is in the source.

        A table's record that is put into Kinesis becomes a Kinesis record, as often as it is put: Kinesis may
        have a change twice, or in another order than the table had it.

        Raises:
            ConfigurationError: It is not JSON, has no sequence number, is from another source, or is larger
                than an event may be.
            InvalidRecordError: Kinesis cannot carry it, since it is not as AWS sends it.
        """
        _check_put(record, self.source)
        if self.source == "kinesis" and "kinesis" not in record:
            record = self._carried(record)
        try:
            text = json.dumps(record, separators=(",", ":"), ensure_ascii=False)
            raw = json.loads(text)
            number, identifier, item = _parts(raw, self.source)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"a record must be JSON with {_NEEDED[self.source]}: make it with insert(), modify() or"
                " remove()"
            ) from error
        if not _is_digits(number):
            raise ConfigurationError("a record's sequence number must be a string of digits")
        size = len(text.encode(errors="surrogatepass"))
        if FRAME + size > LARGEST_PAYLOAD:
            raise ConfigurationError(
                f"record {number} is larger than the {LARGEST_PAYLOAD} bytes of an event"
            )
        self._last = max(self._last, int(number))
        return Arrival(raw, text, number, identifier, item, at, size)

    def _carried(self, record: Mapping[str, Any]) -> _Json:
        """Return the Kinesis record that carries a table's record, numbered after those before it."""
        [carried] = kinesis_event(record)["Records"]
        around: _Json = carried["kinesis"]
        shard, _, number = carried["eventID"].partition(":")
        around["sequenceNumber"] = str(max(int(number), self._last + 1))
        return {**carried, "eventID": f"{shard}:{around['sequenceNumber']}"}


def payload(records: Iterable[Arrival], source: Source) -> str:
    """Return the event as JSON text. A pipe passes a bare list."""
    before, after = ("[", "]") if source == "pipe" else (_BEFORE, _AFTER)
    return before + BETWEEN.join(record.text for record in records) + after


def sequence_numbers(records: Iterable[_Json]) -> list[str]:
    """Return the sequence numbers of raw records, in order; of Kinesis records, Kinesis's own."""
    return [
        record["kinesis"]["sequenceNumber"] if "kinesis" in record else record["dynamodb"]["SequenceNumber"]
        for record in records
    ]


def _check_put(record: object, source: Source) -> None:
    if isinstance(record, list):
        raise ConfigurationError("put takes records one by one: put(*records), not put(records)")
    if not isinstance(record, Mapping):
        return
    if "Records" in record:
        raise ConfigurationError("put takes records, not an event: put(*event['Records'])")
    if "kinesis" in record and source != "kinesis":
        raise ConfigurationError(
            'this is a record of a Kinesis stream: make the mapping with source="kinesis", or put the'
            " table's record"
        )


def _parts(raw: _Json, source: Source) -> tuple[str, str, str]:
    """Return a record's sequence number, what an answer names it by, and its item."""
    if source == "kinesis":
        number = raw["kinesis"]["sequenceNumber"]
        return number, number, str(raw["kinesis"].get("partitionKey"))
    body = raw["dynamodb"]
    number, item = body["SequenceNumber"], json.dumps(body.get("Keys"), sort_keys=True)
    return number, raw["eventID"] if source == "pipe" else number, item


def _decoded(data: object) -> object:
    """Return the data of a Kinesis record as a filter sees it: JSON if it is some, else text."""
    with suppress(TypeError, ValueError, RecursionError):
        text = b64decode(str(data)).decode()
        data = text
        return json.loads(text)
    return data


def _is_digits(number: object) -> bool:
    return isinstance(number, str) and number.isascii() and number.isdigit()


_NEEDED: Final[Mapping[Source, str]] = {
    "stream": "dynamodb.SequenceNumber",
    "kinesis": "kinesis.sequenceNumber",
    "pipe": "dynamodb.SequenceNumber and eventID",
}
