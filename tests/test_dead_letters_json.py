"""Dead letters as JSON and back, plain and compressed."""

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
from ddbevents.dead_letters import DeadLetter, letter_from_json, letter_to_json
from tests.letters import RECORD, compressed, letter, packed
from tests.stream import CANARY, batch, insert, user

NESTED = "[" * 200_000

# texts that a JSON parser can return: it joins the halves of a surrogate pair
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
def test_a_letter_survives_its_text(letter: DeadLetter) -> None:
    assert letter_from_json(letter_to_json(letter)) == letter


@given(LETTERS)
def test_a_letter_survives_compression(letter: DeadLetter) -> None:
    assert letter_from_json(compressed(letter)) == letter


@given(LETTERS)
def test_a_text_is_one_line_safe_for_sqs(letter: DeadLetter) -> None:
    text = letter_to_json(letter)

    text.encode()
    assert len(text.splitlines()) == 1
    assert all(" " <= character <= "\ufffd" or character > "\uffff" for character in text)


@given(JSON | TEXT)
def test_any_other_text_is_our_error(content: Any) -> None:
    with pytest.raises(DeadLetterError):
        letter_from_json(json.dumps(content))


def test_people_can_read_the_text() -> None:
    record = insert(1, {"pk": {"S": "Ærøskøbing"}})
    content = json.loads(letter_to_json(letter(record)))

    assert "Ærøskøbing" in letter_to_json(letter(record))
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


def test_boto3s_record_becomes_lambdas() -> None:
    moment = datetime(2026, 11, 23, 17, 42, 5, tzinfo=timezone(timedelta(hours=1)))
    image = {"pk": {"S": "ada"}, "photo": {"B": b"\x00\xff"}, "more": {"BS": [b"a", bytearray(b"b")]}}
    record = insert(1, image, ApproximateCreationDateTime=moment)

    copy: Any = letter_from_json(letter_to_json(letter(record))).record

    assert copy["dynamodb"]["NewImage"]["photo"] == {"B": b64encode(b"\x00\xff").decode()}
    assert copy["dynamodb"]["ApproximateCreationDateTime"] == 1795452125
    [before, after] = parse_event(batch(record)) + parse_event(batch(copy))
    assert (after.keys, after.created_at) == (before.keys, before.created_at)


def test_a_time_keeps_its_milliseconds() -> None:
    moment = datetime(2026, 11, 23, 17, 42, 5, 250_000, tzinfo=UTC)
    record = insert(1, user("ada"), ApproximateCreationDateTime=moment)

    copy: Any = letter_from_json(letter_to_json(letter(record))).record

    assert copy["dynamodb"]["ApproximateCreationDateTime"] == 1795455725.25


@pytest.mark.parametrize("record", [None, True, 7, "text", [], [RECORD]])
def test_a_record_may_be_any_value(record: object) -> None:
    assert letter_from_json(letter_to_json(letter(record))).record == record


def test_failed_at_is_in_utc() -> None:
    moment = datetime(2026, 11, 23, 17, 42, 5, tzinfo=timezone(timedelta(hours=5)))

    assert '"2026-11-23T12:42:05+00:00"' in letter_to_json(letter(failed_at=moment))


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
@pytest.mark.usefixtures("no_collection")
def test_an_unwritable_record_is_an_error(make: Callable[[], object]) -> None:
    record = make()

    with pytest.raises(DeadLetterError, match=r"^the record cannot be written as JSON \(\w+\)$"):
        letter_to_json(letter(record))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"app": None}, "app is missing or malformed"),
        ({"handler": 1}, "handler is missing"),
        ({"attempts": True}, "attempts is missing"),
        ({"attempts": "5"}, "attempts is missing"),
        ({"error": None}, "error is missing"),
        ({"message": [CANARY]}, "message is missing"),
        ({"path": 1}, "path is missing"),
        ({"failed_at": CANARY}, "failed_at is missing or malformed"),
        ({"failed_at": "0001-01-01T00:00:00+14:00"}, "failed_at is missing or malformed"),
        ({"version": 2}, "does not know the dead letter's version: update ddbevents"),
        ({"version": True}, "expected an object with a version"),
        ({"version": None}, "expected an object with a version"),
        ({"compressed": "gzip"}, "its compressed content cannot be read"),
        ({"compressed": "gzip", "letter": 7}, "its compressed content cannot be read"),
        ({"compressed": "gzip", "letter": "!!"}, "its compressed content cannot be read"),
        (
            {"compressed": "gzip", "letter": b64encode(b"no gzip").decode()},
            "its compressed content cannot be read",
        ),
    ],
)
def test_an_error_names_the_field(change: dict[str, Any], reason: str) -> None:
    content = json.loads(letter_to_json(letter())) | change

    with pytest.raises(DeadLetterError, match=reason) as raised:
        letter_from_json(json.dumps(content))
    assert CANARY not in str(raised.value)


@pytest.mark.parametrize("name", ["app", "handler", "attempts", "failed_at", "record"])
def test_every_field_is_required(name: str) -> None:
    content = json.loads(letter_to_json(letter()))
    del content[name]

    with pytest.raises(DeadLetterError, match=name):
        letter_from_json(json.dumps(content))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", NESTED, None, b"{}", 7], ids=lambda text: str(text)[:5]
)
@pytest.mark.usefixtures("no_collection")
def test_a_letter_is_a_json_object(text: object) -> None:
    with pytest.raises(DeadLetterError, match="not a dead letter: expected"):
        letter_from_json(text)


def test_later_fields_are_ignored() -> None:
    content = json.loads(letter_to_json(letter())) | {"region": "eu-central-1"}

    assert letter_from_json(json.dumps(content)) == letter()


def test_a_cut_letter_is_an_error() -> None:
    content = json.loads(compressed(letter()))
    content["letter"] = content["letter"][:40]

    with pytest.raises(DeadLetterError, match="is cut off"):
        letter_from_json(json.dumps(content))


def test_the_text_may_have_6_mib() -> None:
    envelope = len(letter_to_json(letter("")))

    longest = letter_to_json(letter("ä" * (3 * 2**20 - envelope // 2 - 1)))

    assert 6 * 2**20 - 2 <= len(longest.encode()) <= 6 * 2**20
    assert letter_from_json(longest) == letter_from_json(packed(longest))


@pytest.mark.parametrize("longer", [" ", "ä"])
def test_a_longer_text_is_no_letter(longer: str) -> None:
    text = letter_to_json(letter()) + longer * (6 * 2**20 // len(longer.encode()))

    with pytest.raises(DeadLetterError, match="its text is longer than 6 MiB, as no letter is"):
        letter_from_json(text)
    with pytest.raises(DeadLetterError, match="is cut off, or longer than 6 MiB"):
        letter_from_json(packed(text))


def test_a_full_record_is_written_tightly() -> None:
    full = insert(1, {"pk": {"S": "a"}, "flags": {"L": [{"BOOL": True}] * 400_000}})

    text = letter_to_json(letter(full))

    assert len(json.dumps(full)) > 6 * 2**20 > len(text)
    assert letter_from_json(text).record == full


def test_a_huge_message_is_cut() -> None:
    read = letter_from_json(letter_to_json(letter(message="m" * 7 * 2**20)))

    assert read == letter(message="m" * 10_000)


def test_a_huge_record_cannot_be_written() -> None:
    with pytest.raises(DeadLetterError, match="longer than 6 MiB of JSON, which no record of a stream is"):
        letter_to_json(letter("0" * 7 * 2**20))


def test_python_s_own_error_is_not_kept() -> None:
    with pytest.raises(DeadLetterError) as raised:
        letter_from_json(f'{{"value": "{CANARY}')

    assert raised.value.__context__ is None


def test_no_letter_has_a_huge_number() -> None:
    text = json.dumps(json.loads(letter_to_json(letter())) | {"record": 0})[:-2] + "1" * 5_000 + "}"
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        with pytest.raises(DeadLetterError, match="expected JSON"):
            letter_from_json(text)
    finally:
        sys.set_int_max_str_digits(limit)


def test_a_letter_shows_no_values() -> None:
    shown = repr(letter(user("ada", CANARY), message=CANARY))

    assert shown == "<DeadLetter of users for users.welcome: ValueError, attempt 5>"


def test_there_are_no_other_names() -> None:
    with pytest.raises(AttributeError):
        ddbevents.dead_letters.KafkaTopic  # noqa: B018  # that it is not there is the test
