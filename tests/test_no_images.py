"""What people decode in place of an image: each is named, with what to pass instead."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from ddbevents import InvalidItemError, StreamApp, decode, decode_value, encode, parse_event
from tests.stream import CANARY, Json, batch, insert, modify, user


class User(BaseModel):
    email: str


class Settings(BaseModel):
    email: str = "none"
    theme: str = "dark"


class Extra(BaseModel):
    model_config = {"extra": "allow"}


IMAGE = user("a", CANARY)
RECORD = modify(1, IMAGE, IMAGE)
EVENT = batch(RECORD)
[READ] = parse_event(EVENT)
TYPED = (
    'these are plain values, and those of an image have a type tag each, as {"id": {"S": "o-1"}}:'
    " ddbevents.encode writes an item so"
)
NONE = (
    "this is None, not an image: an INSERT has no old one, a REMOVE no new one, and a stream only"
    " those of its StreamViewType"
)
INSIDE = 'this is the inside of a record, not an image: pass its ["NewImage"] or ["OldImage"]'
CASES: dict[str, tuple[object, str]] = {
    "an event": (
        EVENT,
        "this is an event, not an image: parse_event reads its records, each with new_image and old_image",
    ),
    "a record": (
        RECORD,
        'this is a record, not an image: pass its ["dynamodb"]["NewImage"] or ["OldImage"]',
    ),
    "its inside": (RECORD["dynamodb"], INSIDE),
    "an inside without images": (
        {"Keys": {"pk": {"S": "a"}, "sk": {"S": "b"}}, "SequenceNumber": "1"},
        INSIDE,
    ),
    "a record that was read": (READ, "this is a StreamRecord, not an image: pass its new_image or old_image"),
    "get_item": (
        {"Item": IMAGE, "ResponseMetadata": {"RetryAttempts": 0}},
        'this is what boto3 answers, not an image: pass its ["Item"]',
    ),
    "update_item": (
        {"Attributes": IMAGE},
        'this is what boto3 answers, not an image: pass its ["Attributes"]',
    ),
    "a map": ({"M": IMAGE}, 'this is an attribute value, not an image: pass its ["M"]'),
    "None": (None, NONE),
    "text": ('{"email": {"S": "x"}}', "an image is an object, not str: read it with json.loads first"),
    "bytes": (b"{}", "an image is an object, not bytes: read it with json.loads first"),
    "a list": ([IMAGE], 'an image is an object of typed JSON, as {"id": {"S": "o-1"}}, not list'),
    "an item": (
        User(email=CANARY),
        'an image is an object of typed JSON, as {"id": {"S": "o-1"}}, not User',
    ),
}


@pytest.mark.parametrize("model", [User, Settings, Extra, dict])
@pytest.mark.parametrize(("given", "message"), CASES.values(), ids=CASES)
def test_no_image_is_named(given: Any, message: str, model: type[Any]) -> None:
    with pytest.raises(InvalidItemError) as first:
        decode(model, given)
    with pytest.raises(InvalidItemError) as second:  # the decoder is compiled by now
        decode(model, given)

    assert str(first.value) == str(second.value) == message


@pytest.mark.parametrize(
    "image",
    [{}, user("a"), {"Keys": {"S": "x"}}, {"dynamodb": {"M": {"x": {"S": "y"}}}}, {"Item": {"BOOL": True}}],
    ids=["empty", "usual", "Keys", "dynamodb", "Item"],
)
def test_attributes_may_have_any_name(image: Json) -> None:
    assert decode(dict, image) == decode_value({"M": image})
    assert decode(Settings, image).theme == "dark"


@pytest.mark.parametrize(
    "name", ["Records", "dynamodb", "NewImage", "OldImage", "Keys", "Item", "Attributes", "M"]
)
@pytest.mark.parametrize(
    "value",
    ["x", [1], {}, {"a": 1}, {"S": "x"}, {"M": {"S": {"S": "x"}}}, {"Keys": {"x": "y"}}],
    ids=["S", "L", "empty", "M", "tag", "tags", "nested"],
)
def test_what_encode_writes_is_read(name: str, value: object) -> None:
    item = {name: value}

    assert decode(dict, encode(item)) == item


def test_a_lone_plain_value_has_an_example() -> None:
    with pytest.raises(InvalidItemError) as info:
        decode(User, {"pk": {"S": "a"}, "email": CANARY})

    assert str(info.value) == 'email: an attribute value is an object with one type tag, as {"S": "o-1"}'


@pytest.mark.parametrize("model", [User, dict])
def test_plain_values_are_named(model: type[Any]) -> None:
    with pytest.raises(InvalidItemError) as info:
        decode(model, {"pk": "a", "email": CANARY, "count": 1, "tags": ["a"], "no": None})

    assert str(info.value) == TYPED


@pytest.mark.parametrize("model", [User, Settings, dict])
@pytest.mark.parametrize("plain", [{"email": CANARY}, {"email": 1}], ids=["text", "number"])
def test_plain_images_of_events_are_named(model: type[Any], plain: Json) -> None:
    app = StreamApp()
    app.on_insert(model)(lambda change: None)

    [report] = app.process(batch(insert(1, user("a"), NewImage=plain))).records

    assert str(report.error).endswith(f"dynamodb.NewImage: {TYPED}")
