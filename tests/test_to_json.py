"""`to_json` writes items, changes, records, images and plain values, and loses nothing."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections import UserDict, deque
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AnyUrl, Base64Bytes, BaseModel, Field, Json, SecretStr, computed_field, model_serializer

from ddbevents import (
    Change,
    ConfigurationError,
    InvalidItemError,
    InvalidRecordError,
    KeyChange,
    StreamApp,
    UnreadableRecord,
    decode,
    encode,
    parse_event,
    to_json,
)
from tests.dynamodb_faults import impatient_client
from tests.dynamodb_local import session
from tests.dynamodb_tables import make_table
from tests.stream import CANARY, batch, insert, modify, record, remove, shown, user
from tests.test_imports import modules_after

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

EXACT: Final = "12345678901234567890123456789012345678"


class Money(BaseModel):
    amount: Decimal = Field(validation_alias="a", serialization_alias="total")
    currency: str = "EUR"


class Order(BaseModel):
    order_id: str = Field(alias="orderId")
    price: Money
    lines: Json[list[int]] = []
    seal: Base64Bytes = b""
    raw: bytes = b""
    at: datetime | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def by_size(self) -> int:
        return len(self.lines)


class User(BaseModel):
    pk: str
    email: str


class UserKey(BaseModel):
    user_id: str = Field(alias="pk")


@dataclasses.dataclass
class Point:
    x: Decimal
    others: Any = None


class Pair(NamedTuple):
    first: int
    second: bytes


class Colour(Enum):
    RED = Decimal("1.10")


class Shade(StrEnum):
    DARK = "dark"


def test_an_item_has_its_serialization_aliases() -> None:
    item = Order.model_validate(
        {
            "orderId": "o-1",
            "price": {"a": EXACT},
            "lines": "[7, 9]",
            "seal": base64.b64encode(b"\xff" * 60),
            "raw": b"\xff\xfe",
            "at": datetime(2026, 1, 2, tzinfo=UTC),
        }
    )

    assert json.loads(to_json(item), parse_int=str) == {
        "orderId": "o-1",
        "price": {"total": EXACT, "currency": "EUR"},
        "lines": ["7", "9"],
        "seal": base64.b64encode(b"\xff" * 60).decode(),
        "raw": "//4=",
        "at": "2026-01-02T00:00:00Z",
        "by_size": "2",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ([True, False], "[true,false]"),
        (int(EXACT), EXACT),
        (-(10**300), f"-1{'0' * 300}"),
        (Decimal("7.50"), "7.50"),
        (Decimal(f"1.{EXACT}"), f"1.{EXACT}"),
        (Decimal("1E+125"), "1E+125"),
        (Decimal("-0"), "-0"),
        (0.1, "0.1"),
        (1e300, "1e+300"),
        ('Ærø "\\\n', r'"Ærø \"\\\n"'),
        ("\ud800\u2028\uffff", r'"\ud800\u2028\uffff"'),
        (b"\xff", '"/w=="'),
        (bytearray(b"a"), '"YQ=="'),
        (memoryview(b"a"), '"YQ=="'),
        ({"b", "a b", "a"}, '["a","a b","b"]'),
        ({10, 9, Decimal("9.5"), 1.25}, "[1.25,9,9.5,10]"),
        ({b"b", b"a"}, '["YQ==","Yg=="]'),
        (frozenset({("b", 1), ("a", 2)}), '[["a",2],["b",1]]'),
        (frozenset[str](), "[]"),
        ({1: "a", Decimal("2.5"): "b", Shade.DARK: 1}, '{"1":"a","2.5":"b","dark":1}'),
        ({date(2026, 1, 2): 1}, '{"2026-01-02":1}'),
        (UserDict({"a": 1}), '{"a":1}'),
        ((1, [2]), "[1,[2]]"),
        (Pair(1, b"a"), '[1,"YQ=="]'),
        (deque([Decimal("1.10")]), "[1.10]"),
        ((each for each in (1, 2)), "[1,2]"),
        (Colour.RED, "1.10"),
        (Point(Decimal("1.10"), [Point(Decimal(2))]), '{"x":1.10,"others":[{"x":2,"others":null}]}'),
        ({"m": [Money(a=Decimal("1.10"))]}, '{"m":[{"total":1.10,"currency":"EUR"}]}'),  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  # the alias for reading
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (AnyUrl("https://example.com/a"), '"https://example.com/a"'),
        (IPv4Network("10.0.0.0/8"), '"10.0.0.0/8"'),
        ({"price": {"N": "7.50"}, "raw": {"B": b"a"}}, '{"price":{"N":"7.50"},"raw":{"B":"YQ=="}}'),
    ],
    ids=shown,
)
def test_a_value_is_written_exactly(value: object, text: str) -> None:
    assert to_json(value) == text


def holding_itself() -> list[object]:
    value: list[object] = []
    value.append(value)
    return value


class Loop(BaseModel):
    inside: Any = None


class Failing(BaseModel):
    @model_serializer
    def write(self) -> dict[str, Any]:
        raise ValueError(CANARY)


def model_holding_itself() -> Loop:
    loop = Loop()
    loop.inside = [loop]
    return loop


REFUSED: Final[list[tuple[object, str]]] = [
    ({"a": [float("nan")]}, r"^a\[0\]: JSON has no NaN"),
    (Decimal("Infinity"), "JSON has no NaN and no infinity"),
    ([Decimal("sNaN")], "JSON has no NaN"),
    ({"a": 10**5000}, "an integer longer than Python writes as text"),
    ({"a": SecretStr(CANARY)}, "a secret is written only by a field_serializer"),
    (object(), "JSON has no type for object"),
    ({1: "a", "1": "b"}, "two names of a map are written alike"),
    ({None: 1}, "a name in a map is text or a number"),
    ({True: 1}, "a name in a map is text"),
    (holding_itself(), "a value that holds itself"),
    (model_holding_itself(), "a value that holds itself"),
    (Failing(), "pydantic cannot write it"),
    (
        UnreadableRecord(error=InvalidRecordError(""), identifier=None, keys=None, raw={}),
        "a record that cannot be read has no items",
    ),
]


@pytest.mark.parametrize(("value", "reason"), REFUSED, ids=range(len(REFUSED)))
@pytest.mark.usefixtures("no_collection")
def test_a_value_that_json_lacks_is_refused(value: object, reason: str) -> None:
    with pytest.raises(InvalidItemError, match=reason) as caught:
        to_json(value)

    assert CANARY not in str(caught.value)


def changes_of(*records: dict[str, Any]) -> list[Any]:
    app, changes = StreamApp("users"), list[Any]()

    @app.on_change(User)
    def note(change: Change[User]) -> None:
        changes.append(change)

    app(batch(*records))
    return changes


ADA, BOB = user("a", "ada@example.com"), user("a", "bob@example.com")
NEW, OLD = '{"pk":"a","email":"bob@example.com"}', '{"pk":"a","email":"ada@example.com"}'


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (insert(1, BOB), f'{{"kind":"INSERT","keys":{{"pk":"a"}},"new":{NEW}}}'),
        (modify(1, ADA, BOB), f'{{"kind":"MODIFY","keys":{{"pk":"a"}},"new":{NEW},"old":{OLD}}}'),
        (remove(1, ADA), f'{{"kind":"REMOVE","keys":{{"pk":"a"}},"old":{OLD}}}'),
    ],
)
def test_changes_and_their_records_are_alike(raw: dict[str, Any], text: str) -> None:
    [change] = changes_of(raw)

    assert to_json(change) == to_json(change.record) == to_json(parse_event(batch(raw))[0]) == text


def test_changes_stand_in_lists() -> None:
    changes = changes_of(insert(1, ADA), remove(2, ADA))

    assert to_json({"all": changes}) == f'{{"all":[{to_json(changes[0])},{to_json(changes[1])}]}}'


def test_a_change_of_keys_has_the_table_s_keys() -> None:
    [each] = parse_event(batch(record(1, "REMOVE", ADA, StreamViewType="KEYS_ONLY")))

    change = KeyChange(UserKey(pk="a"), each)

    assert to_json(change) == to_json(each) == '{"kind":"REMOVE","keys":{"pk":"a"}}'


NUMBERS: Final = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
VALUES: Final = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text() | st.binary() | st.sets(st.text()) | st.sets(NUMBERS),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4),
    max_leaves=10,
)


def read_by_json(value: Any) -> Any:
    """Return what a reader of JSON gets, numbers as Decimals."""
    match value:
        case dict():
            return {name: read_by_json(member) for name, member in value.items()}
        case list():
            return [read_by_json(member) for member in value]
        case set():
            return sorted(map(read_by_json, value))
        case bytes():
            return base64.b64encode(value).decode()
        case int() if not isinstance(value, bool):
            return Decimal(value)
        case _:
            return value


@given(VALUES)
def test_nothing_is_lost(value: object) -> None:
    text = to_json(value)

    assert text.isprintable() or "\x7f" not in text
    assert json.loads(text, parse_int=Decimal, parse_float=Decimal) == read_by_json(value)


@given(st.lists(NUMBERS | st.text() | st.binary(), unique=True))
def test_equal_sets_are_written_alike(members: list[Any]) -> None:
    assert to_json({*members}) == to_json({*reversed(members)})


def test_json_is_loaded_on_first_use() -> None:
    loaded = modules_after("import ddbevents")

    assert loaded.isdisjoint({"json", "ddbevents._codec._json"})


def test_a_class_that_changes_is_read_anew() -> None:
    class Later(BaseModel):
        number: int

    before = to_json(Later(number=1))
    Later.model_fields["number"].serialization_alias = "n"
    Later.model_rebuild(force=True)

    assert (before, to_json(Later(number=1))) == ('{"number":1}', '{"n":1}')


def test_a_model_that_is_not_complete_is_refused() -> None:
    class Waiting(BaseModel):
        other: Missing  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable]

    with pytest.raises(ConfigurationError, match="names a type that is not defined yet"):
        to_json(Waiting.model_construct(other=1))


@pytest.fixture
def client(dynamodb_endpoint: str) -> DynamoDBClient:
    return impatient_client(dynamodb_endpoint)


IMAGE: Final = {
    "pk": {"S": "a"},
    "raw": {"B": "//4="},
    "parts": {"BS": ["YQ==", "Yg=="]},
    "price": {"N": "7.5"},
    "more": {"M": {"raw": {"L": [{"B": "AA=="}, {"NULL": True}, {"NS": ["1", "2.5"]}]}}},
}


def stored(client: DynamoDBClient, table: str) -> dict[str, Any]:
    answer = client.get_item(TableName=table, Key={"pk": {"S": "a"}}, ConsistentRead=True)
    return decode(dict[str, Any], answer.get("Item", {}))


def test_an_image_is_copied_by_its_values(client: DynamoDBClient) -> None:
    table = make_table(client, "pk")
    values = decode(dict[str, Any], IMAGE)

    client.put_item(TableName=table, Item=encode(values))

    assert stored(client, table) == values


def test_boto3_s_table_takes_the_values(client: DynamoDBClient) -> None:
    table = make_table(client, "pk")
    values = decode(dict[str, Any], IMAGE)
    resource = boto3.session.Session(botocore_session=session()).resource(
        "dynamodb", endpoint_url=client.meta.endpoint_url, region_name="eu-central-1"
    )

    resource.Table(table).put_item(Item=values)

    assert stored(client, table) == values


def test_an_image_itself_stores_other_bytes(client: DynamoDBClient) -> None:
    table = make_table(client, "pk")

    client.put_item(TableName=table, Item=IMAGE)  # type: ignore[arg-type]  # as one would like to

    assert stored(client, table)["raw"] == b"//4="
