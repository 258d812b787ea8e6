"""Following a stream: every record once, each shard after its parent, through everything AWS may answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from ddbevents import ConfigurationError, SourceError
from ddbevents.sources import StreamReader
from tests.dynamodb_local import clients
from tests.dynamodb_tables import make_table
from tests.stream import ARN, FIRST, Json
from tests.streams_fake import FakeShard, FakeStreams, aws_error, created, numbers_of

OLDEST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)  # the pauses of a real stream are too long for a test
    return pauses


def follow(client: FakeStreams, since: datetime | None = OLDEST, **names: Any) -> Iterator[Json]:
    return StreamReader(streams_client=client, **names).follow(ARN, since=since)


def test_children_come_after_parents() -> None:
    streams = FakeStreams(
        {
            "d": FakeShard([[7]], parent="b"),
            "c": FakeShard([[6]], parent="a"),
            "b": FakeShard([[5], []], parent="a"),
            "a": FakeShard([[1, 2], [], [3, 4]], parent="gone"),
            "e": FakeShard([[10, 11]]),
        }
    )

    numbers = numbers_of(follow(streams))

    assert sorted(numbers) == [1, 2, 3, 4, 5, 6, 7, 10, 11]
    assert [each for each in numbers if each < 5] == [1, 2, 3, 4]
    assert numbers.index(4) < min(numbers.index(5), numbers.index(6))
    assert numbers.index(5) < numbers.index(7)


def test_a_page_is_an_event() -> None:
    events = [*follow(FakeStreams({"a": FakeShard([[1, 2], [], [3]])}))]

    assert [numbers_of([event]) for event in events] == [[1, 2], [3]]
    assert events[0]["Records"][0]["eventSourceARN"] == ARN


def test_a_shard_may_split_meanwhile(slept: list[float]) -> None:
    streams = FakeStreams({"a": FakeShard([[1]])}, disabled=False)
    following = follow(streams)
    assert numbers_of([next(following)]) == [1]

    def split(client: FakeStreams) -> None:
        if len(slept) > 3:  # AWS lists the children late
            client.shards |= {"b": FakeShard([[2]], parent="a"), "c": FakeShard([[3]], parent="a")}
            client.disabled = True

    streams.before = split
    streams.errors = {"describe_stream": [aws_error("LimitExceededException")]}
    now = iter(range(1000))
    with pytest.MonkeyPatch.context() as clock:
        clock.setattr(time, "monotonic", lambda: float(next(now)))  # the wait for children passes at once
        numbers = numbers_of(following)

    assert sorted(numbers) == [2, 3]


def test_children_are_looked_for_at_times() -> None:
    streams = FakeStreams({"a": FakeShard([[1]])}, disabled=False)

    def end(client: FakeStreams) -> None:
        client.disabled = len(client.requests) > 4

    streams.before = end
    now = iter(range(1000))
    with pytest.MonkeyPatch.context() as clock:
        clock.setattr(time, "monotonic", lambda: next(now) / 10)
        numbers = numbers_of(follow(streams))

    assert numbers == [1]
    assert len(streams.asked("describe_stream")) == 3


def test_only_new_records_come_by_default() -> None:
    streams = FakeStreams(
        {"a": FakeShard([[1]]), "b": FakeShard([[2]], parent="a", closed=False)}, disabled=False
    )
    following = follow(streams, since=None)

    streams.shards["b"].pages.append([3])
    streams.shards["b"].closed = streams.disabled = True

    assert numbers_of(following) == [3]
    assert streams.kinds() == ["LATEST"]


def test_an_open_shard_that_vanishes_is_over() -> None:
    streams = FakeStreams({"a": FakeShard([], closed=False)}, disabled=False)
    streams.errors = {"get_shard_iterator": [aws_error("ResourceNotFoundException")] * 2}

    def end(client: FakeStreams) -> None:
        client.disabled = len(client.asked("get_shard_iterator")) > 1

    streams.before = end

    assert numbers_of(follow(streams, since=None)) == []


def test_an_expired_first_iterator_loses_nothing() -> None:
    streams = FakeStreams({"a": FakeShard([], closed=False)})
    streams.errors = {"get_records": [aws_error("ExpiredIteratorException")]}
    following = follow(streams, since=None)

    streams.shards["a"] = FakeShard([[]], closed=True)

    assert numbers_of(following) == []
    assert streams.kinds() == ["LATEST", "AT_TIMESTAMP"]


def test_an_expired_iterator_is_renewed() -> None:
    streams = FakeStreams({"a": FakeShard([[1], [2]])})
    streams.errors = {"get_records": [None, aws_error("ExpiredIteratorException")]}

    assert numbers_of(follow(streams)) == [1, 2]


def recent(client: FakeStreams, number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Json]:
    """Follow from the moment of a record on, as if it were now."""

    class Now(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:  # noqa: ARG003  # datetime's own
            return created(number)

    monkeypatch.setattr("ddbevents.sources._follow.datetime", Now)  # the fake's records are of one day
    return follow(client, since=created(number))


def test_a_moment_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = FakeStreams({"a": FakeShard([[1, 2], [3, 4]]), "b": FakeShard([[5]], parent="a")})

    assert numbers_of(recent(streams, 3, monkeypatch)) == [3, 4, 5]
    assert streams.kinds() == ["AT_TIMESTAMP", "AT_TIMESTAMP"]


def test_earlier_records_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = FakeStreams({"a": FakeShard([[1], [2, 3], [4]])}, knows_timestamps=False)

    assert numbers_of(recent(streams, 3, monkeypatch)) == [3, 4]
    assert streams.kinds() == ["AT_TIMESTAMP", "TRIM_HORIZON"]


def test_a_denied_moment_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = FakeStreams({"a": FakeShard([[1]])})
    streams.errors = {"get_shard_iterator": [aws_error("AccessDeniedException")]}

    with pytest.raises(SourceError, match="denies access: allow the role"):
        numbers_of(recent(streams, 1, monkeypatch))


def test_a_slow_reader_is_told_of_losses() -> None:
    streams = FakeStreams({"a": FakeShard([[1], [2]])})
    following = follow(streams)
    next(following)

    streams.errors = {"get_records": [aws_error("TrimmedDataAccessException")]}

    with pytest.raises(SourceError, match=f"the records after {FIRST + 1} of shard a of {ARN} are lost"):
        next(following)


def test_a_shard_is_read_four_times_a_second(slept: list[float]) -> None:
    streams = FakeStreams({"a": FakeShard([[1], [], [], [2]])})

    numbers_of(follow(streams))

    assert len(slept) == len(streams.asked("get_records"))
    assert all(0.2 < pause <= 0.25 for pause in slept)


def test_other_streams_are_refused() -> None:
    with pytest.raises(SourceError, match="is none of the reader's streams"):
        follow(FakeStreams({}), streams=[ARN.replace("Users", "Others")])


def test_a_stream_has_to_be_there() -> None:
    streams = FakeStreams({})
    streams.errors = {"describe_stream": [aws_error("ResourceNotFoundException")]}

    with pytest.raises(SourceError, match=f"the stream {ARN} is not there: check its name, the account and"):
        follow(streams)


def test_a_table_is_no_stream() -> None:
    with pytest.raises(
        ConfigurationError, match="Users is not the ARN of a stream: that is arn:aws:dynamodb"
    ):
        StreamReader().follow("Users")


def test_a_moment_needs_a_time_zone() -> None:
    with pytest.raises(ConfigurationError, match="since has no time zone"):
        StreamReader().follow(ARN, since=datetime(2026, 11, 27))  # noqa: DTZ001  # that is the mistake


def test_dynamodb_itself_is_followed(dynamodb_endpoint: str) -> None:
    dynamodb, streams = clients(dynamodb_endpoint)
    table = make_table(dynamodb, "pk")
    view: Any = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    dynamodb.update_table(TableName=table, StreamSpecification=view)
    arn = dynamodb.describe_table(TableName=table)["Table"].get("LatestStreamArn", "")
    reader = StreamReader(streams_client=streams)
    since = datetime.now(UTC)

    new, recent = reader.follow(arn), reader.follow(arn, since=since - timedelta(minutes=1))
    dynamodb.put_item(TableName=table, Item={"pk": {"S": "ada"}, "photo": {"B": b"foobar"}})

    [[first], [second]] = [event["Records"] for each in (new, recent) for event in islice(each, 1)]
    assert first == second
    assert first["dynamodb"]["NewImage"]["photo"] == {"B": "Zm9vYmFy"}

    dynamodb.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})
    assert [*new] == []
