"""Handlers get real stream records of a real DynamoDB."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from pydantic import BaseModel

from ddbevents import Change, Insert, KeyChange, Modify, Remove, StreamApp, encode
from ddbevents.stores import MemoryStore
from tests.dynamodb_local import clients, read_stream
from tests.stream import Json

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class Inner(BaseModel):
    name: str
    sizes: list[int]


class Everything(BaseModel):
    pk: str
    number: int
    price: Decimal
    ratio: float
    huge: Decimal
    photo: bytes
    paid: bool
    nothing: None
    texts: set[str]
    numbers: set[Decimal]
    binaries: set[bytes]
    mixed: list[Any]
    inner: Inner
    free: dict[str, Any]


ITEM = Everything(
    pk="item",
    number=12345678901234567890123456789012345678,
    price=Decimal("9.90"),
    ratio=0.1,
    huge=Decimal("9.9999999999999999999999999999999999999E+125"),
    photo=bytes(range(256)),
    paid=True,
    nothing=None,
    texts={"a", "ü", "😀"},
    numbers={Decimal(1), Decimal("2.5"), Decimal("-1E-130")},
    binaries={b"", b"\x00"},
    mixed=["a", 1, Decimal("1.5"), None, [], {"x": {b"y"}}],
    inner=Inner(name="", sizes=[1, 2]),
    free={"deep": {"er": [[[]]]}},
)


def make_table(
    dynamodb: DynamoDBClient, view_type: Literal["NEW_AND_OLD_IMAGES", "KEYS_ONLY"]
) -> tuple[str, str]:
    table = f"items-{uuid4()}"
    made = dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view_type},
    )
    return table, made["TableDescription"].get("LatestStreamArn", "")


def write_three_times(dynamodb: DynamoDBClient, table: str) -> tuple[Everything, Everything]:
    """Put, change and delete one item that has all ten types."""
    changed = ITEM.model_copy(update={"number": -1, "texts": {"b"}})
    dynamodb.put_item(TableName=table, Item=encode(ITEM))
    dynamodb.put_item(TableName=table, Item=encode(changed))
    dynamodb.delete_item(TableName=table, Key={"pk": {"S": "item"}})
    return ITEM, changed


def test_handlers_get_all_ten_types(dynamodb_endpoint: str) -> None:
    dynamodb, streams = clients(dynamodb_endpoint)
    table, stream = make_table(dynamodb, "NEW_AND_OLD_IMAGES")
    app = StreamApp(store=MemoryStore())
    seen: list[tuple[object, ...]] = []

    @app.on_change(Everything)
    def note(change: Change[Everything]) -> None:
        match change:
            case Insert(new=new):
                seen.append(("insert", new))
            case Modify(old=old, new=new):
                seen.append(("modify", old, new, change.changed))
            case Remove(old=old):  # pragma: no branch  # there is no fourth kind
                seen.append(("remove", old, change.expired))

    before, after = write_three_times(dynamodb, table)
    event: Json = {"Records": read_stream(streams, stream, 3)}

    assert app(event) == {"batchItemFailures": []}
    assert seen == [
        ("insert", before),
        ("modify", before, after, frozenset({"number", "texts"})),
        ("remove", after, False),
    ]
    assert app.process(event).already_handled == 3


class Key(BaseModel):
    pk: str


def test_keys_only_gives_keys_and_kinds(dynamodb_endpoint: str) -> None:
    dynamodb, streams = clients(dynamodb_endpoint)
    table, stream = make_table(dynamodb, "KEYS_ONLY")
    app = StreamApp()
    seen: list[tuple[str, str]] = []

    @app.on_keys(Key)
    async def note(change: KeyChange[Key]) -> None:
        seen.append((change.kind, change.keys.pk))

    write_three_times(dynamodb, table)

    assert app({"Records": read_stream(streams, stream, 3)}) == {"batchItemFailures": []}
    assert seen == [("INSERT", "item"), ("MODIFY", "item"), ("REMOVE", "item")]
