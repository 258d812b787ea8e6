"""Records, events and changes that the test kit builds, compared with captured and real ones."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from ddbevents import (
    ConfigurationError,
    Insert,
    InvalidItemError,
    Modify,
    Remove,
    StreamApp,
    ViewType,
    decode_value,
    encode,
    parse_event,
)
from ddbevents.testing import (
    RecordDetails,
    Table,
    event,
    insert,
    inserted,
    latest,
    modified,
    modify,
    remove,
    removed,
    upserted,
)
from tests.dynamodb_local import clients, read_stream
from tests.stream import CANARY
from tests.test_dynamodb import make_table, write_three_times

EVENTS = Path(__file__).parent / "events"
CAPTURED = [
    pytest.param(record, path.stem, id=f"{path.stem}-{place}")
    for path in sorted(EVENTS.glob("*.json"))
    for place, record in enumerate(json.loads(path.read_text())["Records"])
]


class User(BaseModel):
    user_id: str = Field(alias="userId")
    email: str = "ada@example.com"


@dataclass
class Device:
    pk: str
    sk: int
    firmware: bytes = b"\x01\xff"


NUMBERS = [
    *(0, 1, -1, 9, 42, 100, 230, 1000, 10010, 12345, -99, 10**37, 12345678901234567890123456789012345678),
    *map(Decimal, ["2.5", "3.14159", "129.5", "0.1", "-0.1278", "51.5074", "99.9", "0.01", "0.001", "9.90"]),
    *map(Decimal, ["1E-130", "1E+125", "-9.9999999999999999999999999999999999999E+125", "12E-10", "5E+3"]),
]
ADA = User(userId="u-1815")
MOVED = User(userId="u-1815", email="ada@example.org")


def plain(image: dict[str, Any]) -> Any:
    return decode_value({"M": image})


def details_of(record: dict[str, Any]) -> RecordDetails:
    body = record["dynamodb"]
    return {
        "keys": list(body["Keys"]),
        "table": record["eventSourceARN"].split("/")[1],
        "region": record["awsRegion"],
        "view_type": body["StreamViewType"],
        "at": datetime.fromtimestamp(body["ApproximateCreationDateTime"], UTC),
    }


def rebuilt(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record, built again from its own plain values; images it does not carry are made up."""
    body, details = record["dynamodb"], details_of(record)
    old = plain(body.get("OldImage", {**body["Keys"], "made up": {"BOOL": True}}))
    new = plain(body.get("NewImage", body["Keys"]))
    makers = {
        "INSERT": lambda: insert(new, **details),
        "MODIFY": lambda: modify(old, new, **details),
        "REMOVE": lambda: remove(old, expired="userIdentity" in record, **details),
    }
    return makers[record["eventName"]]()


def comparable(record: dict[str, Any]) -> str:
    """Return a record without values that only AWS knows, with sets in order."""
    body = {**record["dynamodb"], "SequenceNumber": "", "ApproximateCreationDateTime": 0, "SizeBytes": 0}
    arn = record["eventSourceARN"].partition("/stream/")[0]
    known = {**record, "eventID": "", "eventSourceARN": arn, "dynamodb": in_order(body)}
    return json.dumps(known, sort_keys=True)


def in_order(value: Any) -> Any:
    return json.loads(json.dumps(value), object_hook=with_sorted_sets)


def with_sorted_sets(attribute: dict[str, Any]) -> dict[str, Any]:
    """Sort sets, and write out the exponent of a number, which one file has."""
    parts = in_order_of_members(attribute)
    return {name: str(Decimal(part)) if name == "N" else part for name, part in parts.items()}


@pytest.mark.parametrize(("record", "file"), CAPTURED)
def test_a_record_equals_a_captured_one(record: dict[str, Any], file: str) -> None:
    assert comparable(rebuilt(record)) == comparable(record)


@pytest.mark.parametrize(("record", "file"), CAPTURED)
def test_size_and_time_are_as_captured(record: dict[str, Any], file: str) -> None:
    built, captured = rebuilt(record)["dynamodb"], record["dynamodb"]

    # some files count 230 and 129.5 a byte shorter than DynamoDB does
    assert built["SizeBytes"] == pytest.approx(captured["SizeBytes"], abs=2)
    assert built["ApproximateCreationDateTime"] == int(captured["ApproximateCreationDateTime"])


@pytest.mark.parametrize("view_type", ["NEW_AND_OLD_IMAGES", "KEYS_ONLY"])
def test_records_equal_a_real_dynamodbs(
    dynamodb_endpoint: str, view_type: Literal["NEW_AND_OLD_IMAGES", "KEYS_ONLY"]
) -> None:
    dynamodb, streams = clients(dynamodb_endpoint)
    name, stream = make_table(dynamodb, view_type)
    table = Table(name, "pk", view_type=view_type)

    before, after = write_three_times(dynamodb, name)
    real = read_stream(streams, stream, 3)

    built = [table.insert(before), table.modify(before, after), table.remove(after)]
    assert [change_in(record) for record in built] == [change_in(record) for record in real]


def test_numbers_equal_a_real_dynamodbs(dynamodb_endpoint: str) -> None:
    dynamodb, streams = clients(dynamodb_endpoint)
    name, stream = make_table(dynamodb, "NEW_AND_OLD_IMAGES")
    table = Table(name, "pk")
    items = [{"pk": str(place), "n": number} for place, number in enumerate(NUMBERS)]

    dynamodb.transact_write_items(
        TransactItems=[{"Put": {"TableName": name, "Item": encode(item)}} for item in items]
    )
    real = read_stream(streams, stream, len(items))

    built = [table.insert(item) for item in items]
    assert sorted(change_in(record) for record in built) == sorted(change_in(record) for record in real)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("", 0),
        ("\u00e9", 2),
        (b"abc", 3),
        (True, 1),
        (None, 1),
        (0, 1),
        (-1, 3),
        (100, 2),
        (230, 3),
        (1000, 2),
        (10010, 4),
        (Decimal("0.5"), 2),
        (Decimal("-0.1278"), 4),
        (Decimal("129.5"), 4),
        (Decimal("1.230"), 3),
        pytest.param({"a", "bcd"}, 4, id="two texts"),
        pytest.param({100, 230}, 5, id="two numbers"),
        pytest.param({b"abc", b"d"}, 4, id="two binaries"),
        ([], 3),
        ([b"abc", 1], 10),
        ({}, 3),
        ({"name": "b"}, 9),
    ],
    ids=str,
)
def test_values_have_dynamodbs_size(value: object, size: int) -> None:
    without, having = insert({"pk": "a"}), insert({"pk": "a", "v": value})

    assert having["dynamodb"]["SizeBytes"] - without["dynamodb"]["SizeBytes"] == len("v") + size


def change_in(record: Any) -> str:
    """Return the change in a record of either form, as comparable text."""
    body = {name: record["dynamodb"].get(name) for name in ("Keys", "NewImage", "OldImage", "SizeBytes")}
    text = json.dumps([record["eventName"], body], default=lambda binary: b64encode(binary).decode())
    return json.dumps(json.loads(text, object_hook=in_order_of_members), sort_keys=True)


def in_order_of_members(attribute: dict[str, Any]) -> dict[str, Any]:
    return {name: sorted(part) if name in {"SS", "NS", "BS"} else part for name, part in attribute.items()}


def test_a_simple_call_is_simple() -> None:
    seen: list[str] = []
    app = StreamApp("users")

    @app.on_insert(User)
    def welcome(change: Insert[User]) -> None:
        seen.append(change.new.user_id)

    app(event(insert(ADA, keys="userId")), None)

    assert seen == ["u-1815"]


def test_a_record_can_be_parsed() -> None:
    [record] = parse_event(event(modify(ADA, MOVED, keys="userId", table="Users", region="eu-west-1")))

    assert (record.kind, record.table, record.region) == ("MODIFY", "Users", "eu-west-1")
    assert record.keys == {"userId": "u-1815"}
    assert record.created_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_sequence_numbers_rise() -> None:
    first, second = parse_event(event(insert(ADA, keys="userId"), insert(ADA, keys="userId")))

    assert int(first.sequence_number) < int(second.sequence_number)
    assert first.event_id < second.event_id


def test_the_length_of_identifiers() -> None:
    record = insert(ADA, keys="userId")

    assert len(bytes.fromhex(record["eventID"])) == 16
    assert len(record["dynamodb"]["SequenceNumber"]) == 21


def test_tables_number_alike() -> None:
    first, second = Table("Users", "userId"), Table("Users", "userId")

    inserted_first = first.insert(ADA)

    assert inserted_first == second.insert(ADA)
    assert inserted_first["dynamodb"]["SequenceNumber"] == "300000000000000000001"
    assert first.modify(ADA, MOVED) == second.modify(ADA, MOVED)
    assert first.remove(MOVED, expired=True) == second.remove(MOVED, expired=True)


def test_ids_of_two_tables_differ() -> None:
    assert Table("A", "userId").insert(ADA)["eventID"] != Table("B", "userId").insert(ADA)["eventID"]


def test_a_table_has_region_and_view_type() -> None:
    table = Table("Users", "userId", view_type="KEYS_ONLY", region="us-east-1")

    record = table.insert(ADA, at=datetime(2026, 3, 1, tzinfo=UTC))

    assert "NewImage" not in record["dynamodb"]
    assert record["eventSourceARN"].startswith("arn:aws:dynamodb:us-east-1:123456789012:table/Users/stream/")
    assert record["dynamodb"]["ApproximateCreationDateTime"] == 1772323200


def test_pk_and_sk_are_the_default_key() -> None:
    record = insert(Device("d-1", 7))

    assert record["dynamodb"]["Keys"] == {"pk": {"S": "d-1"}, "sk": {"N": "7"}}


def test_an_item_may_have_no_sk() -> None:
    assert insert({"pk": 1})["dynamodb"]["Keys"] == {"pk": {"N": "1"}}


def test_binary_becomes_base64() -> None:
    item = {"pk": b"k", "row": [b"\xff", {"deep": b"\x00"}], "all": {b"\x01"}}

    image = insert(item)["dynamodb"]["NewImage"]

    assert b64decode(image["pk"]["B"]) == b"k"
    assert image["row"] == {"L": [{"B": "/w=="}, {"M": {"deep": {"B": "AA=="}}}]}
    assert image["all"] == {"BS": ["AQ=="]}


def test_a_record_is_json() -> None:
    record = insert(Device("d-1", 7))

    assert json.loads(json.dumps(record)) == record


@pytest.mark.parametrize("view_type", ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"])
def test_the_view_type_decides_images(view_type: ViewType) -> None:
    body = modify(ADA, MOVED, keys="userId", view_type=view_type)["dynamodb"]

    assert ("NewImage" in body) == (view_type in {"NEW_IMAGE", "NEW_AND_OLD_IMAGES"})
    assert ("OldImage" in body) == (view_type in {"OLD_IMAGE", "NEW_AND_OLD_IMAGES"})


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="Pass keys='userId'"):
        insert(ADA)


def test_an_item_must_have_its_key() -> None:
    with pytest.raises(ConfigurationError, match="no key attribute 'user_id'"):
        insert(ADA, keys=["user_id"])


MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "keys one by one": (lambda: Table("t", "pk", "sk"), "as one argument: Table('shop', ('pk', 'sk'))"),  # type: ignore[arg-type]
    "a misspelt view type": (
        lambda: Table(view_type="NEW_IMAGES"),  # type: ignore[arg-type]
        "view_type must be one of KEYS_ONLY, NEW_IMAGE, OLD_IMAGE, NEW_AND_OLD_IMAGES",
    ),
    "a view type of a record": (
        lambda: insert(ADA, keys="userId", view_type=None),  # type: ignore[arg-type]
        "view_type must be one of KEYS_ONLY",
    ),
    "an ARN for a table": (lambda: Table("arn:aws:dynamodb:x:1:table/t"), "the name of a table, not an ARN"),
    "no table": (lambda: Table(None), "the name of a table"),  # type: ignore[arg-type]
    "no Region": (lambda: Table(region=""), "region must be the name of a Region"),
    "three keys": (lambda: Table("t", ("a", "b", "c")), "one or two attributes"),
    "a key twice": (lambda: Table("t", ("pk", "pk")), "one or two attributes"),
    "a number for keys": (lambda: Table("t", 1), "keys must be names of attributes"),  # type: ignore[arg-type]
    "an empty name of a key": (lambda: insert(ADA, keys=""), "keys must be names of attributes"),
    "an unknown detail": (
        lambda: insert(ADA, key="userId"),  # type: ignore[call-arg]
        "a record has no 'key': its details are at, keys, region, table, view_type",
    ),
    "a field for a key": (
        lambda: insert(ADA, keys=["user_id"]),
        "name the key attributes as they are in the table, where the item has email, userId",
    ),
    "no attribute": (lambda: insert({}, keys="pk"), "where the item has no attributes"),
    "a key that is a bool": (lambda: insert({"pk": True}), "the key attribute 'pk' is BOOL"),
    "a key that is a map": (lambda: insert({"pk": {"S": "a"}}), "the key attribute 'pk' is M"),
    "an empty key": (lambda: insert({"pk": ""}), "the key attribute 'pk' is empty"),
    "a text for a moment": (lambda: insert(ADA, keys="userId", at="2026"), "a datetime with a time zone"),  # type: ignore[arg-type]
    "a list of records": (lambda: event([insert({"pk": "a"})]), "event(*records), not event(records)"),  # type: ignore[arg-type]
    "a tuple of records": (lambda: event((insert({"pk": "a"}),)), "event(*records), not event(records)"),  # type: ignore[arg-type]
    "an event": (lambda: event(event(insert({"pk": "a"}))), "this is an event: pass it to the app"),
    "an item": (lambda: event({"pk": "a"}), "this is an item: make its record with insert()"),
    "a model": (lambda: event(ADA), "event takes records, not User: make them with insert()"),  # type: ignore[arg-type]
    "a change": (lambda: event(inserted({"pk": "a"})), "event takes records, not Insert"),  # type: ignore[arg-type]
    "a read record": (lambda: event(inserted({"pk": "a"}).record), "pass the .raw of a StreamRecord"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_names_its_cure(name: str) -> None:
    mistake, cure = MISTAKES[name]

    with pytest.raises(ConfigurationError, match=re.escape(cure)) as refused:
        mistake()

    assert ADA.email not in str(refused.value)


def test_a_write_cannot_change_the_key() -> None:
    with pytest.raises(ConfigurationError, match="cannot change an item's key"):
        modify(ADA, User(userId="u-1816"), keys="userId")


def test_a_write_must_change_something() -> None:
    with pytest.raises(ConfigurationError, match="the items are equal"):
        modify(ADA, ADA, keys="userId")


def test_a_datetime_needs_a_time_zone() -> None:
    with pytest.raises(ConfigurationError, match="time zone"):
        insert(ADA, keys="userId", at=datetime(2026, 1, 1))  # noqa: DTZ001  # that is the mistake


def test_an_item_must_be_storable() -> None:
    with pytest.raises(InvalidItemError):
        insert({"pk": "a", "empty": set()})


def test_an_event_copies_its_records() -> None:
    record = insert(ADA, keys="userId")
    made = event(record)

    made["Records"][0]["eventName"] = "MODIFY"

    assert record["eventName"] == "INSERT"


def test_changes_hold_the_given_items() -> None:
    insertion = inserted(ADA, keys="userId")
    modification = modified(ADA, MOVED, keys="userId")
    removal = removed(ADA, expired=True, keys="userId")

    assert isinstance(insertion, Insert)
    assert isinstance(modification, Modify)
    assert isinstance(removal, Remove)
    assert (insertion.new, modification.old, modification.new, removal.old) == (ADA, ADA, MOVED, ADA)
    assert removal.expired


def test_states_hold_the_given_items() -> None:
    upsert, state = upserted(ADA, keys="userId"), latest(ADA, keys="userId")
    gone = latest(ADA, removed=True, keys="userId")

    assert (upsert.new, upsert.kind, state.item, gone.item) == (ADA, "INSERT", ADA, None)
    assert [len(each.records) for each in (state, gone)] == [1, 1]
    assert gone.keys == state.keys == {"userId": ADA.user_id}
    assert gone.record.kind == "REMOVE"


def test_a_removal_is_not_an_expiry() -> None:
    assert not removed(ADA, keys="userId").expired
    assert "userIdentity" not in Table("Users", "userId").remove(ADA)
    assert "userIdentity" in Table("Users", "userId").remove(ADA, expired=True)


def test_modify_makes_a_modification() -> None:
    assert modified(ADA, MOVED, keys="userId").record.kind == "MODIFY"
    assert Table("Users", "userId").modify(ADA, MOVED)["eventName"] == "MODIFY"


def test_the_default_table_has_defaults() -> None:
    alone, of_a_table = insert({"pk": "a"}), Table().insert({"pk": "a"})

    assert comparable(alone) == comparable(of_a_table)
    assert alone["eventID"][:16] != of_a_table["eventID"][:16]


def test_a_record_has_the_given_time() -> None:
    late = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=1)

    assert inserted(ADA, keys="userId", at=late).record.created_at == late


class Session(BaseModel):
    pk: str
    logins: int = 3
    expires_at: datetime = Field(alias="ttl")


NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SESSION = Session(pk="a", ttl=NOON)


@pytest.mark.parametrize(
    "item",
    [
        SESSION,
        {"pk": "a", "ttl": NOON},
        {"pk": "a", "expiresAt": CANARY},
        {"pk": "a", "TTL": "1793796183"},
        {"pk": "a", "time_to_live": NOON, "count": 99_999_999},
    ],
    ids=["model", "mapping", "text", "digits", "counter"],
)
def test_text_never_expires(item: object) -> None:
    with pytest.raises(ConfigurationError) as info:
        remove(item, expired=True)
    with pytest.raises(ConfigurationError, match="time to live removes no item"):
        Table("sessions").remove(item, expired=True)

    assert str(info.value).endswith(
        "is S, as a datetime is written: it needs seconds as a number. Give the model a field_serializer that"
        " returns int(moment.timestamp())"
    )
    assert CANARY not in str(info.value)
    assert remove(item)["eventName"] == "REMOVE"


@pytest.mark.parametrize(
    "item",
    [
        {"pk": "a"},
        {"pk": "a", "created_at": NOON},
        {"pk": "a", "ttl": 1793796183},
        {"pk": "a", "expiry_note": "soon", "delete_at": 1793796183},
        {"pk": "a", "ttl": None},
    ],
    ids=["unknown", "another moment", "number", "another name", "null"],
)
def test_other_items_may_expire(item: object) -> None:
    assert parse_event(event(remove(item, expired=True)))[0].expired
