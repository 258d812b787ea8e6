"""EventBridge Pipes: a bare list of records, each of which the answer names by its eventID."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbevents import (
    BatchFailedError,
    Insert,
    InvalidEventError,
    Outcome,
    StreamApp,
    StreamRecord,
    UnreadableRecord,
    parse_event,
)
from ddbevents.dead_letters import DeadLetters
from ddbevents.stores import MemoryStore
from ddbevents.testing import MemorySink, Table, pipes_event, queue_event
from tests.campaigns import size
from tests.stream import CANARY, Json, batch, insert, sequence_number, user

THREE = [insert(number, user(f"u-{number}")) for number in (1, 2, 3)]
IDS: list[str] = [record["eventID"] for record in THREE]


class Ran:
    """An app that notes the keys that it handles, and fails for those that a test names."""

    def __init__(self, **settings: Any) -> None:
        self.keys: list[str] = []
        self.poison: set[str] = set()
        self.app = StreamApp("users", **settings)
        self.app.on_insert(dict[str, Any])(self.note)

    def note(self, change: Insert[dict[str, Any]]) -> None:
        if change.new["pk"] in self.poison:
            raise ValueError(CANARY)
        self.keys.append(change.new["pk"])


def named(*identifiers: str) -> Json:
    return {"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]}


def test_a_list_is_read_like_a_stream() -> None:
    [first, *_] = parse_event(THREE)
    [streamed, *_] = parse_event(batch(*THREE))

    assert first == streamed._replace(identifier=IDS[0], source="pipe")
    assert first.sequence_number == sequence_number(1)


def test_a_list_is_handled() -> None:
    ran = Ran()

    report = ran.app.process(THREE)

    assert (ran.keys, report.response, report.delivery) == (["u-1", "u-2", "u-3"], named(), "pipe")


@pytest.mark.parametrize("store", [True, False], ids=["store", "no store"])
@pytest.mark.parametrize("place", [1, 2], ids=["middle", "last"])
def test_the_first_unfinished_is_named(*, place: int, store: bool) -> None:
    ran = Ran(store=MemoryStore() if store else None)
    ran.poison.add(f"u-{place + 1}")

    assert ran.app(THREE) == named(IDS[place])


def test_only_the_first_of_several_is_named() -> None:
    ran = Ran(store=MemoryStore())
    ran.poison |= {"u-2", "u-3"}

    assert ran.app(THREE) == named(IDS[1])


def test_a_failure_of_the_first_raises() -> None:
    ran = Ran()
    ran.poison.add("u-1")

    with pytest.raises(BatchFailedError) as failed:
        ran.app(THREE)

    assert failed.value.identifier == IDS[0]
    assert ran.keys == []


def test_a_lone_failure_is_named() -> None:
    ran = Ran()
    ran.poison.add("u-1")

    assert ran.app(THREE[:1]) == named(IDS[0])


def test_a_record_of_the_stream_is_skipped() -> None:
    ran = Ran(store=MemoryStore())
    ran.app(batch(*THREE[:2]))

    report = ran.app.process(THREE)

    assert (report.already_handled, report.handled) == (2, 1)


def test_an_unreadable_record_is_named() -> None:
    ran = Ran(store=MemoryStore())
    broken = {**THREE[1], "eventName": CANARY}

    report = ran.app.process([THREE[0], broken, THREE[2]])

    assert [each.outcome for each in report.records][:2] == [Outcome.HANDLED, Outcome.FAILED]
    assert report.response == named(IDS[1])


@pytest.mark.parametrize(
    "broken", [{**THREE[1], "eventID": CANARY * 20}, CANARY, {}], ids=["long", "text", "empty"]
)
def test_the_record_before_a_nameless_one_is_named(broken: object) -> None:
    report = Ran(store=MemoryStore()).app.process([THREE[0], THREE[2], broken])

    assert report.response == named(IDS[2])
    assert report.failure is None


def test_a_nameless_first_record_raises() -> None:
    report = Ran(store=MemoryStore()).app.process([CANARY, *THREE])

    assert report.failure is not None
    assert (report.failure.identifier, report.response) == (None, named(""))


def test_other_records_are_named() -> None:
    report = Ran(store=MemoryStore()).app.process([*THREE, {"eventSource": "aws:sqs", "body": CANARY}])

    assert "this is a message of SQS, among other records" in str(report.records[3].error)


def test_a_poison_record_is_dead_lettered() -> None:
    sink = MemorySink()
    ran = Ran(store=MemoryStore(), dead_letter=DeadLetters(sink, after=1))
    ran.poison.add("u-1")

    first = ran.app.process(THREE)
    again = ran.app.process(batch(*THREE))
    ran.poison.clear()
    redriven = ran.app.process(queue_event(*sink.letters))

    assert (first.response, again.already_handled, redriven.handled) == (named(), 3, 1)
    assert ran.keys == ["u-2", "u-3", "u-1"]


def test_lists_for_tests_are_read_back() -> None:
    table = Table("Users", "pk")
    made = [table.insert({"pk": "a"}), table.insert({"pk": "b"})]

    assert [each.identifier for each in parse_event(pipes_event(*made))] == [
        record["eventID"] for record in made
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
DAMAGED = JSON | st.dictionaries(st.sampled_from([*THREE[1]]), JSON, max_size=2).map(
    lambda parts: {**THREE[1], **parts}
)


@settings(max_examples=size(short=20, full=500, long=5_000))
@given(DAMAGED)
def test_no_damaged_record_is_lost(record: object) -> None:
    report = Ran(store=MemoryStore()).app.process([THREE[0], record, THREE[2]])

    middle = report.records[1]
    assert isinstance(middle.record, UnreadableRecord if middle.is_open else StreamRecord)
    assert bool(report.response["batchItemFailures"]) is middle.is_open


@settings(max_examples=size(short=20, full=500, long=5_000))
@given(st.lists(JSON))
def test_any_other_list_is_refused(records: list[object]) -> None:
    with pytest.raises(InvalidEventError, match="the event is list"):
        parse_event(records)
