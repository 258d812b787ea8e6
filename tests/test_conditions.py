"""Conditions mean to the library what they mean to DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from boto3.dynamodb.conditions import Attr as Boto3Attr
from boto3.dynamodb.conditions import ConditionExpressionBuilder
from pydantic import BaseModel

from ddbevents import (
    Attr,
    Condition,
    ConfigurationError,
    Insert,
    InvalidItemError,
    Outcome,
    StreamApp,
    Transaction,
    TransactionError,
    encode,
    encode_value,
)
from ddbevents.stores import MemoryStore
from tests.dynamodb_faults import impatient_client
from tests.dynamodb_tables import make_table
from tests.stream import CANARY, batch, insert

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

ITEM: dict[str, Any] = {
    "pk": "item",
    "text": "hello",
    "empty": "",
    "number": 7,
    "price": Decimal("9.90"),
    "raw": b"hello",
    "flag": True,
    "nothing": None,
    "texts": {"a", "b"},
    "numbers": {1, 2.5},
    "raws": {b"a"},
    "lines": [{"sku": "x"}, 2, "a"],
    "address": {"city": "Bern", "zip": 3000},
}

NAMES = [
    "text",
    "empty",
    "number",
    "price",
    "raw",
    "flag",
    "nothing",
    "texts",
    "numbers",
    "raws",
    "lines",
    "absent",
]
PATHS = [
    "address.city",
    "address.zip",
    "address.absent",
    "lines[0].sku",
    "lines[1]",
    "lines[9]",
    "text.inside",
    "lines.x",
]
VALUES = [
    "hello",
    "a",
    "",
    7,
    1,
    2.5,
    b"hello",
    b"a",
    True,
    None,
    {"a", "b"},
    {1, 2.5},
    ["x"],
    {"city": "Bern", "zip": 3000},
]
ORDERED = ["hello", "a", "", 7, 9, b"hello", b"a"]


class ItemStore:
    """A store with one item, which conditions are tested on."""

    def __init__(self, item: dict[str, Any]) -> None:
        self.store = MemoryStore()
        self.store.commit("item", self.written(item), patience=timedelta(seconds=5))

    def written(self, item: dict[str, Any]) -> Transaction:
        transaction = Transaction()
        attributes = {name: value for name, value in item.items() if name != "pk"}
        transaction.update("items", {"pk": item["pk"]}, set=attributes)
        return transaction

    def matches(self, condition: Condition) -> bool:
        """Return whether a check of the item with this condition can be committed."""
        transaction = Transaction()
        transaction.check("items", {"pk": "item"}, when=condition)
        try:
            return self.store.commit(str(uuid4()), transaction, patience=timedelta(seconds=5))
        except TransactionError:
            return False


def every_comparison(attr: Any) -> Iterator[Any]:
    """Yield the same conditions made with our `Attr` and with boto3's, whose methods have the same names."""
    for name in [*NAMES, *PATHS, "address"]:
        yield attr(name).exists()
        yield attr(name).not_exists()
        yield attr(name).is_in(VALUES[:4])
        yield ~attr(name).eq("hello")
        yield attr(name).eq("hello") | attr(name).exists() & attr("number").gt(3)
        for value in VALUES:
            yield attr(name).eq(value)
            yield attr(name).ne(value)
            yield attr(name).contains(value)
        for value in ORDERED:
            yield attr(name).lt(value)
            yield attr(name).lte(value)
            yield attr(name).gt(value)
            yield attr(name).gte(value)
            yield attr(name).between(value, value)
        for value in ["he", "", b"he"]:
            yield attr(name).begins_with(value)


def test_conditions_are_dynamodbs(dynamodb_endpoint: str) -> None:
    dynamodb = impatient_client(dynamodb_endpoint)
    table = make_table(dynamodb, "pk")
    dynamodb.put_item(TableName=table, Item=encode(ITEM))
    store = ItemStore(ITEM)
    ours = list(every_comparison(Attr))
    theirs = list(every_comparison(Boto3Attr))

    answers = [dynamodb_says(dynamodb, table, condition) for condition in theirs]

    assert len(ours) == len(theirs) > 1_500
    assert [c for c, answer in zip(ours, answers, strict=True) if answer is not store.matches(c)] == []


def dynamodb_says(dynamodb: DynamoDBClient, table: str, condition: Any) -> bool:
    built = ConditionExpressionBuilder().build_expression(condition)
    found = dynamodb.scan(
        TableName=table,
        FilterExpression=built.condition_expression,
        ExpressionAttributeNames=built.attribute_name_placeholders,
        **values(built.attribute_value_placeholders),
    )
    return found["Count"] == 1


def values(placeholders: dict[str, Any]) -> dict[str, Any]:
    encoded = {name: encode_value(value) for name, value in placeholders.items()}
    return {"ExpressionAttributeValues": encoded} if encoded else {}


@pytest.mark.parametrize(
    "name", ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[-1]", "a[9999999999]", "[0]", "a]b"]
)
def test_a_name_is_a_path(name: str) -> None:
    with pytest.raises(ConfigurationError, match="is not an attribute path"):
        Attr(name)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda a: a.begins_with(1), "begins_with takes text or bytes"),
        (lambda a: a.is_in([]), "1 to 100 values"),
        (lambda a: a.is_in(range(101)), "1 to 100 values"),
        (lambda a: a.is_in("abc"), "1 to 100 values"),
        (lambda a: a.is_in({"a": 1}), "1 to 100 values"),
        (lambda a: a.is_in(5), "1 to 100 values"),
        (lambda a: a.lt(None), "lt takes text, a number or bytes"),
        (lambda a: a.between(1, "a"), "between takes text, a number or bytes"),
        (lambda a: a.eq(set()), "eq cannot compare with this value"),
        (lambda a: a.eq(object()), "eq cannot compare with this value"),
    ],
    ids=[
        "number as prefix",
        "no choice",
        "101 choices",
        "text",
        "map",
        "number",
        "NULL",
        "two types",
        "empty set",
        "object",
    ],
)
def test_an_operand_must_be_comparable(make: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        make(Attr("a"))


class Item(BaseModel):
    pk: str


def process_where(condition: Condition, image: dict[str, Any]) -> Any:
    """Return the report of one insert that a handler takes where the condition is true."""
    app = StreamApp()

    @app.on_insert(Item, where=condition)
    def handle(change: Insert[Item]) -> None: ...

    [report] = app.process(batch(insert(1, image))).records
    return report


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        (Attr("bad").eq(1), ("bad",)),
        (Attr("bad").lt(1), ("bad",)),
        (Attr("bad").contains("x"), ("bad",)),
        (Attr("list").contains("x"), ("list", 0)),
        (Attr("two.inside").exists(), ("two",)),
        (~Attr("bad").begins_with("x"), ("bad",)),
    ],
)
def test_a_malformed_attribute_fails(condition: Condition, path: tuple[str | int, ...]) -> None:
    malformed = {"bad": {"N": CANARY}, "list": {"L": [{"B": "!!"}]}, "two": {"M": {}, "S": CANARY}}

    error = process_where(condition, {"pk": {"S": "a"}, **malformed}).error

    assert isinstance(error, InvalidItemError)
    assert error.path == ("dynamodb", "NewImage", *path)
    assert CANARY not in str(error)


def test_other_attributes_may_be_malformed() -> None:
    image = {"pk": {"S": "a"}, "good": {"N": "1"}, "bad": {"N": CANARY}}

    assert process_where(Attr("good").eq(1), image).outcome is Outcome.HANDLED


def test_a_long_chain_is_flat() -> None:
    absent = [Attr(f"x{number}") for number in range(5_000)]
    both = reduce(and_, (attr.not_exists() for attr in absent), Attr("pk").exists())
    either = reduce(lambda chain, attr: attr.exists() | chain, absent, Attr("pk").not_exists())

    assert ItemStore(ITEM).matches(both & ~either)
    assert ~~both == both


def test_a_condition_has_no_truth_value() -> None:
    with pytest.raises(ConfigurationError, match="combine conditions with &"):
        _ = Attr("a").eq(1) and Attr("b").eq(2)


@pytest.mark.parametrize("junction", [and_, or_])
def test_a_condition_joins_conditions(junction: Any) -> None:
    with pytest.raises(ConfigurationError, match="only be combined with another condition"):
        junction(Attr("a").eq(1), True)  # noqa: FBT003  # what people write by mistake


def test_conditions_are_values() -> None:
    assert Attr("a").eq(1) & Attr("b").exists() == Attr("a").eq(1) & Attr("b").exists()
    assert Attr("a").eq(1) != Attr("a").eq(2)
