"""Every way by which changes come: how they are read, and what is answered, whichever of them fails."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from ddbevents import BatchFailedError, InvalidRecordError, StreamApp, StreamRecord, parse_event
from ddbevents.stores import MemoryStore
from ddbevents.testing import (
    EventSourceMapping,
    MemoryReader,
    Table,
    failure_record,
    kinesis_event,
    pipes_event,
    queue_event,
)
from tests.exports import EXPORT_ID, user_line
from tests.letters import letter
from tests.stream import Json, batch, insert, sequence_number, user
from tests.streams_fake import boto3_record

PLACES = {"first": 0, "middle": 1, "last": 2}
CHANGES = [insert(number, user(f"u-{number}")) for number in range(3)]
FAILURES = [failure_record(each) for each in CHANGES]
KINESIS = kinesis_event(*CHANGES)
EXPORTED: Json = {
    "Items": [*map(user_line, range(3))],
    "BatchInput": {"table": "Users", "keys": ["pk"], "exportId": EXPORT_ID},
}
NOTICE: Json = {
    "eventSource": "aws:s3",
    "eventName": "ObjectCreated:Put",
    "s3": {"bucket": {"name": "failures"}, "object": {"key": "aws/lambda/1/shard/2026/11/27/one"}},
}


def by_pipe(failure: Json) -> Json:
    return {"context": {"condition": "RetryAttemptsExhausted"}, **{name: failure[name] for name in OF_A_PIPE}}


def envelope(content: object) -> Json:
    return {"Type": "Notification", "TopicArn": "arn:aws:sns:::failures", "Message": json.dumps(content)}


def by_topic(content: object) -> Json:
    return batch({"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": envelope(content)})


OF_A_PIPE = ("version", "timestamp", "DDBStreamBatchInfo")
STREAM = [sequence_number(number) for number in range(3)]
BOTO3 = [boto3_record(number)["dynamodb"]["SequenceNumber"] for number in range(3)]
NUMBERS = [each["kinesis"]["sequenceNumber"] for each in KINESIS["Records"]]
IDS = [each["eventID"] for each in CHANGES]
MESSAGES = [each["messageId"] for each in queue_event(*FAILURES)["Records"]]
WHOLE = failure_record(*CHANGES)
EXPORT_IDS = [record.identifier for record in parse_event(EXPORTED)]


class Shape(NamedTuple):
    """An event with three changes, and what the app answers or raises if the one at a place fails.

    Attributes:
        event: The event.
        source: What its records say they are from; None if only a reader can fetch them.
        answers: The answer by the place of the failure: the identifier that is named, or that is raised.
    """

    event: Any
    source: str | None
    answers: tuple[str, str, str]


def named(identifiers: list[str]) -> tuple[str, str, str]:
    """Return the answers of a source whose order counts: the head of a batch raises."""
    first, middle, last = identifiers
    return f"raises {first}", f"names {middle}", f"names {last}"


def each_named(identifiers: list[str]) -> tuple[str, str, str]:
    first, middle, last = (f"names {each}" for each in identifiers)
    return first, middle, last


def raised(identifiers: list[str]) -> tuple[str, str, str]:
    first, middle, last = (f"raises {each}" for each in identifiers)
    return first, middle, last


SHAPES: dict[str, Shape] = {
    "stream": Shape(batch(*CHANGES), "stream", named(STREAM)),
    "get_records": Shape(batch(*map(boto3_record, range(3))), "stream", named(BOTO3)),
    "Kinesis": Shape(KINESIS, "kinesis", named(NUMBERS)),
    "Pipes": Shape(pipes_event(*CHANGES), "pipe", named(IDS)),
    "dead letters": Shape(
        queue_event(*[letter(each, None, app="users") for each in CHANGES]),
        "dead letter",
        each_named(MESSAGES),
    ),
    "SQS": Shape(queue_event(*FAILURES), None, each_named(MESSAGES)),
    "one of SQS": Shape(queue_event(WHOLE), None, each_named(MESSAGES[:1] * 3)),
    "a pipe's": Shape(queue_event(*map(by_pipe, FAILURES)), None, each_named(MESSAGES)),
    "SNS in SQS": Shape(queue_event(*map(envelope, FAILURES)), None, each_named(MESSAGES)),
    "SNS": Shape(by_topic(WHOLE), None, raised(STREAM)),
    "S3": Shape(batch(NOTICE), None, raised(STREAM)),
    "S3 in SQS": Shape(queue_event(batch(NOTICE)), None, each_named(MESSAGES[:1] * 3)),
    "Distributed Map": Shape(EXPORTED, "export", raised(EXPORT_IDS)),
}
of_each_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


class Users:
    """An app with a store, which fails for the items that a test names."""

    def __init__(self, *poison: str) -> None:
        place = NOTICE["s3"]["bucket"]["name"], NOTICE["s3"]["object"]["key"]
        objects = {place: {**WHOLE, "payload": json.dumps(batch(*CHANGES))}}
        self.poison = {*poison}
        self.done: list[str] = []
        reader = MemoryReader(*CHANGES, objects=objects)
        self.app = StreamApp("users", store=MemoryStore(), reader=reader)
        self.app.on_record(kinds=["INSERT", "SNAPSHOT"])(self.note)

    def note(self, record: StreamRecord) -> None:
        key = str(record.keys["pk"])
        if key in self.poison:
            raise ValueError("poison")
        self.done.append(key)

    def answer(self, event: Any) -> str:
        """Return what Lambda, the pipe or the queue hears."""
        try:
            names = [each["itemIdentifier"] for each in self.app(event)["batchItemFailures"]]
        except BatchFailedError as error:
            return f"raises {error.identifier}"
        return " ".join(["names", *names])


@of_each_shape
def test_each_shape_is_handled(shape: Shape) -> None:
    users = Users()

    assert users.answer(shape.event) == "names"
    assert users.done == ["u-0", "u-1", "u-2"]


@of_each_shape
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_each_failure_is_answered(shape: Shape, place: int) -> None:
    users = Users(f"u-{place}")

    answer = users.answer(shape.event)
    users.poison.clear()
    again = users.answer(shape.event)

    assert answer == shape.answers[place]
    assert again == "names"
    assert sorted(users.done) == ["u-0", "u-1", "u-2"]


@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if shape.source])
def test_each_record_says_where_it_is_from(name: str) -> None:
    parsed = parse_event(SHAPES[name].event)

    assert {record.source for record in parsed} == {SHAPES[name].source}
    assert [record.keys for record in parsed] == [{"pk": "u-0"}, {"pk": "u-1"}, {"pk": "u-2"}]


@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if not shape.source])
def test_parsing_fetches_nothing(name: str) -> None:
    with pytest.raises(InvalidRecordError, match="parse_event fetches nothing"):
        parse_event(SHAPES[name].event)


@pytest.mark.parametrize("source", ["stream", "kinesis", "pipe"])
@pytest.mark.parametrize("bisect", [True, False], ids=["bisect", "no bisect"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_retries_cost_what_they_must(source: Any, *, bisect: bool, place: int) -> None:
    users = Users(f"u-{place}")
    mapping = EventSourceMapping(users.app, source=source, retries=3, bisect=bisect)
    table = Table("Users", "pk")
    mapping.put(*[table.insert({"pk": f"u-{number}"}) for number in range(3)])

    history = mapping.run()

    assert len(history.lost) == (1 if bisect else 3 - place)
    assert sorted(users.done) == sorted({"u-0", "u-1", "u-2"} - {f"u-{place}"})
