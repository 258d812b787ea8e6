"""The event source mapping for Kinesis Data Streams for DynamoDB and for EventBridge Pipes."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbevents import ConfigurationError, InvalidRecordError, StreamApp, StreamRecord
from ddbevents.stores import MemoryStore
from ddbevents.testing import (
    EventSourceMapping,
    History,
    SimulatedContext,
    Table,
    VirtualClock,
    explore,
    kinesis_event,
    pipes_event,
)
from tests.campaigns import size
from tests.mappings import numbers, records, sizes, succeed
from tests.stream import Json, batch


class Seen:
    """A handler that keeps its events, and answers or raises as a test says, once for each."""

    def __init__(self, *answers: Callable[[Any], object]) -> None:
        self.events: list[Any] = []
        self.answers = [*answers]

    def __call__(self, event: Any, _: SimulatedContext) -> object:
        self.events.append(event)
        return self.answers.pop(0)(event) if self.answers else None


def naming(*identifiers: str) -> Callable[[Any], object]:
    return lambda _: {"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]}


def raising(_: object) -> object:
    raise ValueError("always")


def kinesis_numbers(put: list[Json]) -> list[str]:
    return [each["kinesis"]["sequenceNumber"] for each in kinesis_event(*put)["Records"]]


def ids(put: list[Json]) -> list[str]:
    return [each["eventID"] for each in put]


def run(source: Any, handler: Any, put: list[Json], **parts: Any) -> History:
    mapping = EventSourceMapping(handler, source=source, **parts)
    mapping.put(*put)
    return mapping.run()


def test_kinesis_passes_its_records() -> None:
    seen, put = Seen(), records(3)

    history = run("kinesis", seen, put)

    assert seen.events == [kinesis_event(*put)]
    assert history.delivered == kinesis_numbers(put)


def test_a_pipe_passes_a_list() -> None:
    seen, put = Seen(), records(3)

    history = run("pipe", seen, put)

    assert seen.events == [pipes_event(*put)]
    assert history.delivered == numbers(put)


class Way(NamedTuple):
    """A source, and what it names its records by."""

    source: str
    names: Callable[[list[Json]], list[str]]
    numbers: Callable[[list[Json]], list[str]]


WAYS = {
    "stream": Way("stream", numbers, numbers),
    "kinesis": Way("kinesis", kinesis_numbers, kinesis_numbers),
    "pipe": Way("pipe", ids, numbers),
}
of_each_source = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@of_each_source
def test_an_answer_names_by_source(way: Way) -> None:
    put = records(4)
    names = way.names(put)

    history = run(way.source, Seen(naming(names[3], names[2])), put)

    first, second = history.invocations
    assert (first.verdict, first.checkpoint) == ("partial", way.numbers(put)[2])
    assert second.sequence_numbers == way.numbers(put)[2:]


@of_each_source
def test_an_error_is_bisected(way: Way) -> None:
    assert sizes(run(way.source, Seen(raising), records(4), bisect=True)) == [4, 2, 2]


@pytest.mark.parametrize(
    ("source", "names"), [("kinesis", numbers), ("kinesis", ids), ("pipe", numbers)], ids=["1", "2", "3"]
)
def test_other_names_fail_the_batch(source: str, names: Callable[[list[Json]], list[str]]) -> None:
    put = records(3)

    history = run(source, Seen(naming(names(put)[1])), put)

    assert [each.verdict for each in history.invocations] == ["failed", "succeeded"]
    assert sizes(history) == [3, 3]


@pytest.mark.parametrize("reply", [naming(ids(records(1))[0]), raising], ids=["answer", "error"])
def test_a_pipe_may_wait_for_no_answer(reply: Callable[[Any], object]) -> None:
    history = run("pipe", Seen(reply), records(1), report_failures=False)

    assert [each.verdict for each in history.invocations] == ["succeeded"]
    assert history.lost == []


def test_kinesis_may_have_a_change_twice() -> None:
    seen, [change] = Seen(), records(1)

    history = run("kinesis", seen, [change, change])

    first, second = [json.loads(b64decode(each["kinesis"]["data"])) for each in seen.events[0]["Records"]]
    assert first == second
    assert len({*history.delivered}) == 2
    assert [each["eventID"].partition(":")[2] for each in seen.events[0]["Records"]] == history.delivered


def test_kinesis_may_have_another_order() -> None:
    seen, put = Seen(), records(3)

    history = run("kinesis", seen, put[::-1])

    keys = [
        json.loads(b64decode(each["kinesis"]["data"]))["dynamodb"]["Keys"]
        for each in seen.events[0]["Records"]
    ]
    assert keys == [each["dynamodb"]["Keys"] for each in put[::-1]]
    assert history.delivered == sorted(history.delivered, key=int)


def test_a_captured_record_stays_as_it_is() -> None:
    seen = Seen()
    [captured] = kinesis_event(*records(1))["Records"]
    captured["kinesis"]["data"] = "aGVsbG8="

    run("kinesis", seen, [captured])

    assert seen.events == [batch(captured)]


def test_numbers_go_on_after_a_captured_one() -> None:
    captured = kinesis_event(*records(2))["Records"][1]
    [change] = records(1)

    history = run("kinesis", Seen(), [captured, change])

    assert history.delivered == [
        captured["kinesis"]["sequenceNumber"],
        str(int(captured["kinesis"]["sequenceNumber"]) + 1),
    ]


def holding(data: bytes) -> Json:
    """Return a Kinesis record of another producer."""
    [record] = kinesis_event(*records(1))["Records"]
    return {**record, "kinesis": {**record["kinesis"], "data": b64encode(data).decode()}}


PATTERNS: dict[str, tuple[Json, Json, bool]] = {
    "a change": ({"data": {"tableName": ["Records"]}}, records(1)[0], True),
    "a key": ({"data": {"dynamodb": {"Keys": {"pk": {"S": ["x"]}}}}}, records(1)[0], False),
    "another producer": ({"data": {"eventSource": ["aws:dynamodb"]}}, holding(b'{"order": 1}'), False),
    "no JSON": ({"data": {"eventSource": ["aws:dynamodb"]}}, holding(b"hello"), False),
    "text": ({"data": ["hello"]}, holding(b"hello"), True),
    "no text": ({"data": ["hello"]}, holding(b"\xff"), False),
    "around": ({"partitionKey": [{"exists": True}]}, holding(b"hello"), True),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_see_the_data(name: str) -> None:
    pattern, record, passes = PATTERNS[name]

    history = run("kinesis", Seen(), [record], filters=[pattern])

    assert (len(history.delivered), len(history.filtered)) == (int(passes), int(not passes))


def test_lanes_go_by_the_partition_key() -> None:
    put = records(40, items=1)

    assert sizes(run("kinesis", succeed, put)) == [40]
    assert len(sizes(run("kinesis", succeed, put, parallelization=10))) > 1
    assert sizes(run("pipe", succeed, put, parallelization=10)) == [40]


@of_each_source
@pytest.mark.parametrize("retries", [0, -1], ids=["retries", "age"])
def test_a_batch_is_given_up(way: Way, retries: int) -> None:
    put = records(2)
    max_age = timedelta(seconds=60)

    history = run(way.source, Seen(*[raising] * 50), put, retries=retries, max_age=max_age)

    [given_up] = history.discarded
    assert given_up.sequence_numbers == way.numbers(put)
    assert history.lost == way.numbers(put)


def given_up(source: str) -> Any:
    [discarded] = run(source, Seen(raising), records(2), retries=0).discarded
    return discarded


def test_the_message_of_kinesis() -> None:
    message = given_up("kinesis").message

    assert "DDBStreamBatchInfo" not in message
    info = message["KinesisBatchInfo"]
    assert info["streamArn"] == "arn:aws:kinesis:eu-central-1:123456789012:stream/Records"
    assert (info["batchSize"], len(info["startSequenceNumber"])) == (2, 56)
    assert message["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert len(json.loads(given_up("kinesis").s3_object["payload"])["Records"]) == 2


def test_the_message_of_a_pipe() -> None:
    message = given_up("pipe").message

    assert {*message} == {"context", "version", "timestamp", "DDBStreamBatchInfo"}
    assert message["context"] == {
        "partnerResourceArn": "arn:aws:pipes:eu-central-1:123456789012:pipe/changes",
        "condition": "RetryAttemptsExhausted",
    }
    assert message["DDBStreamBatchInfo"]["batchSize"] == 2


def test_a_pipe_has_no_bucket() -> None:
    with pytest.raises(ConfigurationError, match="a queue or a topic for what it gives up, no bucket"):
        _ = given_up("pipe").s3_object


CARRIED = kinesis_event(*records(1))["Records"][0]
REFUSED: dict[str, tuple[str, Any, str]] = {
    "Kinesis in a stream": ("stream", CARRIED, 'make the mapping with source="kinesis"'),
    "Kinesis in a pipe": ("pipe", CARRIED, 'make the mapping with source="kinesis"'),
    "no eventID": ("pipe", {"dynamodb": {"SequenceNumber": "1"}}, "dynamodb.SequenceNumber and eventID"),
    "no number": ("kinesis", {"kinesis": {}}, "JSON with kinesis.sequenceNumber"),
    "no object": ("kinesis", {"kinesis": None}, "JSON with kinesis.sequenceNumber"),
    "no digits": ("kinesis", {"kinesis": {"sequenceNumber": "x"}}, "must be a string of digits"),
    "an item": ("kinesis", {"pk": "a"}, "make its record with insert"),
    "text": ("kinesis", "record", "make them with insert"),
    "an event": ("kinesis", {"Records": []}, "put takes records, not an event"),
    "a list": ("pipe", [], "put takes records one by one"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_record_of_another_source_is_refused(name: str) -> None:
    source, record, reason = REFUSED[name]

    with pytest.raises(ConfigurationError, match=reason):
        run(source, succeed, [record])


def test_kinesis_carries_readable_records_only() -> None:
    with pytest.raises(InvalidRecordError, match="eventName"):
        run("kinesis", succeed, [{**records(1)[0], "eventName": "UPSERT"}])


def test_a_source_has_a_name() -> None:
    with pytest.raises(ConfigurationError, match="source must be one of 'stream', 'kinesis', 'pipe'"):
        run("queue", succeed, [])


def test_the_explorer_plays_streams() -> None:
    with pytest.raises(ConfigurationError, match="explore plays a table's stream"):
        explore(
            lambda _: StreamApp("users"),
            records(1),
            observe=lambda _: None,
            make_mapping=lambda handler: EventSourceMapping(handler, source="kinesis"),
        )


class Fickle:
    """An app with a store, which fails for records as often as a plan says."""

    def __init__(self, failures: list[int], clock: VirtualClock) -> None:
        self.failures = failures
        self.done: list[tuple[str, int]] = []
        self.app = StreamApp("fickle", store=MemoryStore(clock=clock))
        self.app.on_record()(self.note)

    def note(self, record: StreamRecord) -> None:
        assert record.new_image is not None
        number = int(record.new_image["n"]["N"])
        if self.failures[number]:
            self.failures[number] -= 1
            raise ValueError("again")
        self.done.append((record.new_image["pk"]["S"], number))


class Traffic(NamedTuple):
    """Changes by item, how often each fails, and what the mapping does."""

    items: list[int]
    failures: list[int]
    repeats: int
    throttles: int
    split_at: int
    settings: Json


@st.composite
def traffic(draw: st.DrawFn) -> Traffic:
    items = draw(st.lists(st.integers(0, 3), min_size=1, max_size=12))
    failures = draw(st.lists(st.integers(0, 3), min_size=len(items), max_size=len(items)))
    few, many = st.integers(0, 3), st.integers(1, 12)
    parts = {"batch_size": draw(many), "bisect": draw(st.booleans()), "parallelization": draw(few) + 1}
    return Traffic(items, failures, draw(few), draw(few), draw(st.integers(0, len(items))), parts)


def play(source: Any, traffic: Traffic, put: Callable[[list[Json]], list[Json]]) -> Fickle:
    """Deliver the traffic until nothing is left."""
    table = Table("Changes", "pk")
    changes = [table.insert({"pk": f"u-{item}", "n": n}) for n, item in enumerate(traffic.items)]
    clock = VirtualClock()
    fickle = Fickle([*traffic.failures], clock)
    mapping = EventSourceMapping(fickle.app, source=source, clock=clock, **traffic.settings)
    mapping.repeat(traffic.repeats)
    mapping.throttle(traffic.throttles)
    mapping.put(*put(changes[: traffic.split_at]))
    mapping.split()
    mapping.put(*put(changes[traffic.split_at :]))
    assert mapping.run().lost == []
    return fickle


RUNS = settings(max_examples=size(short=25, full=400, long=4_000))


@RUNS
@given(traffic(), st.sampled_from(["stream", "pipe"]))
def test_each_change_runs_once_in_order(traffic: Traffic, source: str) -> None:
    fickle = play(source, traffic, lambda changes: changes)

    by_item = [n for item in range(4) for pk, n in fickle.done if pk == f"u-{item}"]
    assert by_item == [n for item in range(4) for n, each in enumerate(traffic.items) if each == item]


@RUNS
@given(traffic(), st.data())
def test_each_change_of_kinesis_runs_once(traffic: Traffic, data: st.DataObject) -> None:
    def shuffled(changes: list[Json]) -> list[Json]:
        return data.draw(st.permutations([*changes, *changes[::2]]))

    fickle = play("kinesis", traffic, shuffled)

    assert sorted(n for _, n in fickle.done) == [*range(len(traffic.items))]
