"""Events as AWS sends them, captured in files: how their records are read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel

from ddbevents import (
    Image,
    InvalidRecordError,
    KeyChange,
    Kind,
    StreamApp,
    StreamRecord,
    Value,
    ViewType,
    decode,
    decode_value,
    parse_event,
)

EVENTS = Path(__file__).parent / "events"
NEW = "NewImage"
OLD = "OldImage"


def load(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return event


class Stream(NamedTuple):
    table: str
    region: str
    view_type: ViewType


STREAMS = {
    "insert": Stream("Users", "eu-central-1", "NEW_AND_OLD_IMAGES"),
    "modify": Stream("Users", "eu-central-1", "NEW_AND_OLD_IMAGES"),
    "remove": Stream("Users", "eu-central-1", "NEW_AND_OLD_IMAGES"),
    "ttl_removal": Stream("Sessions", "eu-central-1", "NEW_AND_OLD_IMAGES"),
    "keys_only": Stream("Devices", "eu-west-1", "KEYS_ONLY"),
    "new_image": Stream("Newsletter", "eu-central-1", "NEW_IMAGE"),
    "old_image": Stream("Newsletter", "eu-central-1", "OLD_IMAGE"),
    "new_and_old_images": Stream("Newsletter", "eu-central-1", "NEW_AND_OLD_IMAGES"),
    "all_types": Stream("Specimens", "eu-central-1", "NEW_AND_OLD_IMAGES"),
    "several_keys": Stream("Orders", "eu-central-1", "NEW_AND_OLD_IMAGES"),
    "global_table_2017": Stream("Profiles", "us-west-2", "NEW_AND_OLD_IMAGES"),
}


class Captured(NamedTuple):
    """A record of a file, with the values that anyone can read in that file."""

    file: str
    place: int
    kind: Kind
    key: dict[str, Any]
    images: tuple[str, ...]
    seconds: float
    size_bytes: int
    expired: bool = False

    def name(self) -> str:
        return f"{self.file}-{self.place}-{self.kind}"

    def raw(self) -> dict[str, Any]:
        record: dict[str, Any] = load(self.file)["Records"][self.place]
        return record

    def parsed(self) -> StreamRecord:
        return parse_event(load(self.file))[self.place]


USER = {"userId": "u-1815"}
SUBSCRIBER = {"address": "grace@example.com"}
ADAS_ORDER = {"pk": "customer#1815", "sk": "order#2025-0007"}
GRACE = {"pk": "customer#1906", "sk": "profile"}
GRACES_ORDER = {"pk": "customer#1906", "sk": "order#2025-0008"}

CAPTURED = [
    Captured("insert", 0, "INSERT", USER, (NEW,), 1763906531, 110),
    Captured("modify", 0, "MODIFY", USER, (NEW, OLD), 1763906594, 217),
    Captured("remove", 0, "REMOVE", USER, (OLD,), 1763906702, 119),
    Captured("ttl_removal", 0, "REMOVE", {"token": "s-7f3a9c"}, (OLD,), 1763910075, 47, expired=True),
    Captured("keys_only", 0, "INSERT", {"site": "hamburg-2", "device": 17}, (), 1763907001, 21),
    Captured("keys_only", 1, "MODIFY", {"site": "hamburg-2", "device": 4}, (), 1763907001, 21),
    Captured("keys_only", 2, "REMOVE", {"site": "hamburg-2", "device": 230}, (), 1763907004, 21),
    Captured("new_image", 0, "INSERT", SUBSCRIBER, (NEW,), 1763907482, 78),
    Captured("new_image", 1, "MODIFY", SUBSCRIBER, (NEW,), 1763907609, 111),
    Captured("new_image", 2, "REMOVE", SUBSCRIBER, (), 1763911082, 24),
    Captured("old_image", 0, "INSERT", SUBSCRIBER, (), 1763907482, 24),
    Captured("old_image", 1, "MODIFY", SUBSCRIBER, (OLD,), 1763907609, 78),
    Captured("old_image", 2, "REMOVE", SUBSCRIBER, (OLD,), 1763911082, 111),
    Captured("new_and_old_images", 0, "INSERT", SUBSCRIBER, (NEW,), 1763907482, 78),
    Captured("new_and_old_images", 1, "MODIFY", SUBSCRIBER, (NEW, OLD), 1763907609, 165),
    Captured("new_and_old_images", 2, "REMOVE", SUBSCRIBER, (OLD,), 1763911082, 111),
    Captured("all_types", 0, "INSERT", {"pk": "specimen#1"}, (NEW,), 1763908800.5, 357),
    Captured("several_keys", 0, "INSERT", ADAS_ORDER, (NEW,), 1763909100, 158),
    Captured("several_keys", 1, "INSERT", GRACE, (NEW,), 1763909100, 98),
    Captured("several_keys", 2, "INSERT", GRACES_ORDER, (NEW,), 1763909101, 125),
    Captured("several_keys", 3, "MODIFY", ADAS_ORDER, (NEW, OLD), 1763909107, 284),
    Captured("several_keys", 4, "MODIFY", GRACE, (NEW, OLD), 1763909107, 175),
    Captured("several_keys", 5, "REMOVE", ADAS_ORDER, (OLD,), 1763909130, 158),
    Captured("several_keys", 6, "MODIFY", GRACES_ORDER, (NEW, OLD), 1763909130, 223),
    Captured("global_table_2017", 0, "INSERT", {"pk": "u-1912"}, (NEW,), 1763909520, 31),
    Captured("global_table_2017", 1, "MODIFY", {"pk": "u-1912"}, (NEW, OLD), 1763909521, 127),
]

each_record = pytest.mark.parametrize("captured", CAPTURED, ids=Captured.name)
each_file = pytest.mark.parametrize("file", STREAMS)


def test_every_record_is_tested() -> None:
    records = {path.stem: len(load(path.stem)["Records"]) for path in EVENTS.glob("*.json")}

    assert records == {file: sum(captured.file == file for captured in CAPTURED) for file in STREAMS}


@each_file
def test_sequence_numbers_rise(file: str) -> None:
    numbers = [int(record.sequence_number) for record in parse_event(load(file))]

    assert numbers == sorted(set(numbers))


@each_file
def test_event_ids_are_unique(file: str) -> None:
    records = parse_event(load(file))

    assert len({record.event_id for record in records}) == len(records)


@each_record
def test_kind_and_key_are_read(captured: Captured) -> None:
    record = captured.parsed()

    assert (record.kind, record.keys) == (captured.kind, captured.key)


@each_record
def test_the_view_type_decides_the_images(captured: Captured) -> None:
    body = captured.raw()["dynamodb"]

    record = captured.parsed()

    assert tuple(name for name in (NEW, OLD) if name in body) == captured.images
    assert (record.new_image is not None, record.old_image is not None) == (
        NEW in captured.images,
        OLD in captured.images,
    )
    assert record.view_type == STREAMS[captured.file].view_type


@each_record
def test_images_are_kept_as_sent(captured: Captured) -> None:
    raw = captured.raw()

    record = captured.parsed()

    assert record.new_image == raw["dynamodb"].get(NEW)
    assert record.old_image == raw["dynamodb"].get(OLD)
    assert record.raw == raw


@each_record
def test_created_at_is_in_utc(captured: Captured) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=captured.seconds)

    assert str(captured.parsed().created_at) == str(moment)


@each_record
def test_table_region_and_size_are_read(captured: Captured) -> None:
    record = captured.parsed()

    assert (record.table, record.region) == STREAMS[captured.file][:2]
    assert record.size_bytes == captured.size_bytes


@each_record
def test_only_time_to_live_expires(captured: Captured) -> None:
    assert captured.parsed().expired is captured.expired


@each_record
def test_the_number_is_the_identifier(captured: Captured) -> None:
    raw = captured.raw()

    record = captured.parsed()

    assert record.identifier == record.sequence_number == raw["dynamodb"]["SequenceNumber"]
    assert record.event_id == raw["eventID"]
    assert record.source_arn == raw["eventSourceARN"]


@each_record
def test_the_repr_hides_the_item(captured: Captured) -> None:
    record = captured.parsed()

    assert repr(record) == f"<StreamRecord {record.kind} {record.sequence_number} of {record.table}>"


def test_one_key_may_have_every_kind() -> None:
    records = parse_event(load("several_keys"))

    assert [record.kind for record in records if record.keys == ADAS_ORDER] == ["INSERT", "MODIFY", "REMOVE"]


# records that differ from those in the files


def changed(name: str, **fields: Any) -> dict[str, Any]:
    """Return an event of one record with other `dynamodb` fields; None removes a field."""
    event = load(name)
    body = event["Records"][0]["dynamodb"]
    body.update(fields)
    event["Records"][0]["dynamodb"] = {field: value for field, value in body.items() if value is not None}
    return event


def test_created_at_may_be_missing() -> None:
    [record] = parse_event(changed("insert", ApproximateCreationDateTime=None))

    assert record.created_at is None


@pytest.mark.parametrize(
    ("moment", "read"),
    [
        (1_774_379_199, "2026-03-24 19:06:39+00:00"),
        (1_774_379_199.5, "2026-03-24 19:06:39.500000+00:00"),
        (Decimal("1774379199.25"), "2026-03-24 19:06:39.250000+00:00"),
        (1_774_379_199_746, "2026-03-24 19:06:39.746000+00:00"),
        (1_774_379_199_746_598, "2026-03-24 19:06:39.746598+00:00"),
        (-1, "1969-12-31 23:59:59+00:00"),
        (10**11 - 1, "5138-11-16 09:46:39+00:00"),
        (10**11, "1973-03-03 09:46:40+00:00"),
        (10**14 - 1_000, "5138-11-16 09:46:39+00:00"),
        (10**14, "1973-03-03 09:46:40+00:00"),
        (10**17 - 10**6, "5138-11-16 09:46:39+00:00"),
    ],
    ids=str,
)
def test_the_magnitude_is_the_unit_of_time(moment: object, read: str) -> None:
    [record] = parse_event(changed("insert", ApproximateCreationDateTime=moment))

    assert str(record.created_at) == read


@pytest.mark.parametrize(("file", "image"), [("insert", OLD), ("remove", NEW), ("ttl_removal", NEW)])
def test_an_image_may_be_null(file: str, image: str) -> None:
    event = load(file)
    event["Records"][0]["dynamodb"][image] = None

    [absent] = parse_event(load(file))
    assert parse_event(event) == [absent._replace(raw=event["Records"][0])]


def test_long_sequence_numbers_are_answered() -> None:
    numbers = [f"{'4' * 55}{digit}" for digit in (7, 8, 9)]
    events = [changed("insert", SequenceNumber=number)["Records"][0] for number in numbers]
    app = StreamApp()

    @app.on_keys(dict)
    def handle(change: KeyChange[dict[str, Any]]) -> None:
        assert change.record.sequence_number != numbers[1]

    answer = app({"Records": [{**event, "eventID": str(n)} for n, event in enumerate(events)]})

    assert answer == {"batchItemFailures": [{"itemIdentifier": numbers[1]}]}


def test_the_size_may_be_missing() -> None:
    [record] = parse_event(changed("insert", SizeBytes=None))

    assert record.size_bytes is None


def test_a_new_view_type_is_no_error() -> None:
    [record] = parse_event(changed("insert", StreamViewType="NEW_IMAGE_AND_MORE"))

    assert record.view_type is None


def test_a_new_event_version_is_no_error() -> None:
    event = load("insert")
    event["Records"][0]["eventVersion"] = "1.2"

    assert len(parse_event(event)) == 1


@pytest.mark.parametrize(
    ("file", "image"),
    [("insert", NEW), ("modify", NEW), ("modify", OLD), ("remove", OLD), ("new_image", NEW)],
)
def test_a_promised_image_must_be_there(file: str, image: str) -> None:
    with pytest.raises(InvalidRecordError) as caught:
        parse_event(changed(file, **{image: None}))

    assert caught.value.path == ("dynamodb", image)
    assert caught.value.index == 0


@pytest.mark.parametrize(
    "identity",
    [
        None,
        {},
        "dynamodb.amazonaws.com",
        {"type": "Service"},
        {"principalId": "dynamodb.amazonaws.com"},
        {"type": "User", "principalId": "dynamodb.amazonaws.com"},
        {"type": "Service", "principalId": "lambda.amazonaws.com"},
    ],
    ids=["null", "empty", "text", "no principal", "no type", "a user", "another service"],
)
def test_other_identities_do_not_expire(identity: object) -> None:
    event = load("ttl_removal")
    event["Records"][0]["userIdentity"] = identity

    [record] = parse_event(event)

    assert not record.expired


# all ten types

ALL_TYPES: dict[str, Value] = {
    "pk": "specimen#1",
    "text": "naïve café 🙂",
    "empty_text": "",
    "integer": 42,
    "negative": -7,
    "fraction": Decimal("3.14159"),
    "exponent": Decimal("1E-130"),
    "exact": 12345678901234567890123456789012345678,
    "binary": b"foobar\x00\xff",
    "empty_binary": b"",
    "texts": {"red", "green", "blue"},
    "numbers": {1, Decimal("2.5"), -3},
    "binaries": {b"\x01\x02", b"\x03"},
    "yes": True,
    "no": False,
    "nothing": None,
    "row": ["first", 2, True, None, [b"\x00"], {"deep": Decimal("0.1")}],
    "empty_row": [],
    "home": {
        "city": "London",
        "position": {"latitude": Decimal("51.5074"), "longitude": Decimal("-0.1278")},
        "tags": {"home"},
        "history": [{"year": 1835}],
    },
    "empty_home": {},
}


class Position(BaseModel):
    latitude: Decimal
    longitude: float


class Year(BaseModel):
    year: int


class Place(BaseModel):
    city: str
    position: Position
    tags: frozenset[str]
    history: list[Year]


class Specimen(BaseModel):
    pk: str
    text: str
    empty_text: str
    integer: int
    negative: Decimal
    fraction: float
    exponent: Decimal
    exact: int
    binary: bytes
    empty_binary: bytes
    texts: set[str]
    numbers: set[Decimal]
    binaries: frozenset[bytes]
    yes: bool
    no: bool
    nothing: str | None
    row: tuple[Any, ...]
    empty_row: list[int]
    home: Place
    empty_home: dict[str, int]


def all_types_image() -> Image:
    [record] = parse_event(load("all_types"))
    assert record.new_image is not None
    return record.new_image


def test_the_file_has_all_ten_types() -> None:
    image = all_types_image()

    assert image.keys() == ALL_TYPES.keys()
    assert {tag for attribute in image.values() for tag in attribute} == {
        *("S", "N", "B", "SS", "NS", "BS", "M", "L", "BOOL", "NULL")
    }


@pytest.mark.parametrize("name", ALL_TYPES)
def test_each_attribute_has_its_value(name: str) -> None:
    value = decode_value(all_types_image()[name])

    assert value == ALL_TYPES[name]
    assert type(value) is type(ALL_TYPES[name])


def test_numbers_are_int_or_decimal() -> None:
    image = all_types_image()

    assert str(decode_value(image["exact"])) == "12345678901234567890123456789012345678"
    assert repr(decode_value(image["exponent"])) == "Decimal('1E-130')"
    assert repr(decode_value(image["fraction"])) == "Decimal('3.14159')"


def test_the_model_decides_the_types() -> None:
    specimen = decode(Specimen, all_types_image())

    assert specimen == Specimen(
        pk="specimen#1",
        text="naïve café 🙂",
        empty_text="",
        integer=42,
        negative=Decimal(-7),
        fraction=3.14159,
        exponent=Decimal("1E-130"),
        exact=12345678901234567890123456789012345678,
        binary=b"foobar\x00\xff",
        empty_binary=b"",
        texts={"red", "green", "blue"},
        numbers={Decimal(1), Decimal("2.5"), Decimal(-3)},
        binaries=frozenset({b"\x01\x02", b"\x03"}),
        yes=True,
        no=False,
        nothing=None,
        row=("first", 2, True, None, [b"\x00"], {"deep": Decimal("0.1")}),
        empty_row=[],
        home=Place(
            city="London",
            position=Position(latitude=Decimal("51.5074"), longitude=-0.1278),
            tags=frozenset({"home"}),
            history=[Year(year=1835)],
        ),
        empty_home={},
    )
    assert (type(specimen.negative), type(specimen.fraction)) == (Decimal, float)
    assert {type(number) for number in specimen.numbers} == {Decimal}
    assert (type(specimen.home.position.longitude), type(specimen.home.tags)) == (float, frozenset)


# global tables of 2017


class Profile(BaseModel, extra="forbid"):
    pk: str
    name: str


def test_replication_attributes_are_hidden() -> None:
    _, replicated = parse_event(load("global_table_2017"))
    assert replicated.new_image is not None

    assert {name for name in replicated.new_image if name.startswith("aws:rep:")} == {
        *("aws:rep:deleting", "aws:rep:updatetime", "aws:rep:updateregion")
    }
    assert decode(Profile, replicated.new_image) == Profile(pk="u-1912", name="Alan Turing")


# boto3's get_records


def from_boto3() -> dict[str, Any]:
    """Return the answer of boto3's `get_records`: with bytes, a datetime, other names, and no ARN."""
    return {
        "Records": [
            {
                "eventID": "a8e4f0de6b0f4d1f9f5c2a53d9a3b0c7",
                "eventName": "REMOVE",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "eu-central-1",
                "dynamodb": {
                    "ApproximateCreationDateTime": datetime(
                        2025, 11, 23, 16, 1, 15, tzinfo=timezone(timedelta(hours=1))
                    ),
                    "Keys": {"id": {"B": b"\x00\x01"}},
                    "OldImage": {
                        "id": {"B": b"\x00\x01"},
                        "photo": {"B": b"not base64!"},
                        "parts": {"BS": [b"a", b"b"]},
                        "ttl": {"N": "1763908931"},
                    },
                    "SequenceNumber": "000000000000000000042",
                    "SizeBytes": 47,
                    "StreamViewType": "NEW_AND_OLD_IMAGES",
                },
                "userIdentity": {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"},
            }
        ],
        "NextShardIterator": "arn:aws:dynamodb:eu-central-1:123456789012:table/Photos/stream/x|1|AAAA",
        "ResponseMetadata": {"HTTPStatusCode": 200},
    }


def test_boto3_records_are_read() -> None:
    [record] = parse_event(from_boto3())

    assert record.keys == {"id": b"\x00\x01"}
    assert str(record.created_at) == "2025-11-23 15:01:15+00:00"
    assert record.expired
    assert record.identifier == "000000000000000000042"
    assert record.region == "eu-central-1"
    assert (record.source_arn, record.table) == (None, None)


def test_boto3_binary_is_kept_as_is() -> None:
    [record] = parse_event(from_boto3())
    assert record.old_image is not None

    assert decode(dict[str, Any], record.old_image) == {
        "id": b"\x00\x01",
        "photo": b"not base64!",
        "parts": {b"a", b"b"},
        "ttl": 1763908931,
    }


def test_boto3_removals_lack_an_identity() -> None:
    event = from_boto3()
    del event["Records"][0]["userIdentity"]

    [record] = parse_event(event)

    assert not record.expired
