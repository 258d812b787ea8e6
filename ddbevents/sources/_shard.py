"""Reading one shard from a position on: iterators that expire, and empty pages. Loads boto3.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetShardIterator.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

from ._clients import StreamsClient
from ._requests import SDK_ERRORS, ClientError, Place, ask, code_of

GONE: Final = frozenset({"ResourceNotFoundException", "TrimmedDataAccessException"})
"""The codes of AWS's answer when a shard, or the records at a position, are not there any more."""

_EXPIRED: Final = "ExpiredIteratorException"
_UNKNOWN_TYPE: Final = frozenset({"ParamValidationError", "ValidationException"})
_SHORTEST_NUMBER: Final = 21  # that boto3 sends; DynamoDB Local pads with zeros, too


class Position(NamedTuple):
    """Where a shard is read from, as AWS names it."""

    kind: Literal["AFTER_SEQUENCE_NUMBER", "AT_SEQUENCE_NUMBER", "AT_TIMESTAMP", "LATEST", "TRIM_HORIZON"]
    at: str | datetime | None = None


def place_of(stream_arn: str) -> Place:
    """Return the stream as error messages name it."""
    actions = "dynamodb:DescribeStream, dynamodb:GetShardIterator and dynamodb:GetRecords"
    return Place(f"the stream {stream_arn}", "DynamoDB Streams", actions)


class Shard:
    """Reads a shard page by page.

    Attributes:
        last: The sequence number of the latest record; None before the first one.
        is_closed: Whether there is nothing left to read, and never will be.
    """

    def __init__(self, client: StreamsClient, stream_arn: str, shard_id: str, position: Position) -> None:
        self.last: str | None = None
        self.is_closed = False
        self._client = client
        self._stream_arn = stream_arn
        self._shard_id = shard_id
        self._position = position
        self._skip_before: datetime | None = None
        self._iterator: str | None = None

    def page(self) -> Sequence[Mapping[str, Any]]:
        """Return the next records as boto3 gives them, perhaps none.

        Raises:
            SourceError: The stream cannot be read.
            ClientError: The records are gone: its code is in `GONE`.
        """
        place, known = place_of(self._stream_arn), {*GONE, _EXPIRED}
        self.open()
        iterator = self._iterator
        try:
            answer = ask(lambda: self._client.get_records(ShardIterator=iterator), place, known=known)
        except ClientError as error:
            if code_of(error) != _EXPIRED:
                raise
            self._iterator = None  # the next page begins behind the latest record
            return ()
        records: Sequence[Mapping[str, Any]] = answer["Records"]
        self._iterator = answer.get("NextShardIterator")
        self.is_closed = self._iterator is None
        if records:
            self.last = records[-1]["dynamodb"]["SequenceNumber"]
            self._position = Position("AFTER_SEQUENCE_NUMBER", self.last)
        return records if self._skip_before is None else self._recent(records, self._skip_before)

    def open(self) -> None:
        """Get an iterator, so that what is written from now on comes, even if the position is `LATEST`."""
        if self._iterator is None:
            self._iterator = self._new_iterator()

    def _new_iterator(self) -> str:
        kind, at = self._position
        if kind == "LATEST":
            # an iterator that expires before the first record goes on from here
            self._position = Position("AT_TIMESTAMP", datetime.now(UTC))
        if isinstance(at, str):
            return self._ask_for(kind, {"SequenceNumber": at.zfill(_SHORTEST_NUMBER)})
        if at is None:
            return self._ask_for(kind, {})
        try:
            return self._ask_for(kind, {"Timestamp": at})
        except SDK_ERRORS as error:
            if code_of(error) not in _UNKNOWN_TYPE:
                raise
        # DynamoDB Local and boto3 before 1.43.127 do not know it; the former rounds times down to the minute
        self._skip_before = at.replace(second=0, microsecond=0)
        return self._ask_for("TRIM_HORIZON", {})

    def _ask_for(self, kind: str, arguments: Mapping[str, object]) -> str:
        answer = ask(
            lambda: self._client.get_shard_iterator(
                StreamArn=self._stream_arn, ShardId=self._shard_id, ShardIteratorType=kind, **arguments
            ),
            place_of(self._stream_arn),
            known={*GONE, *(_UNKNOWN_TYPE if "Timestamp" in arguments else ())},
        )
        iterator: str = answer["ShardIterator"]
        return iterator

    def _recent(self, records: Sequence[Mapping[str, Any]], moment: datetime) -> Sequence[Mapping[str, Any]]:
        recent = [each for each in records if each["dynamodb"]["ApproximateCreationDateTime"] >= moment]
        if recent:
            self._skip_before = None
        return recent
