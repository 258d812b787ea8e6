"""DynamoDB Streams by the rules of its API: resharding, trimming and throttles, which DynamoDB Local has not.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB_Streams.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import ClientError, ParamValidationError

from tests.stream import ARN, FIRST, Json

CREATED: Final = datetime(2026, 11, 27, 9, 0, 30, tzinfo=UTC)
Pages = list[list[int]]


@dataclass
class FakeShard:
    """A shard, page by page; a closed one has an end."""

    pages: Pages
    parent: str | None = None
    closed: bool = True
    trimmed: int = 0  # records below this number are gone

    def numbers(self) -> list[int]:
        return [number for page in self.pages for number in page if number >= self.trimmed]


@dataclass
class FakeStreams:
    """A client for one stream.

    Attributes:
        shards: The shards that `DescribeStream` lists, two a page.
        errors: What the next requests of each operation raise, or None where one succeeds.
        requests: What was asked for, in order.
        disabled: Whether the table has no stream any more.
        knows_timestamps: Whether `AT_TIMESTAMP` is known.
    """

    shards: dict[str, FakeShard]
    errors: dict[str, list[Exception | None]] = field(default_factory=dict)
    requests: list[tuple[str, Json]] = field(default_factory=list)
    disabled: bool = True
    knows_timestamps: bool = True
    before: Callable[[FakeStreams], object] = lambda _: None

    def describe_stream(self, **arguments: Any) -> Json:
        self._take("describe_stream", arguments)
        names = [*self.shards]
        start = names.index(arguments["ExclusiveStartShardId"]) + 1 if len(arguments) > 1 else 0
        page = names[start : start + 2]
        described: Json = {
            "StreamStatus": "DISABLED" if self.disabled else "ENABLED",
            "Shards": [_described(name, self.shards[name]) for name in page],
        }
        if start + 2 < len(names):
            described["LastEvaluatedShardId"] = page[-1]
        return {"StreamDescription": described}

    def get_shard_iterator(self, **arguments: Any) -> Json:
        self._take("get_shard_iterator", arguments)
        name, kind = arguments["ShardId"], arguments["ShardIteratorType"]
        shard = self.shards.get(name)
        if shard is None:
            raise aws_error("ResourceNotFoundException")
        return {"ShardIterator": f"{name}|{self._first(shard, kind, arguments)}|0"}

    def _first(self, shard: FakeShard, kind: str, arguments: Json) -> int:
        last = max(shard.numbers(), default=-1)
        if kind == "AT_TIMESTAMP" and not self.knows_timestamps:
            raise ParamValidationError(report="unknown parameter")
        if kind == "TRIM_HORIZON":
            return 0
        if kind == "LATEST":
            return last + 1
        if kind == "AT_TIMESTAMP":
            later = [each for each in shard.numbers() if created(each) >= arguments["Timestamp"]]
            return min(later, default=last + 1)
        number = int(arguments["SequenceNumber"]) - FIRST + (kind == "AFTER_SEQUENCE_NUMBER")
        if number < shard.trimmed:
            raise aws_error("TrimmedDataAccessException")
        return number

    def get_records(self, **arguments: Any) -> Json:
        self._take("get_records", arguments)
        name, first, place = arguments["ShardIterator"].split("|")
        shard = self.shards[name]
        at = int(place)
        page = shard.pages[at] if at < len(shard.pages) else []
        answer: Json = {"Records": [boto3_record(n) for n in page if n >= max(int(first), shard.trimmed)]}
        if not shard.closed or at + 1 < len(shard.pages):
            answer["NextShardIterator"] = f"{name}|{first}|{min(at + 1, len(shard.pages))}"
        return answer

    def _take(self, operation: str, arguments: Json) -> None:
        self.requests.append((operation, arguments))
        self.before(self)
        planned = self.errors.get(operation, [])
        error = planned.pop(0) if planned else None
        if error is not None:
            raise error

    def kinds(self) -> list[str]:
        """Return the kinds of iterators that were asked for."""
        asked = self.asked("get_shard_iterator")
        return [arguments["ShardIteratorType"] for arguments in asked]

    def asked(self, operation: str) -> list[Json]:
        return [arguments for name, arguments in self.requests if name == operation]


def aws_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "Operation")


def created(number: int) -> datetime:
    """Return when a record was written: one a minute."""
    return datetime.fromtimestamp(CREATED.timestamp() + 60 * number, UTC)


def boto3_record(number: int, **parts: Any) -> Json:
    """Return a record as boto3's `get_records` gives it."""
    image = {"pk": {"S": f"u-{number}"}, "email": {"S": "ada@example.com"}}
    return {
        "eventID": f"{number:032x}",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "dynamodb": {
            "ApproximateCreationDateTime": created(number),
            "Keys": {"pk": image["pk"]},
            "NewImage": image,
            "SequenceNumber": str(FIRST + number),
            "SizeBytes": 70,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        **parts,
    }


def failure_record(first: int, last: int, shard: str = "shard-a", **parts: Any) -> Json:
    """Return Lambda's failure record of a batch."""
    return {
        "requestContext": {
            "requestId": "c9b8fa9f-5a7f-4f42-b5c5-e2a3b5f7d2b1",
            "functionArn": "arn:aws:lambda:eu-central-1:123456789012:function:welcome-users",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2026-11-27T09:30:00.000Z",
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": str(FIRST + first),
            "endSequenceNumber": str(FIRST + last),
            "approximateArrivalOfFirstRecord": created(first).isoformat().replace("+00:00", "Z"),
            "approximateArrivalOfLastRecord": created(last).isoformat().replace("+00:00", "Z"),
            "batchSize": last - first + 1,
            "streamArn": ARN,
        },
        **parts,
    }


def numbers_of(events: Iterator[Json] | list[Json]) -> list[int]:
    """Return the numbers of the records of events, in order."""
    return [
        int(record["dynamodb"]["SequenceNumber"]) - FIRST for event in events for record in event["Records"]
    ]


def _described(name: str, shard: FakeShard) -> Json:
    described: Json = {"ShardId": name, "SequenceNumberRange": {"StartingSequenceNumber": str(FIRST)}}
    if shard.closed:
        described["SequenceNumberRange"]["EndingSequenceNumber"] = str(
            FIRST + max(shard.numbers(), default=0)
        )
    if shard.parent is not None:
        described["ParentShardId"] = shard.parent
    return described
