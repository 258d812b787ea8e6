"""Lambda's failure records: the reader fetches exactly their records, or says which are lost."""

from __future__ import annotations

import json
import time
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from ddbevents import ConfigurationError, Outcome, SourceError, StreamApp, parse_event
from ddbevents.sources import StreamReader
from ddbevents.sources._clients import make_client  # nothing else shows where requests would go
from ddbevents.stores import MemoryStore
from ddbevents.testing import queue_event
from tests.dynamodb_local import clients, read_stream
from tests.dynamodb_tables import make_table
from tests.letters import new_bucket
from tests.stream import ARN, FIRST, Context, Json, batch, insert, user
from tests.streams_fake import FakeShard, FakeStreams, aws_error, boto3_record, failure_record, numbers_of

if TYPE_CHECKING:
    from types_boto3_dynamodbstreams import DynamoDBStreamsClient
    from types_boto3_s3 import S3Client

OTHER: str = ARN.replace("Users", "Others")


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)  # the pauses of a real stream are too long for a test
    return pauses


def shards(*pages: list[int], closed: bool = True, trimmed: int = 0) -> FakeStreams:
    return FakeStreams({"shard-a": FakeShard([*pages], closed=closed, trimmed=trimmed)})


def reader(client: FakeStreams, **names: Any) -> StreamReader:
    return StreamReader(streams_client=client, **names)


@pytest.mark.parametrize(
    ("pages", "first", "last"),
    [
        ([[1, 2, 3]], 1, 3),
        ([[1, 2, 3, 4, 5]], 2, 4),
        ([[1], [], [2], [], [], [3, 4]], 1, 3),
        ([[1, 2], [4, 7, 9]], 2, 7),
        ([[5]], 5, 5),
    ],
)
def test_a_range_is_read_exactly(pages: list[list[int]], first: int, last: int) -> None:
    event = reader(shards(*pages, closed=False)).read(failure_record(first, last))

    wanted = [number for page in pages for number in page if first <= number <= last]
    assert numbers_of([event]) == wanted


def test_nothing_is_read_past_the_end() -> None:
    streams = shards([1, 2], [3], [4])

    reader(streams).read(failure_record(1, 2))

    assert len(streams.asked("get_records")) == 1


def test_records_are_as_lambda_sends_them() -> None:
    event = reader(shards([1])).read(failure_record(1, 1))

    [sent] = event["Records"]
    assert sent["eventSourceARN"] == ARN
    assert sent["dynamodb"]["ApproximateCreationDateTime"] == 1795770090
    assert parse_event(event)[0].table == "Users"


@pytest.fixture
def streams(dynamodb_endpoint: str) -> DynamoDBStreamsClient:
    return clients(dynamodb_endpoint)[1]


def written(dynamodb_endpoint: str, count: int) -> tuple[str, list[Json]]:
    """Write items of all types to a new table, and return its stream's ARN and what boto3 reads from it."""
    dynamodb, streams = clients(dynamodb_endpoint)
    table = make_table(dynamodb, "pk")
    view: Any = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    dynamodb.update_table(TableName=table, StreamSpecification=view)
    arn = dynamodb.describe_table(TableName=table)["Table"].get("LatestStreamArn", "")
    for number in range(count):
        dynamodb.put_item(
            TableName=table,
            Item={
                "pk": {"S": f"u-{number}"},
                "photo": {"B": b"foobar"},
                "photos": {"BS": [b"\x00"]},
                "deep": {"L": [{"M": {"photo": {"B": b"\xff"}, "n": {"N": "1"}}}]},
            },
        )
    records: list[Any] = [*read_stream(streams, arn, count)]
    return arn, records


def of_local(arn: str, records: list[Json], shard: str) -> Json:
    numbers = [record["dynamodb"]["SequenceNumber"].lstrip("0") for record in records]
    failure = failure_record(1, 1)
    failure["DDBStreamBatchInfo"] |= {
        "streamArn": arn,
        "shardId": shard,
        "startSequenceNumber": numbers[0],
        "endSequenceNumber": numbers[-1],
    }
    return failure


def test_dynamodb_itself_is_read(dynamodb_endpoint: str, streams: DynamoDBStreamsClient) -> None:
    arn, records = written(dynamodb_endpoint, 12)
    [shard] = streams.describe_stream(StreamArn=arn)["StreamDescription"].get("Shards", [])

    event = StreamReader(streams_client=streams).read(of_local(arn, records[2:9], shard.get("ShardId", "")))

    assert [each["eventID"] for each in event["Records"]] == [each["eventID"] for each in records[2:9]]
    image = event["Records"][0]["dynamodb"]["NewImage"]
    assert json.loads(json.dumps(image)) == {
        "pk": {"S": "u-2"},
        "photo": {"B": "Zm9vYmFy"},
        "photos": {"BS": ["AA=="]},
        "deep": {"L": [{"M": {"photo": {"B": "/w=="}, "n": {"N": "1"}}}]},
    }


def test_the_default_client_reads(dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arn, records = written(dynamodb_endpoint, 1)
    described = clients(dynamodb_endpoint)[1].describe_stream(StreamArn=arn)["StreamDescription"]
    [shard] = described.get("Shards", [])
    monkeypatch.setenv("AWS_ENDPOINT_URL", dynamodb_endpoint)  # where boto3 looks for all of it
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")

    event = StreamReader().read(of_local(arn, records, shard.get("ShardId", "")))

    assert len(event["Records"]) == 1


def test_a_missing_region_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)  # boto3 looks there
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    failure = failure_record(1, 1)
    failure["DDBStreamBatchInfo"]["streamArn"] = ARN.replace("eu-central-1", "ddblocal")

    with pytest.raises(SourceError, match=r"no AWS region is configured: set AWS_REGION, or pass a client$"):
        StreamReader().read(failure)


def test_the_region_is_the_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # boto3 looks there

    assert make_client("dynamodbstreams", ARN).meta.region_name == "eu-central-1"


def test_an_expired_iterator_is_renewed() -> None:
    streams = shards([1, 2], [3])
    streams.errors = {"get_records": [None, aws_error("ExpiredIteratorException")]}

    assert numbers_of([reader(streams).read(failure_record(1, 3))]) == [1, 2, 3]
    assert streams.kinds() == ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"]


@pytest.mark.parametrize("code", ["LimitExceededException", "ThrottlingException", "InternalServerError"])
def test_throttles_are_waited_out(code: str, slept: list[float]) -> None:
    streams = shards([1])
    streams.errors = {"get_records": [aws_error(code)] * 7, "get_shard_iterator": [aws_error(code)]}

    assert numbers_of([reader(streams).read(failure_record(1, 1))]) == [1]
    assert len(slept) == 8
    assert max(slept) <= 5


def test_endless_throttles_are_explained() -> None:
    streams = shards([1])
    streams.errors = {"get_records": [aws_error("LimitExceededException")] * 8}

    with pytest.raises(SourceError, match=r"throttles the stream .*; at most two may read a shard at a time"):
        reader(streams).read(failure_record(1, 1))


def test_a_denied_stream_is_explained() -> None:
    streams = shards([1])
    streams.errors = {"get_shard_iterator": [aws_error("AccessDeniedException")]}

    with pytest.raises(
        SourceError, match="allow the role dynamodb:DescribeStream, dynamodb:GetShardIterator"
    ):
        reader(streams).read(failure_record(1, 1))


def lost(streams: FakeStreams, first: int, last: int) -> str:
    with pytest.raises(SourceError) as raised:
        reader(streams).read(failure_record(first, last))
    return str(raised.value)


def test_a_lost_range_is_named() -> None:
    message = lost(shards([1, 2, 3], [9], trimmed=9), 1, 3)

    assert message == (
        f"the records {FIRST + 1} to {FIRST + 3} of shard shard-a of {ARN} are lost since about"
        " 2026-11-28T09:03:30+00:00: a stream keeps them for 24 hours, and they were written from"
        " 2026-11-27T09:01:30+00:00 to 2026-11-27T09:03:30+00:00"
    )


def test_what_is_left_of_a_range_is_named() -> None:
    message = lost(shards([1, 2, 3], [4], trimmed=3), 1, 4)

    assert f"the records {FIRST + 1} up to {FIRST + 3} of shard" in message
    assert message.endswith("those after it are there: read them with it as startSequenceNumber")


@pytest.mark.parametrize("trimmed", [4, 5])
def test_an_emptied_shard_has_lost_all(trimmed: int) -> None:
    assert f"{FIRST + 1} to {FIRST + 3} of shard" in lost(shards([1, 2, 3], [4], trimmed=trimmed), 1, 3)


def test_a_shard_that_is_gone_has_lost_all() -> None:
    assert f"{FIRST + 1} to {FIRST + 3} of shard shard-a" in lost(FakeStreams({}), 1, 3)


def test_a_lost_range_without_times_is_named() -> None:
    failure = failure_record(1, 3)
    failure["DDBStreamBatchInfo"] |= {
        "approximateArrivalOfFirstRecord": 1,
        "approximateArrivalOfLastRecord": "yesterday",
    }

    with pytest.raises(SourceError, match=r"are lost: a stream keeps them for 24 hours$"):
        reader(FakeStreams({})).read(failure)


def test_a_gap_at_the_start_is_a_loss() -> None:
    assert f"up to {FIRST + 2} of shard" in lost(shards([2, 3]), 1, 3)


def test_an_empty_shard_is_a_loss() -> None:
    assert f"{FIRST + 1} to {FIRST + 3} of shard" in lost(shards(), 1, 3)


def test_a_range_has_to_end_in_its_shard() -> None:
    assert f"has no record {FIRST + 9}, with which" in lost(shards([1, 2], closed=False), 1, 9)


@pytest.mark.parametrize(
    ("name", "most"), [("_MOST_RECORDS", 3), ("_MOST_BYTES", 250)], ids=["records", "bytes"]
)
def test_a_range_has_a_largest_size(name: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"ddbevents.sources._fetch.{name}", most)  # the real one takes a minute
    streams = shards([1, 2], [3, 4], [5, 6])

    with pytest.raises(SourceError, match=r"has more than .* at most") as refused:
        reader(streams).read(failure_record(1, 6))

    parts = f"one with endSequenceNumber {FIRST + 2}, and the next with startSequenceNumber {FIRST + 3}"
    assert parts in str(refused.value)
    assert numbers_of([reader(streams).read(failure_record(1, 2))]) == [1, 2]


def test_what_follows_the_range_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ddbevents.sources._fetch._MOST_RECORDS", 3)  # as above

    assert numbers_of([reader(shards([1], [2, 3, 4, 5, 6])).read(failure_record(1, 3))]) == [1, 2, 3]


def timed(streams: FakeStreams, failure: Json, milliseconds: int) -> str:
    """Return why an app's message failed, whose function has this time left."""
    app = StreamApp("users", reader=reader(streams, streams=[ARN]))
    app.on_insert(dict)(lambda _: None)
    [report] = app.process(queue_event(failure), Context(milliseconds)).records
    return str(report.error)


def test_a_missing_end_ends_in_time(slept: list[float]) -> None:
    streams = shards([1, 2], closed=False)
    streams.before = lambda _: Event().wait(0.02)

    reason = timed(streams, failure_record(1, 9), 1_000)

    Event().wait(0.1)  # the request that nobody waits for has ended by now
    read = len(slept)
    Event().wait(0.2)
    assert "could not be read within 0.5 s" in reason
    assert len(slept) == read < 50


def test_a_stream_that_hangs_ends_in_time() -> None:
    released = Event()
    streams = shards([1, 2])
    streams.before = lambda _: released.wait(60)

    reason = timed(streams, failure_record(1, 2), 1_000)

    released.set()
    assert "Try again, and give a function a longer time-out" in reason


def test_a_loss_is_named_even_if_it_is_late() -> None:
    streams = shards([], [], [], closed=False, trimmed=9)
    streams.before = lambda _: Event().wait(0.006)

    assert f"{FIRST + 1} to {FIRST + 2} of shard" in timed(streams, failure_record(1, 2), 10)


PAYLOAD = batch(insert(1, user("ada")), insert(2, user("bob")))


@pytest.mark.parametrize("payload", [PAYLOAD, json.dumps(PAYLOAD)], ids=["object", "text"])
def test_a_payload_is_used(payload: object) -> None:
    streams = FakeStreams({})

    assert reader(streams).read(failure_record(1, 2, payload=payload)) == PAYLOAD
    assert streams.requests == []


def test_a_windows_payload_is_records_only() -> None:
    payload = {**PAYLOAD, "window": {}, "state": {}}

    assert reader(FakeStreams({})).read(failure_record(1, 2, payload=payload)) == PAYLOAD


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ("{", "the payload of the failure record is not JSON"),
        ("[" * 100_000, "the payload of the failure record is not JSON"),
        ("[]", "is no event with Records"),
        ({}, "is no event with Records"),
        (batch(insert(1, user("ada")) | {"eventSourceARN": OTHER}), "has a record of arn.*Others"),
        (batch("ada"), "has a record of no stream"),
    ],
)
def test_a_wrong_payload_is_refused(payload: object, problem: str) -> None:
    with pytest.raises(SourceError, match=problem):
        reader(shards([1])).read(failure_record(1, 1, payload=payload))


def test_an_object_is_read(s3: S3Client) -> None:
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="a b", Body=json.dumps(failure_record(1, 2, payload=PAYLOAD)).encode())
    settings: Any = {"streams_client": FakeStreams({}), "s3_client": s3}

    place = {"bucket": bucket, "key": "a b"}
    assert StreamReader(**settings).read(place) == PAYLOAD
    assert StreamReader(**settings, buckets=[bucket]).read(place) == PAYLOAD
    with pytest.raises(SourceError, match="none of the reader's streams"):
        StreamReader(**settings, buckets=[bucket], streams=[OTHER]).read(place)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{", "s3://.*/letter is no failure record, since it is not JSON"),
        (b"[]", "s3://.*/letter is no failure record, since it is no JSON object"),
        (b"{}", "this is no failure record of a DynamoDB stream, since it has no DDBStreamBatchInfo"),
        (b" " * (33 * 2**20), "is longer than 32 MiB"),
    ],
    ids=["broken", "list", "empty", "long"],
)
def test_an_object_has_to_be_a_failure(s3: S3Client, body: bytes, problem: str) -> None:
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="letter", Body=body)

    with pytest.raises(SourceError, match=problem):
        StreamReader(s3_client=s3).read({"bucket": bucket, "key": "letter"})


def test_an_object_has_to_be_there(s3: S3Client) -> None:
    with pytest.raises(SourceError, match=r"the object s3://.*/gone is not there"):
        StreamReader(s3_client=s3).read({"bucket": new_bucket(s3), "key": "gone"})


@pytest.mark.parametrize("place", [{"bucket": "s3://x", "key": "k"}, {"bucket": "letters", "key": 1}])
def test_a_place_has_to_be_one(place: Json) -> None:
    with pytest.raises(SourceError, match="this is no place in S3"):
        StreamReader().read(place)


@pytest.mark.parametrize("names", [{"streams": [OTHER]}, {"buckets": ["letters"]}])
@pytest.mark.parametrize(
    "failure",
    [
        failure_record(1, 1),
        failure_record(1, 1, payload=batch()),
        {"bucket": "secrets", "key": "k"},
    ],
    ids=["range", "payload", "object"],
)
def test_other_places_are_refused(names: Json, failure: Json) -> None:
    streams = shards([1])

    with pytest.raises(
        SourceError, match=r"is none of the reader's (streams|buckets): if it is yours, name it"
    ):
        reader(streams, **names).read(failure)
    assert streams.requests == []


def test_a_reader_tells_its_names() -> None:
    named = StreamReader(streams=[ARN], buckets=["letters"])

    assert (named.streams, named.buckets) == (frozenset({ARN}), frozenset({"letters"}))


def test_a_named_stream_is_read() -> None:
    assert numbers_of([reader(shards([1]), streams=[ARN]).read(failure_record(1, 1))]) == [1]


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ({"streams": ARN}, r"streams is text, not a list: pass streams=\[...\]"),
        ({"streams": ["arn:aws:dynamodb:eu-central-1:1:table/Users"]}, "is not the ARN of a stream"),
        ({"buckets": "letters"}, r"buckets is text, not a list"),
        ({"buckets": ["s3://letters"]}, "s3://letters is not a bucket's name: give the name alone"),
    ],
)
def test_names_are_checked(names: Json, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        StreamReader(**names)


def with_info(**parts: object) -> Json:
    failure = failure_record(1, 1)
    failure["DDBStreamBatchInfo"] |= parts
    return failure


@pytest.mark.parametrize(
    ("failure", "problem"),
    [
        ({"KinesisBatchInfo": {}}, "it has no DDBStreamBatchInfo"),
        ({"DDBStreamBatchInfo": []}, "it has no DDBStreamBatchInfo"),
        (with_info(streamArn="arn:aws:s3:::x"), "has no streamArn of a DynamoDB stream"),
        (with_info(streamArn=None), "has no streamArn of a DynamoDB stream"),
        (with_info(shardId=7), "has no shardId"),
        (with_info(shardId="a\n"), "has no shardId"),
        (with_info(startSequenceNumber="-1"), "has no startSequenceNumber of digits"),
        (with_info(endSequenceNumber=7), "has no endSequenceNumber of digits"),
        (with_info(endSequenceNumber="7"), "startSequenceNumber .* is above its endSequenceNumber 7"),
    ],
)
def test_a_failure_record_is_checked(failure: Json, problem: str) -> None:
    with pytest.raises(SourceError, match=problem):
        reader(shards([1])).read(failure)


def test_a_text_is_no_failure_record() -> None:
    text: Any = json.dumps(failure_record(1, 1))

    with pytest.raises(SourceError, match=r"an object, not str: read it with json\.loads first"):
        reader(shards([1])).read(text)


def test_an_expired_item_keeps_its_mark() -> None:
    identity = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    streams = shards([1])
    record = boto3_record(1, userIdentity=identity)
    del record["dynamodb"]["ApproximateCreationDateTime"]
    answer = {"Records": [record]}
    streams.get_records = lambda **_: answer  # type: ignore[method-assign]  # a record like no other

    [read] = parse_event(reader(streams).read(failure_record(1, 1)))

    assert read.expired
    assert read.created_at is None


def test_an_app_takes_a_failure_record() -> None:
    app = StreamApp("users", store=MemoryStore(), reader=reader(shards([1, 2, 3]), streams=[ARN]))
    seen: list[str] = []
    app.on_insert(dict)(lambda change: seen.append(change.new["pk"]))

    answers = [app(queue_event(failure_record(1, 2)), None), app(queue_event(failure_record(2, 3)), None)]

    assert answers == [{"batchItemFailures": []}] * 2
    assert seen == ["u-1", "u-2", "u-3"]


def test_an_app_fails_the_message_of_lost_records() -> None:
    app = StreamApp("users", reader=reader(shards([1, 2, 3], trimmed=3), streams=[ARN]))
    app.on_insert(dict)(lambda _: None)

    report = app.process(queue_event(failure_record(1, 2), failure_record(3, 3)))

    assert [each.outcome for each in report.records] == [Outcome.FAILED, Outcome.HANDLED]
    assert f"the records {FIRST + 1} to {FIRST + 2} of shard shard-a" in str(report.records[0].error)
    assert len(report.response["batchItemFailures"]) == 1


def test_an_app_handles_what_was_read() -> None:
    app = StreamApp("users")
    seen: list[str] = []

    @app.on_insert(dict)
    def welcome(change: Any) -> None:
        seen.append(change.new["pk"])

    assert app(reader(shards([1, 2, 3])).read(failure_record(1, 2)), None) == {"batchItemFailures": []}
    assert seen == ["u-1", "u-2"]
