"""Lambda's failure records: found in messages, fetched by the app's reader, and run like the stream's."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbevents import (
    BatchFailedError,
    ConfigurationError,
    Insert,
    InvalidRecordError,
    Outcome,
    Reject,
    SourceError,
    StreamApp,
    StreamRecord,
    UnreadableRecord,
    parse_event,
)
from ddbevents.dead_letters import DeadLetter, DeadLetters, letter_from_json
from ddbevents.stores import MemoryStore
from ddbevents.testing import MemoryReader, MemorySink, failure_record, queue_event
from tests.campaigns import size
from tests.letters import letter, message
from tests.stream import ARN, CANARY, Context, Json, batch, insert, sequence_number, user

RECORDS = [insert(number, user(f"u-{number % 4}", n={"N": str(number)})) for number in range(1, 9)]
KEY = "aws/lambda/12345678-1234/shardId-1/2026/11/23/2026-11-23T17.42.05-1234"


class Shop:
    """An app with a reader of these records, which notes what it handles and fails for what a test names."""

    def __init__(self, *, reader: Any = None, **settings: Any) -> None:
        self.done: list[int] = []
        self.poison: dict[int, Exception] = {}
        self.app = StreamApp("shop", reader=reader or MemoryReader(*RECORDS), **settings)
        self.app.on_insert(dict[str, Any])(self.note)

    def note(self, change: Insert[dict[str, Any]]) -> None:
        number = change.new["n"]
        if number in self.poison:
            raise self.poison[number]
        self.done.append(number)


def failed(first: int, last: int) -> Json:
    """Return Lambda's failure record of a batch."""
    return failure_record(*RECORDS[first - 1 : last])


def by_pipe(failure: Json) -> Json:
    """Return a pipe's own dead letter."""
    info = failure["DDBStreamBatchInfo"]
    arn = "arn:aws:pipes:eu-central-1:123456789012:pipe/changes"
    context = {"partnerResourceArn": arn, "condition": "RetryAttemptsExhausted"}
    return {"context": context, "version": "1.0", "timestamp": "2026-11-23Z", "DDBStreamBatchInfo": info}


def envelope(content: object) -> Json:
    return {
        "Type": "Notification",
        "MessageId": "11111111-0000-4000-8000-000000000001",
        "TopicArn": "arn:aws:sns:eu-central-1:123456789012:failures",
        "Message": json.dumps(content),
        "Timestamp": "2026-11-23T17:42:05.250Z",
    }


def notice(key: str = KEY, bucket: str = "failures", **parts: Any) -> Json:
    """Return a record of S3's notification."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": {"key": key.replace("-", "%2D"), "size": 1}},
        **parts,
    }


def by_topic(*contents: object) -> Json:
    return batch(
        *[{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": envelope(content)} for content in contents]
    )


def failures(*identifiers: str) -> Json:
    return {"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]}


def identifier(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def in_bucket(failure: Json) -> MemoryReader:
    return MemoryReader(*RECORDS, objects={("failures", KEY): failure})


SHAPES: dict[str, Callable[[Json], Json]] = {
    "SQS": queue_event,
    "a pipe's": lambda failure: queue_event(by_pipe(failure)),
    "SNS": by_topic,
    "SNS in SQS": lambda failure: queue_event(envelope(failure)),
    "S3": lambda _: batch(notice()),
    "S3 in SQS": lambda _: queue_event(batch(notice())),
    "S3 in SNS": lambda _: by_topic(batch(notice())),
    "S3 in SNS in SQS": lambda _: queue_event(envelope(batch(notice()))),
}


@pytest.mark.parametrize("name", SHAPES)
def test_each_way_brings_the_records(name: str) -> None:
    failure = failed(2, 4)
    shop = Shop(reader=in_bucket({**failure, "payload": json.dumps(batch(*RECORDS[1:4]))}))

    report = shop.app.process(SHAPES[name](failure))

    assert (shop.done, report.handled) == ([2, 3, 4], 3)
    assert {each.record.source for each in report.records if isinstance(each.record, StreamRecord)} == {
        "failure record"
    }
    assert report.failure is None
    assert report.response == failures()


@pytest.mark.parametrize("name", SHAPES)
def test_a_reader_is_needed(name: str) -> None:
    app = StreamApp("shop")
    event = SHAPES[name](failed(1, 1))

    report = app.process(event)

    assert report.failed == 1
    assert "Give the app StreamApp(reader=StreamReader(streams=[...]" in str(report.records[0].error)
    with pytest.raises(InvalidRecordError, match="parse_event fetches nothing"):
        parse_event(event)


@pytest.mark.parametrize("poison", [1, 2, 3], ids=["first", "middle", "last"])
@pytest.mark.parametrize("store", [True, False], ids=["store", "no store"])
def test_an_open_record_names_its_message(*, poison: int, store: bool) -> None:
    shop = Shop(store=MemoryStore() if store else None)
    shop.poison[poison] = ValueError(CANARY)

    report = shop.app.process(queue_event(failed(1, 3), failed(4, 4)))

    assert report.response == failures(identifier(1))
    assert (report.failed, report.handled, report.failure) == (1, 3, None)
    assert report.delivery == "queue"


@pytest.mark.parametrize("event", [by_topic(failed(1, 3)), batch(notice())], ids=["SNS", "S3"])
@pytest.mark.parametrize("poison", [1, 2, 3], ids=["first", "middle", "last"])
def test_an_asynchronous_call_raises(event: Json, poison: int) -> None:
    shop = Shop(store=MemoryStore(), reader=in_bucket(failed(1, 3)))
    shop.poison[poison] = ValueError(CANARY)

    with pytest.raises(BatchFailedError, match="ValueError") as raised:
        shop.app(event)

    assert raised.value.error is shop.poison[poison]
    assert CANARY not in str(raised.value)
    shop.poison.clear()
    assert shop.app(event) == failures()
    assert sorted(shop.done) == [1, 2, 3]


def test_messages_may_be_of_every_sort() -> None:
    shop = Shop(reader=in_bucket(failed(3, 3)))
    letters: list[DeadLetter | Json] = [
        letter(RECORDS[0], None, app="shop"),
        failed(2, 2),
        batch(notice()),
        {"order": CANARY},
    ]

    report = shop.app.process(queue_event(*letters))

    assert shop.done == [1, 2, 3]
    assert report.response == failures(identifier(4))
    sources = [each.record.source for each in report.records if isinstance(each.record, StreamRecord)]
    assert sources == ["dead letter", "failure record", "failure record"]


def test_overlapping_records_run_in_order() -> None:
    shop = Shop(store=MemoryStore())

    report = shop.app.process(queue_event(failed(4, 6), failed(1, 5)))

    assert shop.done == [1, 2, 3, 4, 5, 6]
    assert (report.handled, report.already_handled) == (6, 2)
    assert report.response == failures()


def test_overlapping_records_run_once_without_a_store() -> None:
    shop = Shop()

    shop.app(queue_event(failed(4, 6), failed(1, 5)))

    assert shop.done == [1, 2, 3, 4, 5, 6]


def test_a_failure_holds_back_its_item() -> None:
    shop = Shop(store=MemoryStore())
    shop.poison[1] = ValueError()

    report = shop.app.process(queue_event(failed(5, 5), failed(1, 1), failed(2, 2)))

    assert (shop.done, report.response) == ([2], failures(identifier(2), identifier(1)))
    assert [each.outcome for each in report.records] == [Outcome.FAILED, Outcome.HANDLED, Outcome.NOT_RUN]


def test_what_the_stream_brought_is_skipped() -> None:
    shop = Shop(store=MemoryStore())
    shop.app(batch(*RECORDS[:2]))

    report = shop.app.process(queue_event(failed(1, 3)))

    assert (report.already_handled, shop.done) == (2, [1, 2, 3])


@pytest.mark.parametrize("error", [ValueError(), Reject()], ids=["last attempt", "Reject"])
def test_what_was_dead_lettered_is_skipped(error: Exception) -> None:
    sink = MemorySink()
    shop = Shop(store=MemoryStore(), dead_letter=DeadLetters(sink, after=1))
    shop.poison[2] = error
    shop.app(batch(*RECORDS[:2]))
    shop.poison.clear()

    report = shop.app.process(queue_event(failed(1, 3)))

    assert [each.outcome for each in report.records] == [
        *(Outcome.ALREADY_HANDLED, Outcome.ALREADY_HANDLED, Outcome.HANDLED),
    ]
    assert shop.done == [1, 3]


def test_a_letter_beside_its_failure_record_runs_once() -> None:
    sink = MemorySink()
    shop = Shop(store=MemoryStore(), dead_letter=DeadLetters(sink, after=1))
    shop.poison[2] = ValueError()
    shop.app(batch(*RECORDS[:2]))
    shop.poison.clear()

    report = shop.app.process(queue_event(failed(1, 3), *sink.letters))

    assert (report.handled, report.already_handled, report.response) == (2, 2, failures())
    assert shop.done == [1, 2, 3]


def test_no_record_of_a_queue_is_dead_lettered() -> None:
    sink = MemorySink()
    shop = Shop(store=MemoryStore(), dead_letter=DeadLetters(sink, after=1))
    shop.poison[1] = Reject()

    assert shop.app(queue_event(failed(1, 2))) == failures(identifier(1))
    assert sink.letters == []


@pytest.mark.parametrize("info", [None, [], {}, {"streamArn": None}, {"streamArn": [ARN]}], ids=repr)
def test_a_failure_record_names_a_stream(info: object) -> None:
    report = Shop().app.process(queue_event({"DDBStreamBatchInfo": info}))

    assert "the failure record names no stream" in str(report.records[0].error)


def test_lost_records_fail_their_message() -> None:
    shop = Shop(reader=MemoryReader(*RECORDS[3:]), store=MemoryStore())

    report = shop.app.process(queue_event(failed(1, 2), failed(5, 5)))

    lost = report.records[0]
    assert isinstance(lost.record, UnreadableRecord)
    assert isinstance(lost.error, SourceError)
    assert (lost.outcome, lost.record.keys, shop.done) == (Outcome.FAILED, None, [5])
    assert report.response == failures(identifier(1))


class Odd:
    """A reader that does what a test says."""

    streams = (ARN,)
    buckets = ()

    def __init__(self, act: Callable[[], Any]) -> None:
        self.act = act

    def read(self, _: object) -> Any:
        return self.act()


def exit_now() -> None:
    raise SystemExit(3)


def fail() -> None:
    raise LookupError(CANARY)


def test_other_streams_and_buckets_are_refused() -> None:
    shop = Shop(reader=Odd(exit_now))  # which would end Python if it were asked
    info = {**failed(1, 1)["DDBStreamBatchInfo"], "streamArn": f"{ARN}-other"}
    event = queue_event({"DDBStreamBatchInfo": info}, batch(notice(bucket="secrets")))

    report = shop.app.process(event)

    first, second = [each.error for each in report.records]
    assert (type(first), type(second)) == (SourceError, SourceError)
    assert f"{ARN}-other is none of the streams that the app's reader names" in str(first)
    assert "secrets is none of the buckets" in str(second)
    assert report.response == failures(identifier(1), identifier(2))


@pytest.mark.parametrize("found", [None, [], {}, {"Records": []}, {"Records": None}, "{}"], ids=repr)
def test_a_reader_returns_records(found: object) -> None:
    report = Shop(reader=Odd(lambda: found)).app.process(queue_event(failed(1, 1)))

    assert isinstance(report.records[0].error, SourceError)
    assert "Odd.read returned no records" in str(report.records[0].error)


def test_an_error_of_a_reader_is_translated() -> None:
    report = Shop(reader=Odd(fail)).app.process(queue_event(failed(1, 1)))

    error = report.records[0].error
    assert isinstance(error, SourceError)
    assert isinstance(error.__cause__, LookupError)
    assert str(error).startswith("Odd.read raised LookupError. Let it raise SourceError")


def test_an_exit_of_a_reader_propagates() -> None:
    with pytest.raises(SystemExit):
        Shop(reader=Odd(exit_now)).app(queue_event(failed(1, 1)))


def test_an_unreadable_record_names_its_message() -> None:
    broken = {**RECORDS[1], "eventName": CANARY}
    shop = Shop(reader=MemoryReader(RECORDS[0], broken, RECORDS[2]), store=MemoryStore())

    report = shop.app.process(queue_event(failed(1, 3)))

    assert [each.outcome for each in report.records] == [Outcome.HANDLED, Outcome.FAILED, Outcome.HANDLED]
    assert report.response == failures(identifier(1))
    assert sequence_number(2) in str(report.records[1].error)


def test_little_time_leaves_messages() -> None:
    shop = Shop(store=MemoryStore())

    answer = shop.app(queue_event(failed(1, 2), failed(3, 3)), Context(milliseconds=10))

    assert answer == failures(identifier(1), identifier(2))
    assert shop.done == [1]


def test_a_message_that_waits_says_why() -> None:
    report = Shop().app.process(queue_event(failed(1, 1), failed(3, 3)), Context(milliseconds=10))

    assert "no time was left to fetch its records" in str(report.records[1].error)


def test_a_preview_fetches_too() -> None:
    shop = Shop(store=MemoryStore())

    assert (shop.app.preview(queue_event(failed(1, 2))).not_run, shop.done) == (2, [])


FOREIGN: dict[str, tuple[Json, str]] = {
    "another topic's": ({"EventSource": "aws:sns", "Sns": envelope({"a": CANARY})}, "a message of SNS"),
    "another bucket's": (notice("photo.jpg"), "a notification of S3"),
    "a removed one": (notice(eventName="ObjectRemoved:Delete"), "S3's notification of a failure record"),
    "no key": (notice(s3={"bucket": {"name": "failures"}}), "a notification of S3"),
    "no bucket": (notice(s3={"object": {"key": KEY}}), "S3's notification of a failure record"),
    "a stranger": ({"a": CANARY}, "expected a failure record of Lambda's"),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("event", [by_topic(failed(1, 1)), batch(notice())], ids=["SNS", "S3"])
def test_other_notices_are_named(event: Json, name: str) -> None:
    stranger, named = FOREIGN[name]
    shop = Shop(reader=in_bucket(failed(1, 1)))

    report = shop.app.process(batch(stranger, *event["Records"], CANARY))

    assert [each.outcome for each in report.records] == [Outcome.FAILED, Outcome.HANDLED, Outcome.FAILED]
    assert named in str(report.records[0].error)
    assert CANARY not in str(report.records[0].error)
    assert report.failure is not None


def test_deep_envelopes_are_not_opened() -> None:
    deep = failed(1, 1)
    for _ in range(4):
        deep = envelope(deep)

    report = Shop().app.process(queue_event(deep))

    assert "a message of someone else" in str(report.records[0].error)


def test_a_letter_may_speak_of_failure_records() -> None:
    shop = Shop()
    item = user("DDBStreamBatchInfo", "aws:s3", n={"N": "9"})

    shop.app(queue_event(letter(insert(9, item), None, app="shop")))

    assert shop.done == [9]


@pytest.mark.parametrize(
    ("reader", "reason"),
    [
        (MemoryReader, "must be an instance"),
        ("arn", "must be an instance"),
        (MemoryReader(), "names neither streams nor buckets"),
    ],
    ids=["class", "text", "empty"],
)
def test_a_reader_has_to_name_something(reader: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        StreamApp("shop", reader=reader)


def test_a_reader_is_not_async() -> None:
    class Late(Odd):
        async def read(self, _: object) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
            ...

    with pytest.raises(ConfigurationError, match="must not be async"):
        StreamApp("shop", reader=Late(fail))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_copies_of_an_app_keep_the_reader() -> None:
    shop = Shop()

    shop.app.with_store(MemoryStore())(queue_event(failed(1, 1)))

    assert shop.done == [1]


def test_a_builder_writes_what_lambda_writes() -> None:
    made = failure_record(*RECORDS[:2], payload=True)

    assert made["DDBStreamBatchInfo"] == {
        "shardId": "shardId-00000001766181600000-abcdef01",
        "startSequenceNumber": sequence_number(1),
        "endSequenceNumber": sequence_number(2),
        "approximateArrivalOfFirstRecord": "2022-08-21T15:36:04.000Z",
        "approximateArrivalOfLastRecord": "2022-08-21T15:36:04.000Z",
        "batchSize": 2,
        "streamArn": ARN,
    }
    assert json.loads(made["payload"]) == batch(*RECORDS[:2])
    with pytest.raises(ConfigurationError, match="at least one"):
        failure_record()


def test_a_reader_in_memory_misses_objects() -> None:
    with pytest.raises(SourceError, match="there is no object"):
        MemoryReader(*RECORDS).read({"bucket": "failures", "key": "x"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
BASE = failed(1, 2)
INFO = BASE["DDBStreamBatchInfo"]
DAMAGED = st.one_of(
    st.dictionaries(st.sampled_from([*BASE]), JSON, max_size=2).map(lambda parts: {**BASE, **parts}),
    st.dictionaries(st.sampled_from([*INFO]), JSON, max_size=2).map(
        lambda parts: {"DDBStreamBatchInfo": {**INFO, **parts}}
    ),
    st.dictionaries(st.sampled_from(["Type", "Message", "Records"]), JSON, max_size=3),
    JSON.map(lambda place: batch(notice(s3=place))),
)


@settings(max_examples=size(short=30, full=500, long=5_000))
@given(DAMAGED)
def test_no_damaged_message_is_lost(content: Json) -> None:
    shop = Shop()

    report = shop.app.process(queue_event(failed(8, 8), content, failed(7, 7)))

    assert {7, 8} <= {*shop.done}
    is_open = identifier(2) in [each["itemIdentifier"] for each in report.response["batchItemFailures"]]
    assert is_open or len(shop.done) > 2


@settings(max_examples=size(short=20, full=300, long=3_000))
@given(st.text())
def test_no_text_is_taken_for_success(text: str) -> None:
    report = Shop().app.process(batch(message("m-1", text), message("m-2", json.dumps(envelope(text)))))

    assert report.failed == 2


def test_letters_are_still_letters() -> None:
    [sent] = [letter_from_json(json.dumps({"version": 1, **_parts(letter(RECORDS[0], None, app="shop"))}))]

    assert Shop().app.process(queue_event(sent)).handled == 1


def _parts(sent: DeadLetter) -> Json:
    return {**sent._asdict(), "failed_at": sent.failed_at.isoformat()}
