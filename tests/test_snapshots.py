"""Lines of exports and items of scans, in batches of Step Functions' Distributed Map."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from ddbevents import (
    Attr,
    BatchFailedError,
    Change,
    Image,
    Insert,
    InvalidEventError,
    InvalidRecordError,
    KeyChange,
    Latest,
    Modify,
    Outcome,
    Previous,
    Remove,
    Snapshot,
    StreamApp,
    StreamRecord,
    Transaction,
    UnreadableRecord,
    Upsert,
    parse_event,
    to_json,
)
from ddbevents.dead_letters import DeadLetters
from ddbevents.sources import read_export
from ddbevents.stores import MemoryStore
from ddbevents.testing import MemorySink
from tests.campaigns import size
from tests.exports import EXPORT_ID, TABLE_ID, change_line, user_line, write_export
from tests.stream import CANARY, Json, batch, insert, user

FULL: Json = {"table": "Users", "keys": ["pk"], "exportId": EXPORT_ID}
SCAN: Json = {**FULL, "exportId": "scan-1", "exportType": "SCAN"}
CHANGES: Json = {**FULL, "tableId": TABLE_ID, "outputView": "NEW_AND_OLD_IMAGES"}
OLD: Json = user_line(1)["Item"]
NEW: Json = {**OLD, "n": {"N": "2"}}


class User(BaseModel):
    pk: str
    n: int
    email: str


def mapped(*lines: object, about: object = FULL) -> Json:
    """Return a batch of Distributed Map."""
    return {"Items": [*lines], "BatchInput": about}


class Seen:
    """An app with a handler of each decorator, which notes what came to it."""

    def __init__(self, **settings: Any) -> None:
        self.seen: list[str] = []
        self.poison: set[str] = set()
        self.app = StreamApp("users", **settings)
        self.app.on_insert(User)(self.created)
        self.app.on_modify(User)(self.changed)
        self.app.on_remove(User)(self.removed)
        self.app.on_upsert(User)(self.upserted)
        self.app.on_snapshot(User)(self.there)
        self.app.on_change(User)(self.any_change)

    def created(self, change: Insert[User]) -> None:
        self.seen.append(f"created {change.new.pk}")

    def changed(self, change: Modify[User]) -> None:
        self.seen.append(f"changed {change.new.pk}")

    def removed(self, change: Remove[User]) -> None:
        self.seen.append(f"removed {change.old.pk}")

    def upserted(self, change: Upsert[User]) -> None:
        self.seen.append(f"upserted {change.new.pk} by {change.kind}")

    def there(self, change: Snapshot[User]) -> None:
        if change.new.pk in self.poison:
            raise ValueError(CANARY)
        self.seen.append(f"there {change.new.pk}")

    def any_change(self, change: Change[User]) -> None:
        self.seen.append(f"change {type(change).__name__}")


def test_an_item_is_a_snapshot() -> None:
    [record] = parse_event(mapped(user_line(1)))

    assert (record.source, record.kind, record.keys) == ("export", "SNAPSHOT", {"pk": "u-1"})
    assert (record.new_image, record.old_image) == (OLD, None)
    assert record.event_id == record.identifier
    assert record.event_id.startswith(f"export:{EXPORT_ID}:")
    assert (record.sequence_number, record.created_at) == ("", None)
    assert (record.table, record.region, record.view_type) == ("Users", None, None)
    assert (record.source_arn, record.size_bytes, record.expired) == (None, None, False)
    assert repr(record) == f"<StreamRecord SNAPSHOT {record.event_id} of Users>"


def test_a_snapshot_comes_where_it_is_wanted() -> None:
    seen = Seen()

    assert seen.app(mapped(user_line(1))) == {"batchItemFailures": []}
    assert seen.seen == ["upserted u-1 by SNAPSHOT", "there u-1"]


def test_keys_and_records_take_snapshots_on_request() -> None:
    app = StreamApp("users")
    seen: list[object] = []

    @app.on_keys(dict[str, str], kinds="SNAPSHOT")
    def by_key(change: KeyChange[dict[str, str]]) -> None:
        seen.append((change.kind, change.keys))

    not_by_default: list[KeyChange[dict[str, str]]] = []
    app.on_keys(dict[str, str])(not_by_default.append)

    @app.on_record(kinds=["SNAPSHOT"], where=Attr("n").gt(0))
    def by_record(record: StreamRecord) -> None:
        seen.append(record.kind)

    app(mapped(user_line(1)))

    assert (seen, not_by_default) == ([("SNAPSHOT", {"pk": "u-1"}), "SNAPSHOT"], [])


def test_the_last_state_may_be_a_snapshot() -> None:
    app = StreamApp("users")
    seen: list[object] = []

    @app.on_latest(User, where=Attr("n").gt(0))
    def mirror(change: Latest[User]) -> None:
        seen.append((change.keys["pk"], change.item and change.item.n))

    app(mapped(user_line(0), user_line(1), user_line(2)))

    assert seen == [("u-0", None), ("u-1", 1), ("u-2", 2)]


def test_bulk_handlers_take_snapshots() -> None:
    app = StreamApp("users")
    seen: list[list[int]] = []

    @app.bulk(2).on_snapshot(User)
    def index(changes: list[Snapshot[User]]) -> None:
        seen.append([change.new.n for change in changes])

    app(mapped(*map(user_line, range(3))))

    assert seen == [[0, 1], [2]]


def test_a_snapshot_is_written_as_json() -> None:
    written: list[str] = []
    app = StreamApp("users")

    @app.on_snapshot(User)
    def write(change: Snapshot[User]) -> None:
        written.append(to_json(change))

    app(mapped(user_line(1)))

    item = '{"pk":"u-1","n":1,"email":"ada@example.com"}'
    assert written == [f'{{"kind":"SNAPSHOT","keys":{{"pk":"u-1"}},"new":{item}}}']


KINDS: dict[str, tuple[Json, Json, list[str]]] = {
    "insert": (
        change_line(1, NewImage=NEW),
        CHANGES,
        ["created u-1", "upserted u-1 by INSERT", "change Insert"],
    ),
    "modify": (
        change_line(1, OldImage=OLD, NewImage=NEW),
        CHANGES,
        ["changed u-1", "upserted u-1 by MODIFY", "change Modify"],
    ),
    "remove": (change_line(1, OldImage=OLD), CHANGES, ["removed u-1", "change Remove"]),
    "a null image": (
        change_line(1, OldImage=OLD, NewImage=None),
        CHANGES,
        ["removed u-1", "change Remove"],
    ),
    "new images alone": (
        change_line(1, NewImage=NEW),
        {**CHANGES, "outputView": "NEW_IMAGE"},
        ["upserted u-1 by SNAPSHOT", "there u-1"],
    ),
    "an unknown view": (change_line(1, NewImage=NEW), FULL, ["upserted u-1 by SNAPSHOT", "there u-1"]),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_change_has_its_kind_by_its_images(name: str) -> None:
    line, about, expected = KINDS[name]
    seen = Seen()

    seen.app(mapped(line, about=about))

    assert seen.seen == expected


def test_a_change_has_a_moment() -> None:
    [record] = parse_event(mapped(change_line(1, NewImage=NEW), about=CHANGES))

    assert (record.source, record.kind, record.keys) == ("export", "INSERT", {"pk": "u-1"})
    assert record.created_at == datetime(2026, 11, 27, 3, 15, 10, 74_001, UTC)
    assert record.event_id.startswith(f"export:{TABLE_ID}:")
    assert record.event_id.endswith(":1795749310074001")


@pytest.mark.parametrize(
    "time", [1795749310074001, "1795749310074001", {"N": "1795749310074001"}], ids=["number", "text", "N"]
)
def test_a_moment_may_be_written_plainly(time: object) -> None:
    line = {**change_line(1, NewImage=NEW), "Metadata": {"WriteTimestampMicros": time}}

    [record] = parse_event(mapped(line, about=CHANGES))

    assert record.event_id.endswith(":1795749310074001")


def test_a_removal_without_an_image_is_explained() -> None:
    app = StreamApp("users")
    app.on_previous(User)(lambda _: None)

    report = app.process(mapped(change_line(1), about=CHANGES))

    assert "export the changes with the view NEW_AND_OLD_IMAGES" in str(report.records[0].error)


def test_a_scan_says_so() -> None:
    [record] = parse_event(mapped(user_line(1), about=SCAN))

    assert (record.source, record.kind) == ("scan", "SNAPSHOT")
    assert record.event_id.startswith("scan:scan-1:")


def ids(event: Json) -> list[str]:
    return [record.event_id for record in parse_event(event)]


def test_an_item_has_one_mark_in_an_export() -> None:
    numbers: list[Image] = [{"pk": {"N": text}} for text in ("1", "1.0", "10E-1", "2")]
    others: list[Image] = [{"pk": {"S": "1"}}, {"pk": {"B": "MQ=="}}]

    first, second, third, *rest = [*ids(mapped(*[{"Item": item} for item in numbers[:1]]))] + [
        found for item in [*numbers[1:], *others] for found in ids(mapped({"Item": item}))
    ]

    assert first == second == third
    assert len({first, *rest}) == 4


def test_the_marks_of_two_exports_differ() -> None:
    other = {**FULL, "exportId": "01795749399999-eb1c8e2a"}
    of_table = {**CHANGES, "tableId": "54321a12-abcd-123a-ab12-1234abc12345"}
    line = change_line(1, NewImage=NEW)

    assert ids(mapped(user_line(1))) != ids(mapped(user_line(1), about=other))
    assert ids(mapped(line, about=CHANGES)) != ids(mapped(line, about=of_table))
    assert ids(mapped(line, about=CHANGES)) == ids(mapped(line, about={**CHANGES, "exportId": "later"}))


def test_marks_stay_as_they_are() -> None:
    """Written in a store, they decide what runs again after an update of the library."""
    keys = {"pk": {"S": "u#ä"}, "sk": {"N": "-1.50"}}
    about = {**CHANGES, "keys": ["sk", "pk"]}

    assert ids(mapped({"Item": {**keys, "n": {"N": "1"}}}, about=about)) == [
        f"export:{EXPORT_ID}:{DIGEST}",
    ]


DIGEST = "df3f359bfcbb521511a5ff2abd04e556"


@pytest.mark.parametrize("poison", [0, 1, 2], ids=["first", "middle", "last"])
@pytest.mark.parametrize("store", [True, False], ids=["store", "no store"])
def test_a_failure_raises(*, poison: int, store: bool) -> None:
    seen = Seen(store=MemoryStore() if store else None)
    seen.poison.add(f"u-{poison}")
    event = mapped(*map(user_line, range(3)))

    with pytest.raises(BatchFailedError, match="ValueError") as failed:
        seen.app(event)

    assert failed.value.identifier == ids(event)[poison]
    assert CANARY not in str(failed.value)
    assert len([line for line in seen.seen if line.startswith("there")]) == 2


def test_only_failures_run_again() -> None:
    seen = Seen(store=MemoryStore())
    seen.poison.add("u-1")
    event = mapped(*map(user_line, range(3)))
    seen.app.process(event)
    seen.poison.clear()
    seen.seen.clear()

    report = seen.app.process(event)

    assert (report.already_handled, report.handled, report.delivery) == (2, 1, "map")
    assert seen.seen == ["there u-1"]


def test_no_item_is_dead_lettered() -> None:
    sink = MemorySink()
    seen = Seen(store=MemoryStore(), dead_letter=DeadLetters(sink, after=1))
    seen.poison.add("u-1")

    assert seen.app.process(mapped(user_line(1))).failed == 1
    assert sink.letters == []


def test_a_transaction_takes_effect_once() -> None:
    store = MemoryStore(tables={"totals": ("pk",)})
    app = StreamApp("users", store=store)

    @app.on_snapshot(User)
    def count(_: Snapshot[User], tx: Transaction) -> None:
        tx.update("totals", key={"pk": "all"}, add={"n": 1})

    app(mapped(user_line(1), user_line(2)))
    app(mapped(user_line(2), user_line(3)))

    assert store.item("totals", {"pk": "all"}) == {"pk": "all", "n": 3}


def test_a_repeated_line_runs_once() -> None:
    seen = Seen()

    report = seen.app.process(mapped(user_line(1), user_line(1)))

    assert [each.outcome for each in report.records] == [Outcome.HANDLED, Outcome.ALREADY_HANDLED]


def test_a_twin_with_other_content_fails() -> None:
    report = Seen(store=MemoryStore()).app.process(mapped({"Item": OLD}, {"Item": NEW}))

    assert [each.outcome for each in report.records] == [Outcome.HANDLED, Outcome.FAILED]
    assert "an earlier line of the batch has the same key" in str(report.records[1].error)


def test_an_ignored_item_is_explained() -> None:
    app = StreamApp("users")
    app.on_insert(User)(lambda _: None)

    [report] = app.process(mapped(user_line(1))).records

    assert report.why_ignored == (
        "no handler for SNAPSHOT is registered: on_snapshot, on_upsert and on_latest take the items of"
        " exports and scans"
    )


def test_a_stream_has_no_snapshots() -> None:
    report = Seen(store=MemoryStore()).app.process(
        batch(insert(1, user("a"), eventName="x"), {**insert(2, user("b")), "eventName": "SNAPSHOT"})
    )

    assert "eventName: expected INSERT, MODIFY or REMOVE" in str(report.records[1].error)


LINES: dict[str, tuple[object, str]] = {
    "null": (None, "this is no line of an export"),
    "text": (CANARY, "let the map read the data files that manifest-files.json names"),
    "empty": ({}, "this is no line of an export"),
    "a record": (insert(1, user("a")), "this is no line of an export"),
    "no item": ({"Item": CANARY}, "Item: expected an object of attributes"),
    "no key": ({"Item": {"n": {"N": "1"}}}, "Item.pk: the attributes of the table's key are not there"),
    "a wrong key": ({"Item": {"pk": {"BOOL": True}}}, "dynamodb.Keys.pk: a key is text, a number or binary"),
    "no time": ({**change_line(1), "Metadata": {}}, "Metadata.WriteTimestampMicros: expected microseconds"),
    "no metadata": ({**change_line(1), "Metadata": CANARY}, "expected microseconds since 1970"),
    "a long time": (
        {**change_line(1), "Metadata": {"WriteTimestampMicros": {"N": "9" * 50}}},
        "expected microseconds since 1970",
    ),
    "other digits": (
        {**change_line(1), "Metadata": {"WriteTimestampMicros": {"N": "١٢٣"}}},
        "expected microseconds since 1970",
    ),
    "a wrong image": (
        change_line(1, NewImage=[CANARY]),
        "dynamodb.NewImage: expected an object of attributes",
    ),
    "no keys": ({**change_line(1), "Keys": None}, "dynamodb.Keys: expected the attributes of the item's key"),
}


@pytest.mark.parametrize("name", LINES)
def test_a_wrong_line_is_named(name: str) -> None:
    line, reason = LINES[name]
    seen = Seen(store=MemoryStore())

    report = seen.app.process(mapped(user_line(0), line, user_line(2), about=CHANGES))

    assert [each.outcome for each in report.records] == [Outcome.HANDLED, Outcome.FAILED, Outcome.HANDLED]
    error = report.records[1].error
    assert isinstance(error, InvalidRecordError)
    assert (reason in str(error), error.index) == (True, 1)
    assert CANARY not in str(error)
    assert report.failure is not None


def test_an_item_needs_the_names_of_its_key() -> None:
    with pytest.raises(InvalidRecordError, match="name them in keys of BatchInput"):
        parse_event(mapped(user_line(1), about={"table": "Users", "exportId": EXPORT_ID}))


def test_a_change_has_its_key_itself() -> None:
    about = {"table": "Users", "exportId": EXPORT_ID}

    assert parse_event(mapped(change_line(1, NewImage=NEW), about=about))[0].keys == {"pk": "u-1"}


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        (None, "is no object"),
        ([], "is no object"),
        ({}, "has no table"),
        ({"table": "Users"}, "has no exportId"),
        ({**FULL, "table": CANARY * 40}, "has no table"),
        ({**FULL, "table": "a#b"}, "has no table"),
        ({**FULL, "exportId": "arn:aws:dynamodb"}, "has no exportId"),
        ({**FULL, "tableId": 7}, "has a tableId that is none"),
        ({**FULL, "keys": "pk"}, "has keys that are no list"),
        ({**FULL, "keys": ["a", "b", "c"]}, "has keys that are no list"),
        ({**FULL, "keys": [1]}, "has keys that are no list"),
    ],
    ids=["null", "list", "empty", "table", "long", "hash", "ARN", "tableId", "text", "three", "number"],
)
def test_a_batch_says_what_it_is_of(about: object, reason: str) -> None:
    with pytest.raises(InvalidEventError, match=f"but its BatchInput {reason}") as refused:
        Seen().app(mapped(user_line(1), about=about))

    assert CANARY not in str(refused.value)


def test_an_empty_batch_is_done() -> None:
    assert Seen().app(mapped()) == {"batchItemFailures": []}


def test_an_export_goes_through_an_app(tmp_path: Path) -> None:
    seen = Seen(store=MemoryStore())
    folder = write_export(tmp_path, [*map(user_line, range(3))], [user_line(3)])

    reports = [seen.app.process(event) for event in read_export(folder, keys=["pk"])]

    assert [report.handled for report in reports] == [3, 1]
    assert seen.seen[-1] == "there u-3"


def test_changes_of_an_export_go_through_an_app(tmp_path: Path) -> None:
    lines = [change_line(1, NewImage=NEW), change_line(2, OldImage=user_line(2)["Item"])]
    app = StreamApp("users")
    seen: list[object] = []

    @app.on_insert(User)
    def created(change: Insert[User]) -> None:
        seen.append(change.new.n)

    @app.on_previous(User)
    def before(change: Previous[User]) -> None:
        seen.append(change.kind)

    for event in read_export(write_export(tmp_path, lines, incremental=True)):
        app(event)

    assert seen == [2, "REMOVE"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
LINE: Json = change_line(1, OldImage=OLD, NewImage=NEW)
DAMAGED = st.one_of(
    JSON,
    st.dictionaries(st.sampled_from([*LINE]), JSON, max_size=2).map(lambda parts: {**LINE, **parts}),
    st.dictionaries(st.sampled_from([*OLD]), JSON, max_size=2).map(lambda parts: {"Item": {**OLD, **parts}}),
)


@settings(max_examples=size(short=30, full=500, long=5_000))
@given(DAMAGED)
def test_no_damaged_line_is_lost(line: object) -> None:
    seen = Seen(store=MemoryStore())

    report = seen.app.process(mapped(user_line(8), line, user_line(9), about=CHANGES))

    middle = report.records[1]
    assert {"there u-8", "there u-9"} <= {*seen.seen}
    assert isinstance(middle.record, StreamRecord) or middle.is_open
    assert (report.failure is not None) is middle.is_open
    assert not (isinstance(middle.record, UnreadableRecord) and middle.record.keys == {"pk": CANARY})


@settings(max_examples=size(short=30, full=500, long=5_000))
@given(st.dictionaries(st.sampled_from([*CHANGES]), JSON, max_size=3))
def test_any_batch_input_is_read_or_refused(parts: Json) -> None:
    records: list[StreamRecord] = []

    with suppress(InvalidEventError):
        records = parse_event(mapped(LINE, about={**CHANGES, **parts}))

    assert all(record.event_id.startswith("export:") for record in records)
