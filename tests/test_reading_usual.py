"""The quick way to read a usual record, which never differs from the way that reads any."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbevents import StreamRecord
from ddbevents._records._reading import _read_any, _read_usual
from tests.stream import Json, insert, modify, remove, user
from tests.test_bad_input import JSON

A, B = user("a"), user("a", "new@example.com")
USUAL = [insert(1, A), modify(2, A, B), remove(3, A), insert(4, A, Keys={"pk": {"S": "a"}, "sk": {"S": ""}})]


@pytest.mark.parametrize("record", USUAL, ids=["insert", "modify", "remove", "two keys"])
def test_a_usual_record_is_read_quickly_and_the_same(record: Json) -> None:
    assert _read_usual(record) == _read_any(record, 0)


UNUSUAL = {
    "a number for a key": insert(1, A, Keys={"pk": {"N": "1"}}),
    "an insert with an old image": insert(1, A, OldImage=A),
    "no image": remove(1, A, OldImage=None),
    "a hyphen in the id": {**insert(1, A), "eventID": "a-b"},
    "no keys": insert(1, A, Keys={}),
    "two tags": insert(1, A, Keys={"pk": {"S": "a", "N": "1"}}),
    "other source": {**insert(1, A), "eventSource": "aws:kinesis"},
    "line break after the number": insert(1, A, SequenceNumber="1\n"),
    "other digits": insert(1, A, SequenceNumber="١"),
    "bytes": insert(1, A, SequenceNumber=b"1"),
    "list for a kind": {**insert(1, A), "eventName": ["INSERT"]},
    "text": "record",
    "nothing": None,
}


@pytest.mark.parametrize("record", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_any_other_is_left_to_the_slow_way(record: object) -> None:
    assert _read_usual(record) is None


TAGGED = st.dictionaries(st.sampled_from(["S", "N", "B", "M", "BOOL"]), JSON, max_size=2)
VALUES = st.one_of(
    JSON,
    TAGGED,
    st.dictionaries(st.text(max_size=3), TAGGED, max_size=3),
    st.text("0123456789abc-#\n١", max_size=45),
    st.sampled_from(["INSERT", "MODIFY", "REMOVE", "aws:dynamodb", "KEYS_ONLY", "NEW_IMAGE", "1"]),
    st.sampled_from([A, B, {"pk": {"S": "b"}}, {"pk": {"N": "1"}}, ...]),
)
ENVELOPE = ("eventID", "eventName", "eventSource", "eventSourceARN", "awsRegion", "userIdentity", "dynamodb")
BODY = ("Keys", "NewImage", "OldImage", "SequenceNumber", "StreamViewType", "SizeBytes")
CHANGES = st.lists(
    st.tuples(
        st.one_of(
            st.tuples(st.sampled_from(ENVELOPE)),
            st.tuples(st.just("dynamodb"), st.sampled_from(BODY)),
            st.tuples(st.just("dynamodb"), st.just("Keys"), st.sampled_from(["pk", "sk"])),
        ),
        VALUES,
    ),
    max_size=4,
)


def changed(record: Json, changes: list[tuple[tuple[str, ...], Any]]) -> Json:
    """The record with other values, or without a value where that is `...`."""
    record = copy.deepcopy(record)
    for path, value in changes:
        place: Any = record
        for name in path[:-1]:
            place = place.get(name) if isinstance(place, dict) else None
        if isinstance(place, dict) and value is ...:
            place.pop(path[-1], None)
        elif isinstance(place, dict):
            place[path[-1]] = value
    return record


@settings(max_examples=1_000, deadline=None)
@given(st.sampled_from(USUAL), CHANGES)
def test_the_quick_way_answers_nothing_or_the_same(
    record: Json, changes: list[tuple[tuple[str, ...], Any]]
) -> None:
    mutated = changed(record, changes)

    quick, slow = _read_usual(mutated), _read_any(mutated, 0)

    assert quick is None or (quick == slow and isinstance(slow, StreamRecord))


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_of_any_json_at_all_the_quick_way_makes_nothing(value: Any) -> None:
    assert _read_usual(value) is None
