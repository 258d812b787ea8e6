from __future__ import annotations

from collections.abc import Iterator
from operator import and_, or_
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from boto3.dynamodb.conditions import Attr as Boto3Attr
from boto3.dynamodb.conditions import ConditionExpressionBuilder

from ddbevents import Attr, Condition, ConfigurationError, InvalidItemError, encode_value
from ddbevents._conditions import matches
from tests.dynamodb_local import clients
from tests.stream import CANARY

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

ITEM: dict[str, Any] = {
    "pk": {"S": "item"},
    "text": {"S": "hello"},
    "empty": {"S": ""},
    "number": {"N": "7"},
    "price": {"N": "9.90"},
    "raw": {"B": b"hello"},
    "flag": {"BOOL": True},
    "nothing": {"NULL": True},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2.5"]},
    "raws": {"BS": [b"a"]},
    "lines": {"L": [{"M": {"sku": {"S": "x"}}}, {"N": "2"}, {"S": "a"}]},
    "address": {"M": {"city": {"S": "Bern"}, "zip": {"N": "3000"}}},
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


def every_comparison(attr: Any) -> Iterator[Any]:
    """The same conditions of our `Attr` and of boto3's, which have the same names."""
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


def test_conditions_mean_what_they_mean_to_dynamodb(dynamodb_endpoint: str) -> None:
    dynamodb, _ = clients(dynamodb_endpoint)
    table = f"conditions-{uuid4()}"
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName=table, Item=ITEM)
    ours = list(every_comparison(Attr))
    theirs = list(every_comparison(Boto3Attr))

    answers = [dynamodb_says(dynamodb, table, condition) for condition in theirs]

    assert len(ours) == len(theirs) > 1_500
    assert [c for c, answer in zip(ours, answers, strict=True) if answer is not matches(c, ITEM)] == []


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
def test_a_name_that_is_no_path_is_refused(name: str) -> None:
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
def test_an_operand_that_dynamodb_cannot_compare_with_is_refused(make: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        make(Attr("a"))


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
def test_a_malformed_attribute_that_is_looked_at_is_an_error(
    condition: Condition, path: tuple[str | int, ...]
) -> None:
    image = {"bad": {"N": CANARY}, "list": {"L": [{"B": "!!"}]}, "two": {"M": {}, "S": CANARY}}

    with pytest.raises(InvalidItemError) as refused:
        matches(condition, image)

    assert refused.value.path == path
    assert CANARY not in str(refused.value)


def test_a_malformed_attribute_that_is_not_looked_at_does_no_harm() -> None:
    assert matches(Attr("good").eq(1), {"good": {"N": "1"}, "bad": {"N": CANARY}})


def test_a_long_chain_is_no_deep_one() -> None:
    both, either = Attr("a").exists(), Attr("a").not_exists()
    for number in range(5_000):
        both = both & Attr(f"x{number}").not_exists()
        either = Attr(f"x{number}").exists() | either

    assert matches(both & ~either, {"a": {"S": "x"}})
    assert ~~both == both


def test_a_condition_has_no_truth_so_that_and_loses_none() -> None:
    with pytest.raises(ConfigurationError, match="combine conditions with &"):
        _ = Attr("a").eq(1) and Attr("b").eq(2)


@pytest.mark.parametrize("junction", [and_, or_])
def test_a_condition_is_joined_with_another_only(junction: Any) -> None:
    with pytest.raises(ConfigurationError, match="only be combined with another condition"):
        junction(Attr("a").eq(1), True)  # noqa: FBT003  # what people write by mistake


def test_conditions_are_values() -> None:
    assert Attr("a").eq(1) & Attr("b").exists() == Attr("a").eq(1) & Attr("b").exists()
    assert Attr("a").eq(1) != Attr("a").eq(2)
