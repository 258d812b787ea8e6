"""Malformed input is a typed error: it fails its record, not the batch, and shows no item values."""

from __future__ import annotations

import logging
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from ddbevents import (
    Attr,
    BatchFailedError,
    Change,
    DDBEventsError,
    Insert,
    InvalidEventError,
    InvalidItemError,
    InvalidRecordError,
    Modify,
    Outcome,
    StreamApp,
    StreamRecord,
    parse_event,
)
from ddbevents.dead_letters import DeadLetters
from ddbevents.stores import MemoryStore
from tests.deliveries import FaultyStore, Letters
from tests.stream import (
    ARN,
    CANARY,
    Context,
    Json,
    batch,
    insert,
    modify,
    named,
    record,
    remove,
    sequence_number,
    user,
)


class User(BaseModel):
    pk: str
    email: str


class Everything(BaseModel):
    pk: str
    value: Any


def note(change: object) -> None: ...


def note_another(change: object) -> None: ...


def note_yet_another(change: object) -> None: ...


def deep(levels: int) -> Json:
    attribute: Json = {"S": CANARY}
    for _ in range(levels):
        attribute = {"M": {"inside": attribute}}
    return attribute


def without(source: Json, *names: str) -> Json:
    return {name: value for name, value in source.items() if name not in names}


def body(**parts: Any) -> Json:
    return insert(2, user("b", CANARY), **parts)


def bodyless(*names: str) -> Json:
    whole = insert(2, user("b", CANARY))
    return {**whole, "dynamodb": without(whole["dynamodb"], *names)}


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (None, "the event is NoneType"),
        ([], "the event is list"),
        ("text", "the event is str"),
        (1, "the event is int"),
        ({}, "no Records"),
        ({"records": []}, "no Records"),
        ({"Records": None}, "NoneType, not a list"),
        ({"Records": {}}, "dict, not a list"),
        ({"Records": CANARY}, "str, not a list"),
    ],
    ids=ascii,
)
def test_other_events_raise(event: object, reason: str) -> None:
    with pytest.raises(InvalidEventError, match=reason) as refused:
        StreamApp()(event, None)
    with pytest.raises(InvalidEventError, match=reason):
        parse_event(event)

    assert CANARY not in str(refused.value)


UNREADABLE = {
    "record null": (None, "record at index 1: a record is an object, not NoneType"),
    "record text": (CANARY, "record at index 1: a record is an object, not str"),
    "other event source": (
        {**body(), "eventSource": "aws:sqs"},
        "index 1: eventSource: expected 'aws:dynamodb'",
    ),
    "no event source": (without(body(), "eventSource"), "index 1: eventSource: expected 'aws:dynamodb'"),
    "no dynamodb": (without(body(), "dynamodb"), "index 1: dynamodb: expected an object"),
    "dynamodb text": ({**body(), "dynamodb": CANARY}, "index 1: dynamodb: expected an object"),
    "no sequence number": (
        bodyless("SequenceNumber"),
        "index 1: dynamodb.SequenceNumber: expected 1 to 64 digits",
    ),
    "sequence number int": (body(SequenceNumber=7), "dynamodb.SequenceNumber: expected 1 to 64 digits"),
    "sequence number empty": (body(SequenceNumber=""), "dynamodb.SequenceNumber: expected 1 to 64 digits"),
    "sequence number long": (
        body(SequenceNumber="1" * 65),
        "dynamodb.SequenceNumber: expected 1 to 64 digits",
    ),
    "sequence number word": (body(SequenceNumber=CANARY), "dynamodb.SequenceNumber: expected 1 to 64 digits"),
    "sequence number other digits": (
        body(SequenceNumber="١٢"),
        "dynamodb.SequenceNumber: expected 1 to 64 digits",
    ),
    "sequence number surrogate": (
        body(SequenceNumber="1\ud800"),
        "dynamodb.SequenceNumber: expected 1 to 64 digits",
    ),
    "no keys": (bodyless("Keys"), "dynamodb.Keys: expected the attributes"),
    "empty keys": (body(Keys={}), "dynamodb.Keys: expected the attributes"),
    "keys text": (body(Keys=CANARY), "dynamodb.Keys: expected the attributes"),
    "key of a map": (body(Keys={"pk": {"M": {}}}), "dynamodb.Keys.pk: a key is text, a number or binary"),
    "key malformed": (body(Keys={"pk": {"N": CANARY}}), "dynamodb.Keys.pk: N holds"),
    "unknown kind": ({**body(), "eventName": CANARY}, "eventName: expected INSERT, MODIFY or REMOVE"),
    "kind null": ({**body(), "eventName": None}, "eventName: expected INSERT, MODIFY or REMOVE"),
    "no event id": (without(body(), "eventID"), "eventID: expected letters"),
    "event id empty": ({**body(), "eventID": ""}, "eventID: expected letters"),
    "event id of a mark": ({**body(), "eventID": "a#b"}, "eventID: expected letters"),
    "event id long": ({**body(), "eventID": "a" * 129}, "eventID: longer than 128"),
    "event id surrogate": ({**body(), "eventID": "\udfff"}, "eventID: expected letters"),
    "no new image": (
        bodyless("NewImage"),
        "dynamodb.NewImage: absent, although the StreamViewType is NEW_AND_OLD",
    ),
    "new image null": (
        body(NewImage=None),
        "dynamodb.NewImage: absent, although the StreamViewType is NEW_AND_OLD",
    ),
    "old image text": (body(OldImage=CANARY), "dynamodb.OldImage: expected an object"),
    "new image list": (body(NewImage=[CANARY]), "dynamodb.NewImage: expected an object"),
}


UNREADABLE_BESIDE_THE_ITEM = {
    "arn number": ({**body(), "eventSourceARN": 1}, "eventSourceARN: expected text"),
    "region list": ({**body(), "awsRegion": []}, "awsRegion: expected text"),
    "time text": (body(ApproximateCreationDateTime=CANARY), "ApproximateCreationDateTime: expected seconds"),
    "time true": (body(ApproximateCreationDateTime=True), "ApproximateCreationDateTime: expected seconds"),
    "time NaN": (
        body(ApproximateCreationDateTime=float("nan")),
        "ApproximateCreationDateTime: expected seconds",
    ),
    "time far away": (
        body(ApproximateCreationDateTime=10**400),
        "ApproximateCreationDateTime: expected seconds",
    ),
    "time below zero": (
        body(ApproximateCreationDateTime=-(10**400)),
        "ApproximateCreationDateTime: expected seconds",
    ),
    "time in nanoseconds": (
        body(ApproximateCreationDateTime=1_774_379_199_746_598_000),
        "expected seconds, milliseconds or microseconds since 1970",
    ),
    "time no number": (
        body(ApproximateCreationDateTime=Decimal("sNaN")),
        "ApproximateCreationDateTime: expected seconds",
    ),
    "size text": (body(SizeBytes=CANARY), "dynamodb.SizeBytes: expected a number"),
    "size true": (body(SizeBytes=True), "dynamodb.SizeBytes: expected a number"),
}


@pytest.fixture
def app() -> StreamApp:
    app = StreamApp("app")

    @app.on_change(User)
    def note(change: Change[User]) -> None:
        pass

    return app


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_bad_record_fails_alone(name: str, app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    unreadable, message = UNREADABLE[name]

    report = app.process(batch(insert(1, user("a")), unreadable, insert(3, user("c"))))

    assert [r.outcome for r in report.records] == [Outcome.HANDLED, Outcome.FAILED, Outcome.NOT_RUN]
    assert isinstance(report.records[1].error, InvalidRecordError)
    assert message in str(report.records[1].error)
    assert CANARY not in caplog.text + str(report.records[1].error)
    assert repr(report.records[1].record).startswith("<UnreadableRecord ")


@pytest.mark.parametrize("name", UNREADABLE)
def test_parse_event_raises_the_error(name: str) -> None:
    unreadable, message = UNREADABLE[name]

    with pytest.raises(InvalidRecordError) as refused:
        parse_event(batch(insert(1, user("a")), unreadable))

    assert message in str(refused.value)


def read_beside_the_item(record: StreamRecord) -> tuple[object, ...]:
    return record.source_arn, record.region, record.created_at, record.size_bytes


@pytest.mark.parametrize("name", UNREADABLE_BESIDE_THE_ITEM)
def test_optional_fields_are_read_late(name: str, app: StreamApp) -> None:
    record, message = UNREADABLE_BESIDE_THE_ITEM[name]

    [parsed] = parse_event(batch(record))

    with pytest.raises(InvalidRecordError) as refused:
        read_beside_the_item(parsed)
    assert message in str(refused.value)
    assert refused.value.sequence_number == parsed.sequence_number
    assert CANARY not in repr(parsed)
    assert app(batch(record)) == {"batchItemFailures": []}


MALFORMED = {
    "number is text": ({"N": CANARY}, "N holds"),
    "not a number": ({"N": "NaN"}, "N holds"),
    "39 digits": ({"N": "1" * 39}, "38 significant digits"),
    "underscores": ({"N": "1_000"}, "N holds"),
    "spaces": ({"N": " 1"}, "N holds"),
    "unknown tag": ({CANARY: "x"}, "type tag"),
    "no tag": ({}, "type tag"),
    "two tags": ({"S": CANARY, "N": "1"}, "type tag"),
    "NULL false": ({"NULL": False}, "NULL holds"),
    "BOOL text": ({"BOOL": CANARY}, "BOOL holds"),
    "empty set": ({"SS": []}, "at least one"),
    "a member twice": ({"SS": [CANARY, CANARY]}, "twice"),
    "bad base64": ({"B": "!!!"}, "B holds"),
    "null": (None, "type tag"),
    "plain text": (CANARY, "type tag"),
    "wrong tag": ({"BOOL": True}, "expected S, found BOOL"),
    "nested 5,000 levels": (deep(5_000), "nested deeper"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_attribute_is_named(name: str, app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    malformed, reason = MALFORMED[name]
    caplog.set_level(logging.DEBUG)
    event = batch(
        insert(1, user("a")), insert(2, {"pk": {"S": "b"}, "email": malformed}), insert(3, user("c"))
    )

    report = app.with_store(MemoryStore()).process(event)

    error = report.records[1].error
    assert [r.outcome for r in report.records] == [Outcome.HANDLED, Outcome.FAILED, Outcome.HANDLED]
    assert report.response == named(2)
    assert isinstance(error, InvalidItemError)
    assert f"record {sequence_number(2)}: dynamodb.NewImage.email" in str(error)
    assert reason in str(error)
    assert error.sequence_number == sequence_number(2)
    assert CANARY not in caplog.text + str(error)


BAD = {"pk": {"S": "b"}, "email": {"N": CANARY}}


@pytest.mark.parametrize(
    ("take", "record", "path"),
    [
        (
            lambda app: app.on_insert(User, where=Attr("email").eq("x"))(lambda change: None),
            insert(1, BAD),
            "dynamodb.NewImage.email",
        ),
        (
            lambda app: app.on_modify(User, changed="email")(lambda change: None),
            modify(1, BAD, user("b")),
            "dynamodb.OldImage.email",
        ),
    ],
    ids=["where", "changed"],
)
def test_conditions_name_bad_attributes(take: Any, record: Json, path: str) -> None:
    app = StreamApp()
    take(app)

    report = app.process(batch(record))

    assert report.response == named(1)
    assert str(report.records[0].error).startswith(f"record {sequence_number(1)}: {path}: N holds")


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (
            batch(record(1, "INSERT", user("a"), StreamViewType="KEYS_ONLY")),
            "NEW_IMAGE or NEW_AND_OLD_IMAGES",
        ),
        (
            batch(record(1, "REMOVE", user("a"), StreamViewType="NEW_IMAGE")),
            "OLD_IMAGE or NEW_AND_OLD_IMAGES",
        ),
        (
            batch(record(1, "MODIFY", user("a"), NewImage=user("a"), StreamViewType="NEW_IMAGE")),
            "a handler of MODIFY needs it: set the table's StreamViewType to NEW_AND_OLD_IMAGES",
        ),
    ],
    ids=["insert", "remove", "modify"],
)
def test_a_missing_image_names_the_cure(event: Json, message: str, app: StreamApp) -> None:
    report = app.process(event)

    assert report.response == named(1)
    assert message in str(report.records[0].error)


def test_a_new_view_type_is_accepted(app: StreamApp) -> None:
    report = app.process(
        batch(insert(1, user("a"), StreamViewType="NEW_KIND"), insert(2, user("a"), StreamViewType=[]))
    )

    assert report.handled == 2


@pytest.mark.parametrize(
    "identity", [None, "x", {}, {"type": "Service"}, {"principalId": "dynamodb.amazonaws.com"}]
)
def test_other_identities_are_no_expiry(identity: object) -> None:
    [parsed] = parse_event(batch({**remove(1, user("a")), "userIdentity": identity}))

    assert not parsed.expired


@pytest.mark.parametrize(
    "event", [batch(None, insert(2, user("a"))), batch(None), batch(body(SequenceNumber="\ud800"))]
)
def test_a_nameless_head_raises(event: Json, app: StreamApp) -> None:
    with pytest.raises(BatchFailedError) as failed:
        app(event)

    assert failed.value.identifier is None
    assert isinstance(failed.value.error, InvalidRecordError)
    assert app.process(event).response == {"batchItemFailures": [{"itemIdentifier": ""}]}


def test_the_record_before_is_named(app: StreamApp) -> None:
    event = batch(insert(1, user("a")), insert(2, user("b")), body(SequenceNumber=None), insert(4, user("d")))

    assert app(event) == named(2)


def test_a_keyless_failure_stops_all(app: StreamApp) -> None:
    event = batch(insert(1, user("a")), bodyless("Keys"), insert(3, user("c")))

    report = app.with_store(MemoryStore()).process(event)

    assert [r.outcome for r in report.records] == [Outcome.HANDLED, Outcome.FAILED, Outcome.NOT_RUN]
    assert report.response == named(2)


def test_a_known_key_stops_its_item_only(app: StreamApp) -> None:
    event = batch(insert(1, user("a")), body(NewImage=None), insert(3, user("b")), insert(4, user("c")))

    report = app.with_store(MemoryStore()).process(event)

    assert [r.outcome.value for r in report.records] == ["handled", "failed", "not run", "handled"]


def test_attribute_names_are_escaped() -> None:
    app = StreamApp()

    @app.on_insert(dict)
    def note(change: Insert[dict[str, Any]]) -> None: ...

    report = app.process(batch(insert(1, {"pk": {"S": "a"}, "x\n\ud800": {}})))

    assert "dynamodb.NewImage.'x\\n\\ud800': an attribute value" in str(report.records[0].error)


def test_long_names_are_cut() -> None:
    app = StreamApp()
    app.on_insert(dict)(lambda change: None)

    report = app.process(batch(insert(1, {"pk": {"S": "a"}, "n" * 5_000: {}})))

    assert len(str(report.records[0].error)) < 300


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inside: st.one_of(st.lists(inside), st.dictionaries(st.text(), inside)),
    max_leaves=12,
)
IMAGES = st.dictionaries(
    st.sampled_from(["pk", "email", "value", "kind"]),
    st.one_of(
        JSON, st.dictionaries(st.sampled_from(["S", "N", "B", "M", "L", "SS", "NS", "BOOL", "NULL"]), JSON)
    ),
)
ALMOST = st.fixed_dictionaries(
    {},
    optional={
        "eventID": st.one_of(JSON, st.just("a" * 32)),
        "eventName": st.one_of(JSON, st.sampled_from(["INSERT", "MODIFY", "REMOVE"])),
        "eventSource": st.one_of(st.just("aws:dynamodb"), JSON),
        "eventSourceARN": st.one_of(JSON, st.just(ARN)),
        "userIdentity": JSON,
        "dynamodb": st.one_of(
            JSON,
            st.fixed_dictionaries(
                {},
                optional={
                    "Keys": st.one_of(JSON, st.just({"pk": {"S": "a"}}), IMAGES),
                    "NewImage": st.one_of(JSON, IMAGES),
                    "OldImage": st.one_of(JSON, IMAGES),
                    "SequenceNumber": st.one_of(JSON, st.just("123")),
                    "StreamViewType": st.one_of(JSON, st.just("NEW_AND_OLD_IMAGES"), st.just("KEYS_ONLY")),
                    "ApproximateCreationDateTime": JSON,
                    "SizeBytes": JSON,
                },
            ),
        ),
    },
)
EVENTS = st.one_of(
    JSON, st.fixed_dictionaries({"Records": st.one_of(JSON, st.lists(st.one_of(ALMOST, JSON)))})
)


OPTIONS = st.sampled_from(
    [
        {"store": None},
        {"store": MemoryStore()},
        {"store": FaultyStore(window=3), "dead_letter": DeadLetters(Letters())},
    ]
)


@given(EVENTS, OPTIONS, st.sampled_from([1, 3]))
def test_any_json_is_survived(event: Any, options: Any, concurrency: int) -> None:
    app = StreamApp(**options, concurrency=concurrency)
    app.on_change(User, where=Attr("email").begins_with("a"))(note)
    app.on_modify(Everything, changed="value")(note_another)
    app.on_keys(dict)(note_yet_another)

    with suppress(DDBEventsError):
        assert list(app(event, Context())) == ["batchItemFailures"]


@pytest.mark.parametrize("levels", [40, 100, 5_000, 50_000])
def test_any_depth_gets_an_answer(levels: int) -> None:
    app = StreamApp(store=MemoryStore())
    app.on_modify(Everything, changed="value")(note)
    app.on_upsert(Everything, where=~Attr("value").eq(1))(note_another)
    old, new = ({"pk": {"S": "a"}, "value": deep(levels)} for _ in range(2))

    report = app.process(batch(modify(1, old, new)))

    assert report.response == named(1)
    assert "nested deeper than 40 levels" in str(report.records[0].error)


def test_unused_attributes_may_be_bad() -> None:
    app = StreamApp()
    seen: list[object] = []

    @app.on_modify(User)
    def note(change: Modify[User]) -> None:
        seen.append((change.old, change.new, change.changed))

    app(batch(modify(1, user("a", "old"), user("a", "new", other={"X": 1}))))

    assert seen == [(User(pk="a", email="old"), User(pk="a", email="new"), {"email"})]
