from __future__ import annotations

import json
import sys
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ddbevents.dead_letters
from ddbevents import DeadLetterError, parse_event
from ddbevents._records._letter_json import compress
from ddbevents.dead_letters import DeadLetter, from_json, to_json
from tests.letters import RECORD, letter
from tests.stream import CANARY, batch, insert, user

NESTED = "[" * 200_000

# what a JSON parser can give: it joins two halves of a surrogate pair
TEXT = st.text(st.characters(codec=None), max_size=20).map(lambda text: json.loads(json.dumps(text)))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)
LETTERS = st.builds(
    DeadLetter,
    app=TEXT,
    handler=st.none() | TEXT,
    attempts=st.integers(1, 10**6),
    error=TEXT,
    message=TEXT,
    path=st.none() | TEXT,
    failed_at=st.datetimes(timezones=st.just(UTC)),
    record=JSON,
)


@given(LETTERS)
def test_a_letter_comes_back_from_its_text_as_it_was(letter: DeadLetter) -> None:
    assert from_json(to_json(letter)) == letter


@given(LETTERS)
def test_a_letter_comes_back_from_its_compressed_text_as_it_was(letter: DeadLetter) -> None:
    assert from_json(compress(to_json(letter))) == letter


@given(LETTERS)
def test_a_text_is_one_line_of_characters_that_sqs_keeps_as_they_are(letter: DeadLetter) -> None:
    text = to_json(letter)

    text.encode()
    assert len(text.splitlines()) == 1
    assert all(" " <= character <= "\ufffd" or character > "\uffff" for character in text)


@given(JSON | TEXT)
def test_what_is_no_letter_is_an_error_of_ours(content: Any) -> None:
    with pytest.raises(DeadLetterError):
        from_json(json.dumps(content))


def test_the_text_can_be_read_by_people() -> None:
    record = insert(1, {"pk": {"S": "Ærøskøbing"}})
    content = json.loads(to_json(letter(record)))

    assert "Ærøskøbing" in to_json(letter(record))
    assert content == {
        "version": 1,
        "app": "users",
        "handler": "users.welcome",
        "attempts": 5,
        "error": "ValueError",
        "message": "no such address",
        "path": None,
        "failed_at": "2026-11-23T17:42:05+00:00",
        "record": record,
    }


def test_a_record_of_boto3_becomes_what_lambda_passes() -> None:
    moment = datetime(2026, 11, 23, 17, 42, 5, tzinfo=timezone(timedelta(hours=1)))
    image = {"pk": {"S": "ada"}, "photo": {"B": b"\x00\xff"}, "more": {"BS": [b"a", bytearray(b"b")]}}
    record = insert(1, image, ApproximateCreationDateTime=moment)

    copy: Any = from_json(to_json(letter(record))).record

    assert copy["dynamodb"]["NewImage"]["photo"] == {"B": b64encode(b"\x00\xff").decode()}
    assert copy["dynamodb"]["ApproximateCreationDateTime"] == 1795452125
    [before, after] = parse_event(batch(record)) + parse_event(batch(copy))
    assert (after.keys, after.created_at) == (before.keys, before.created_at)


def test_a_moment_keeps_its_fraction_of_a_second() -> None:
    moment = datetime(2026, 11, 23, 17, 42, 5, 250_000, tzinfo=UTC)
    record = insert(1, user("ada"), ApproximateCreationDateTime=moment)

    copy: Any = from_json(to_json(letter(record))).record

    assert copy["dynamodb"]["ApproximateCreationDateTime"] == 1795455725.25


@pytest.mark.parametrize("record", [None, True, 7, "text", [], [RECORD]])
def test_a_record_need_not_be_an_object(record: object) -> None:
    assert from_json(to_json(letter(record))).record == record


def test_the_moment_of_failure_is_in_utc_whatever_it_was_in() -> None:
    moment = datetime(2026, 11, 23, 17, 42, 5, tzinfo=timezone(timedelta(hours=5)))

    assert '"2026-11-23T12:42:05+00:00"' in to_json(letter(failed_at=moment))


def circle() -> object:
    made: list[object] = []
    made.append(made)
    return made


def deep() -> object:
    begin: object = None
    return reduce(lambda inner, _: [inner], range(sys.getrecursionlimit() * 100), begin)


@pytest.mark.parametrize(
    "make",
    [lambda: {1, 2}, circle, deep, lambda: {(1, 2): 3}, lambda: 10**5000],
    ids=["a set", "a circle", "deep", "a tuple as a name", "a long number"],
)
def test_a_record_that_json_cannot_hold_is_an_error_without_its_values(make: Callable[[], object]) -> None:
    record = make()

    with pytest.raises(DeadLetterError, match=r"^the record cannot be written as JSON \(\w+\)$"):
        to_json(letter(record))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"app": None}, "see app"),
        ({"handler": 1}, "see handler"),
        ({"attempts": True}, "see attempts"),
        ({"attempts": "5"}, "see attempts"),
        ({"error": None}, "see error"),
        ({"message": [CANARY]}, "see message"),
        ({"path": 1}, "see path"),
        ({"failed_at": CANARY}, "see failed_at"),
        ({"failed_at": "0001-01-01T00:00:00+14:00"}, "see failed_at"),
        ({"version": 2}, "a version that is not known here: update ddbevents"),
        ({"version": True}, "expected an object with a version"),
        ({"version": None}, "expected an object with a version"),
        ({"compressed": "gzip"}, "what is compressed cannot be read"),
        ({"compressed": "gzip", "letter": 7}, "what is compressed cannot be read"),
        ({"compressed": "gzip", "letter": "!!"}, "what is compressed cannot be read"),
        (
            {"compressed": "gzip", "letter": b64encode(b"no gzip").decode()},
            "what is compressed cannot be read",
        ),
    ],
)
def test_a_text_that_is_no_letter_says_where_and_not_what(change: dict[str, Any], reason: str) -> None:
    content = json.loads(to_json(letter())) | change

    with pytest.raises(DeadLetterError, match=reason) as raised:
        from_json(json.dumps(content))
    assert CANARY not in str(raised.value)


@pytest.mark.parametrize("name", ["app", "handler", "attempts", "failed_at", "record"])
def test_every_field_has_to_be_there(name: str) -> None:
    content = json.loads(to_json(letter()))
    del content[name]

    with pytest.raises(DeadLetterError, match=name):
        from_json(json.dumps(content))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", NESTED, None, b"{}", 7], ids=lambda text: str(text)[:5]
)
def test_what_is_no_json_object_is_no_letter(text: object) -> None:
    with pytest.raises(DeadLetterError, match="it is no dead letter: expected"):
        from_json(text)


def test_fields_of_a_later_release_do_not_matter() -> None:
    content = json.loads(to_json(letter())) | {"region": "eu-central-1"}

    assert from_json(json.dumps(content)) == letter()


def test_a_compressed_text_with_no_end_is_no_letter() -> None:
    content = json.loads(compress(to_json(letter())))
    content["letter"] = content["letter"][:40]

    with pytest.raises(DeadLetterError, match="no end"):
        from_json(json.dumps(content))


def test_a_small_text_cannot_fill_the_memory() -> None:
    bomb = compress(to_json(letter("0" * 40_000_000)))

    assert len(bomb) < 100_000
    with pytest.raises(DeadLetterError, match="too large"):
        from_json(bomb)


def test_a_letter_shows_neither_record_nor_message() -> None:
    shown = repr(letter(user("ada", CANARY), message=CANARY))

    assert shown == "<DeadLetter of users for users.welcome: ValueError, attempt 5>"


def test_the_room_of_dead_letters_has_no_other_names() -> None:
    with pytest.raises(AttributeError):
        ddbevents.dead_letters.KafkaTopic  # noqa: B018  # that it is not there is the test
