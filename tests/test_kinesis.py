"""Kinesis Data Streams for DynamoDB: how its records are read, and what is answered."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbevents import (
    BatchFailedError,
    ConfigurationError,
    Insert,
    InvalidRecordError,
    Latest,
    Outcome,
    Remove,
    StreamApp,
    StreamRecord,
    UnreadableRecord,
    parse_event,
)
from ddbevents.dead_letters import DeadLetters, letter_from_json, letter_to_json
from ddbevents.stores import MemoryStore
from ddbevents.testing import MemorySink, Table, kinesis_event, queue_event, remove
from tests.campaigns import size
from tests.stream import CANARY, Json, batch
from tests.stream import insert as stream_insert
from tests.stream import user as stream_user

# as AWS's own documentation and a recorded event have it
INNER: Json = {
    "awsRegion": "eu-central-1",
    "eventID": "2d0bd59a-dcf6-4bb6-9eb9-6ce9a4c9d0d2",
    "eventName": "MODIFY",
    "userIdentity": None,
    "recordFormat": "application/json",
    "tableName": "Users",
    "dynamodb": {
        "ApproximateCreationDateTime": 1764000000123,
        "Keys": {"pk": {"S": "ada"}},
        "NewImage": {"pk": {"S": "ada"}, "n": {"N": "2"}},
        "OldImage": {"pk": {"S": "ada"}, "n": {"N": "1"}},
        "SizeBytes": 20,
    },
    "eventSource": "aws:dynamodb",
}
NUMBER = "49668899999999999999999999999999999999999999999999999999"
ARN = "arn:aws:kinesis:eu-central-1:123456789012:stream/changes"


def carried(inner: object = INNER, number: int | str = NUMBER, **around: Any) -> Json:
    """Return a Kinesis record as Lambda passes it."""
    data = inner if isinstance(inner, str) else b64encode(json.dumps(inner).encode()).decode()
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "A1",
            "sequenceNumber": str(number),
            "data": data,
            "approximateArrivalTimestamp": 1764000001.5,
            **around,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000006:{number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
        "awsRegion": "eu-central-1",
        "eventSourceARN": ARN,
    }


def body(**parts: Any) -> Json:
    return {**INNER, "dynamodb": {**INNER["dynamodb"], **parts}}


def change(number: int, **parts: Any) -> Json:
    """Return a Kinesis record with a change of an item of its own."""
    keys = {"pk": {"S": f"u-{number}"}}
    inner = {"Keys": keys, "NewImage": keys, **parts}
    event_id = f"00000000-0000-4000-8000-{number:012d}"
    return carried({**INNER, "eventID": event_id, "eventName": "INSERT", "dynamodb": inner}, number)


class Ran:
    """An app that notes the keys that it handles, and fails for those that a test names."""

    def __init__(self, **settings: Any) -> None:
        self.keys: list[str] = []
        self.poison: set[str] = set()
        self.app = StreamApp("users", **settings)
        self.app.on_keys(dict[str, str])(self.note)

    def note(self, change: Any) -> None:
        if change.keys["pk"] in self.poison:
            raise ValueError(CANARY)
        self.keys.append(change.keys["pk"])


def named(*identifiers: str) -> Json:
    return {"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]}


def test_a_kinesis_record_is_read() -> None:
    [record] = parse_event(batch(carried()))

    assert (record.source, record.kind, record.keys) == ("kinesis", "MODIFY", {"pk": "ada"})
    assert record.event_id == INNER["eventID"]
    assert (record.sequence_number, record.identifier) == (NUMBER, NUMBER)
    assert (record.table, record.region, record.source_arn) == ("Users", "eu-central-1", ARN)
    assert (record.new_image, record.old_image) == (
        INNER["dynamodb"]["NewImage"],
        INNER["dynamodb"]["OldImage"],
    )
    assert (record.size_bytes, record.view_type, record.expired) == (20, None, False)
    assert record.created_at == datetime(2025, 11, 24, 16, 0, 0, 123_000, UTC)
    assert "data" not in record.raw["kinesis"]
    assert repr(record) == f"<StreamRecord MODIFY {NUMBER} of Users>"


@pytest.mark.parametrize(
    ("moment", "unit", "created_at"),
    [
        (1764000000123, None, datetime(2025, 11, 24, 16, 0, 0, 123_000, UTC)),
        (1764000000123, "MILLISECOND", datetime(2025, 11, 24, 16, 0, 0, 123_000, UTC)),
        (1764000000123456, "MICROSECOND", datetime(2025, 11, 24, 16, 0, 0, 123_456, UTC)),
        (1764000000123456, None, datetime(2025, 11, 24, 16, 0, 0, 123_456, UTC)),
        (1764000000, "UNKNOWN", datetime(2025, 11, 24, 16, 0, tzinfo=UTC)),
        (5_000, "MILLISECOND", datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)),
        (5_000_000, "MICROSECOND", datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)),
    ],
    ids=["ms", "named ms", "named us", "us", "unknown", "old ms", "old us"],
)
def test_the_unit_of_the_time(moment: int, unit: str | None, created_at: datetime) -> None:
    precision = {} if unit is None else {"ApproximateCreationDateTimePrecision": unit}

    [record] = parse_event(batch(carried(body(ApproximateCreationDateTime=moment, **precision))))

    assert record.created_at == created_at


def test_a_time_beyond_all_calendars_is_named() -> None:
    far = body(ApproximateCreationDateTime=10**30, ApproximateCreationDateTimePrecision="MILLISECOND")
    [record] = parse_event(batch(carried(far)))

    with pytest.raises(InvalidRecordError, match="expected seconds, milliseconds or microseconds"):
        _ = record.created_at


def test_time_to_live_is_told() -> None:
    expired: list[bool] = []
    app = StreamApp("users")

    @app.on_remove(dict)
    def note(change: Remove[dict[str, Any]]) -> None:
        expired.append(change.expired)

    app(kinesis_event(remove({"pk": "a"}, expired=True), remove({"pk": "b"})))

    assert expired == [True, False]


@pytest.mark.parametrize(("place", "answer"), [(1, named("21")), (2, named("22"))], ids=["middle", "last"])
@pytest.mark.parametrize("store", [True, False], ids=["store", "no store"])
def test_the_lowest_unfinished_is_named(*, place: int, answer: Json, store: bool) -> None:
    ran = Ran(store=MemoryStore() if store else None)
    ran.poison.add(f"u-{20 + place}")

    assert ran.app(batch(*map(change, (20, 21, 22)))) == answer


def test_a_failure_of_the_first_raises() -> None:
    ran = Ran()
    ran.poison.add("u-20")

    with pytest.raises(BatchFailedError) as failed:
        ran.app(batch(*map(change, (20, 21, 22))))

    assert failed.value.identifier == "20"
    assert ran.keys == []


def test_numbers_are_compared_as_numbers() -> None:
    ran = Ran(store=MemoryStore())
    ran.poison |= {"u-9", "u-100"}

    assert ran.app(batch(*map(change, (8, 100, 9)))) == named("9")


def test_a_repeated_change_runs_once() -> None:
    ran = Ran()

    report = ran.app.process(batch(carried(number=1), carried(number=2, partitionKey="B2")))

    assert [each.outcome for each in report.records] == [Outcome.HANDLED, Outcome.ALREADY_HANDLED]
    assert (ran.keys, report.delivery) == (["ada"], "kinesis")


def test_a_repeated_delivery_is_skipped() -> None:
    ran = Ran(store=MemoryStore())
    ran.app(batch(carried()))

    report = ran.app.process(batch(carried(number=NUMBER[:-1] + "8")))

    assert report.already_handled == 1


@pytest.mark.parametrize(
    ("later", "named"),
    [
        (carried(body(SizeBytes=21), 1), "sequence number but different content"),
        (carried(body(SizeBytes=21), 2), "eventID but different content"),
    ],
    ids=["number", "eventID"],
)
def test_a_twin_with_other_content_fails(later: Json, named: str) -> None:
    report = Ran(store=MemoryStore()).app.process(batch(carried(number=1), later))

    assert [each.outcome for each in report.records] == [Outcome.HANDLED, Outcome.FAILED]
    assert named in str(report.records[1].error)


DATA: dict[str, tuple[Json, str]] = {
    "another source": (stream_insert(1, stream_user("a")), "expected 'aws:kinesis', as the batch's first"),
    "another service": ({"eventSource": "aws:sqs"}, "this is a message of SQS, among other records"),
    "no object": ({"eventSource": "aws:kinesis", "kinesis": [CANARY]}, "kinesis: expected an object"),
    "no number": (carried(number=CANARY), "kinesis.sequenceNumber: expected 1 to 64 digits"),
    "no data": (carried(data=None), "kinesis.data: expected base64 text"),
    "no base64": (carried("!!!!"), "kinesis.data: the data is no change of a DynamoDB table"),
    "no JSON": (carried(b64encode(CANARY.encode()).decode()), "somebody else writes to the Kinesis stream"),
    "a list": (carried([INNER]), "somebody else writes to the Kinesis stream"),
    "another producer": (carried({"order": CANARY}), '{"data": {"eventSource": ["aws:dynamodb"]}}'),
    "deep": (carried(b64encode(b"[" * 100_000).decode()), "no change of a DynamoDB table"),
    "a long number": (carried(b64encode(b"9" * 5_000).decode()), "no change of a DynamoDB table"),
    "no body": (carried({**INNER, "dynamodb": CANARY}), "dynamodb: expected an object"),
    "no keys": (carried(body(Keys={})), "dynamodb.Keys: expected the attributes"),
    "no kind": (carried({**INNER, "eventName": CANARY}), "eventName: expected INSERT, MODIFY or REMOVE"),
    "a surrogate": (carried({**INNER, "eventID": "\ud800"}), "eventID: expected letters"),
}


@pytest.mark.parametrize("name", DATA)
def test_what_is_no_change_is_named(name: str) -> None:
    record, reason = DATA[name]
    ran = Ran(store=MemoryStore())

    report = ran.app.process(batch(change(1), record, change(3)))

    assert [each.outcome for each in report.records][:2] == [Outcome.HANDLED, Outcome.FAILED]
    assert reason in str(report.records[1].error)
    assert CANARY not in str(report.records[1].error)
    assert isinstance(report.records[1].error, InvalidRecordError)
    assert report.records[1].error.index == 1


def test_a_number_in_the_data_names_nothing() -> None:
    [record] = parse_event(batch(carried(body(SequenceNumber="7"))))

    assert (record.sequence_number, record.identifier) == (NUMBER, NUMBER)


def test_a_poison_change_is_dead_lettered_and_redriven() -> None:
    sink = MemorySink()
    ran = Ran(store=MemoryStore(), dead_letter=DeadLetters(sink, after=1))
    ran.poison.add("u-2")

    first = ran.app.process(batch(change(1), change(2), change(3)))
    ran.poison.clear()
    letters = [letter_from_json(letter_to_json(letter)) for letter in sink.letters]
    second = ran.app.process(queue_event(*letters))

    assert (first.response, first.dead_lettered) == (named(), 1)
    assert (second.handled, ran.keys) == (1, ["u-1", "u-3", "u-2"])
    record = second.records[0].record
    assert isinstance(record, StreamRecord)
    assert (record.source, record.sequence_number, record.table) == ("dead letter", "2", "Users")


def test_an_unreadable_change_is_dead_lettered() -> None:
    sink = MemorySink()
    ran = Ran(store=MemoryStore(), dead_letter=DeadLetters(sink))
    broken = carried("!!!!", 2)

    first = ran.app.process(batch(change(1), broken))
    second = ran.app.process(queue_event(*sink.letters))
    mended = sink.letters[0]._replace(record=change(2))
    third = ran.app.process(queue_event(mended))

    assert (first.dead_lettered, sink.letters[0].record) == (1, broken)
    assert (second.failed, third.handled) == (1, 1)
    assert "the data is no change" in str(second.records[0].error)


def test_events_for_tests_are_read_back() -> None:
    table = Table("Users", "pk")
    made = [table.insert({"pk": "a"}), table.modify({"pk": "a", "n": 1}, {"pk": "a", "n": 2})]

    streamed, carried = parse_event(batch(*made)), parse_event(kinesis_event(*made, precision="MICROSECOND"))

    assert [each.new_image for each in carried] == [each.new_image for each in streamed]
    assert [each.created_at for each in carried] == [each.created_at for each in streamed]
    assert [each.table for each in carried] == ["Users", "Users"]
    assert {each.event_id for each in carried}.isdisjoint(each.event_id for each in streamed)
    assert int(carried[0].sequence_number) < int(carried[1].sequence_number)
    assert len(carried[0].sequence_number) == 56


def test_two_tables_may_have_one_key() -> None:
    app, states = StreamApp("app", store=MemoryStore()), list[tuple[str | None, int]]()
    users = Table("Users", "pk")

    @app.on_latest(dict)
    def mirror(latest: Latest[dict[str, Any]]) -> None:
        states.append((latest.record.table, (latest.item or {})["n"]))

    @app.on_insert(dict)
    def refuse(change: Insert[dict[str, Any]]) -> None:
        if change.record.table == "Orders":
            raise ValueError

    made = [users.insert({"pk": "a", "n": number}) for number in (1, 2, 3)]
    made[1] |= {"eventSourceARN": Table("Orders", "pk").insert({"pk": "a"})["eventSourceARN"]}
    report = app.process(kinesis_event(*made))

    assert states == [("Users", 3)]
    assert [each.outcome for each in report.records] == [Outcome.HANDLED, Outcome.FAILED, Outcome.HANDLED]


def test_another_precision_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="MILLISECOND, MICROSECOND"):
        kinesis_event(precision="SECOND")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PARTS = st.sampled_from([*INNER])
AROUND = st.sampled_from(["kinesis", "eventSource", "eventSourceARN", "awsRegion"])


@st.composite
def damaged(draw: st.DrawFn) -> Json:
    """Return a Kinesis record with something else in a place or two."""
    inner = {**INNER, **draw(st.dictionaries(PARTS, JSON, max_size=2))}
    data = draw(st.just(inner) | st.text() | JSON)
    return {**carried(data, 7), **draw(st.dictionaries(AROUND, JSON, max_size=1))}


@settings(max_examples=size(short=20, full=500, long=5_000))
@given(damaged())
def test_no_damaged_record_is_lost(record: Json) -> None:
    ran = Ran(store=MemoryStore())

    report = ran.app.process(batch(change(6), record, change(8)))

    [_, middle, _] = report.records
    assert (middle.outcome in {Outcome.HANDLED, Outcome.IGNORED}) is isinstance(middle.record, StreamRecord)
    assert middle.is_open is isinstance(middle.record, UnreadableRecord)
    assert report.response["batchItemFailures"] or not middle.is_open
