"""Usual records are read quickly, and exactly as any other record is."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbevents import InvalidEventError, InvalidRecordError, StreamRecord, parse_event
from tests.campaigns import size
from tests.stream import Json, batch, insert, modify, remove, user
from tests.test_bad_input import JSON

A, B = user("a"), user("a", "new@example.com")
USUAL = [insert(1, A), modify(2, A, B), remove(3, A), insert(4, A, Keys={"pk": {"S": "a"}, "sk": {"S": ""}})]


class Text(str):
    """Text that no JSON parser makes."""

    __slots__ = ()


class Object(dict[str, Any]):
    """An object that no JSON parser makes."""


def made_unusual(value: Any) -> Any:
    """Return equal JSON of types that no parser makes, which are never read the quick way."""
    match value:
        case dict():
            return Object({name: made_unusual(member) for name, member in value.items()})
        case list():
            return [made_unusual(member) for member in value]
        case str():
            return Text(value)
        case _:
            return value


def read(record: object) -> StreamRecord | tuple[object, ...]:
    """Return the record as `parse_event` reads it, or all that its error says."""
    try:
        [parsed] = parse_event(batch(record))
    except (InvalidEventError, InvalidRecordError) as error:
        return type(error), str(error), vars(error)
    return parsed


@pytest.mark.parametrize("record", USUAL, ids=["insert", "modify", "remove", "two keys"])
def test_usual_records_read_the_same(record: Json) -> None:
    [parsed] = parse_event(batch(record))

    assert parsed == read(made_unusual(record))
    assert parsed.raw is record


UNUSUAL = {
    "a number for a key": insert(1, A, Keys={"pk": {"N": "1"}}),
    "an insert with an old image": insert(1, A, OldImage=A),
    "no image": remove(1, A, OldImage=None),
    "an old image that is null": insert(1, A, OldImage=None),
    "a new image that is null": remove(1, A, NewImage=None),
    "a long number": insert(1, A, SequenceNumber="4" * 64),
    "a hyphen in the id": {**insert(1, A), "eventID": "a-b"},
    "no keys": insert(1, A, Keys={}),
    "two tags": insert(1, A, Keys={"pk": {"S": "a", "N": "1"}}),
    "other source": {**insert(1, A), "eventSource": "aws:kinesis"},
    "line break after the number": insert(1, A, SequenceNumber="1\n"),
    "other digits": insert(1, A, SequenceNumber="١"),
    "bytes": insert(1, A, SequenceNumber=b"1"),
    "list for a kind": {**insert(1, A), "eventName": ["INSERT"]},
}


@pytest.mark.parametrize("record", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_unusual_records_read_the_same(record: Json) -> None:
    assert read(record) == read(made_unusual(record))


TAGGED = st.dictionaries(st.sampled_from(["S", "N", "B", "M", "BOOL"]), JSON, max_size=2)
VALUES = st.one_of(
    JSON,
    TAGGED,
    st.dictionaries(st.text(max_size=3), TAGGED, max_size=3),
    st.text("0123456789abc-#\n١", max_size=70),
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
    """Return the record with other values, or without a value where that is `...`."""
    record = copy.deepcopy(record)
    for path, value in changes:
        place: Any = record
        for name in path[:-1]:
            place = place.get(name) if isinstance(place, dict) else None
        if isinstance(place, dict) and value is ...:
            place.pop(path[-1], None)
        elif isinstance(place, dict):
            place[path[-1]] = copy.deepcopy(value)
    return record


@settings(max_examples=size(short=60, full=1_000, long=50_000))
@given(st.sampled_from(USUAL), CHANGES)
def test_changed_records_read_the_same(record: Json, changes: list[tuple[tuple[str, ...], Any]]) -> None:
    mutated = changed(record, changes)

    assert read(mutated) == read(made_unusual(mutated))


@settings(max_examples=size(short=60, full=200, long=200))
@given(JSON)
def test_any_json_is_an_invalid_record(value: Any) -> None:
    with pytest.raises(InvalidRecordError):
        parse_event(batch(value))
