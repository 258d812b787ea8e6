"""`filter_criteria`: the patterns that an app's handlers make, and what they widen."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Final, Literal

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, Field

from ddbevents import Attr, Prefix, StreamApp
from ddbevents.deploy import filter_criteria
from tests.stream import Json


class Item(BaseModel):
    """An item of any kind."""


class Order(BaseModel):
    """An order of a table with several entities."""

    kind: Literal["order"]


class Line(BaseModel):
    """A line of an order, told by its key."""

    pk: Annotated[str, Prefix("ORDER#")]


def run(change: object) -> None:
    """Handle a change."""


def app_of(register: Callable[[StreamApp], Callable[[Callable[..., None]], object]]) -> StreamApp:
    """Return an app with one handler."""
    app = StreamApp("shop")
    register(app)(run)
    return app


def app_where(condition: Any) -> StreamApp:
    """Return an app with a handler of new items that satisfy a condition."""
    return app_of(lambda app: app.on_insert(Item, where=condition))


def patterns_of(app: StreamApp, **arguments: Any) -> list[Json]:
    """Return an app's filters as objects."""
    return [json.loads(each["Pattern"]) for each in filter_criteria(app, **arguments)["Filters"]]


def new(**leaves: Json) -> Json:
    """Return the pattern of new items."""
    return {"eventName": ["INSERT"], "dynamodb": {"NewImage": leaves}}


INSERTED: Final = {"eventName": ["INSERT"]}
ANY: Final = [{"exists": True}]
ABSENT: Final = {"exists": False}
STATUS: Final = Attr("status")


CONDITIONS: Final = [
    (STATUS.eq("OPEN"), new(status={"S": ["OPEN"]})),
    (STATUS.eq(""), new(status={"S": [""]})),
    (STATUS.eq(300), new(status={"N": ["300"]})),
    (STATUS.eq(Decimal("3E+2")), new(status={"N": ["300"]})),
    (STATUS.eq(Decimal("-0")), new(status={"N": ["0"]})),
    (STATUS.eq(Decimal("0.5")), new(status={"N": ANY})),
    (STATUS.eq(Decimal("1E+100")), new(status={"N": ANY})),
    (STATUS.eq(True), new(status={"BOOL": [True]})),  # noqa: FBT003  # an operand
    (STATUS.eq(None), new(status={"NULL": [True]})),
    (STATUS.eq(b"foob"), new(status={"B": ["Zm9vYg=="]})),
    (STATUS.eq({"a"}), new(status={"SS": ANY})),
    (STATUS.eq(["a"]), INSERTED),
    (STATUS.eq({"a": 1}), INSERTED),
    (STATUS.eq("\ud800"), new(status={"S": ANY})),
    (STATUS.eq("x" * 600), new(status={"S": [{"prefix": "x" * 500}]})),
    (STATUS.is_in(["OPEN", "LATE"]), new(status={"S": ["LATE", "OPEN"]})),
    (STATUS.is_in(["OPEN", ["a"]]), INSERTED),
    (STATUS.ne("OPEN"), new(status={"S": [{"anything-but": ["OPEN"]}, ABSENT]})),
    (STATUS.ne(300), new(status={"N": [{"anything-but": ["300"]}, ABSENT]})),
    (STATUS.ne(Decimal("0.5")), INSERTED),
    (STATUS.ne(""), INSERTED),
    (~STATUS.is_in(["", "OPEN"]), new(status={"S": [{"anything-but": ["OPEN"]}, ABSENT]})),
    (STATUS.ne("x" * 600), INSERTED),
    (STATUS.ne(["a"]), INSERTED),
    (STATUS.ne(True), new(status={"BOOL": [False, ABSENT]})),  # noqa: FBT003  # an operand
    (STATUS.ne(None), new(status={"NULL": [ABSENT]})),
    (~STATUS.eq("OPEN"), new(status={"S": [{"anything-but": ["OPEN"]}, ABSENT]})),
    (~STATUS.ne("OPEN"), new(status={"S": ["OPEN"]})),
    (~STATUS.is_in(["A", "B"]), new(status={"S": [{"anything-but": ["A", "B"]}, ABSENT]})),
    (~~STATUS.eq("OPEN"), new(status={"S": ["OPEN"]})),
    (STATUS.begins_with("O"), new(status={"S": [{"prefix": "O"}]})),
    (STATUS.begins_with(""), new(status={"S": ANY})),
    (STATUS.begins_with("\ud800"), new(status={"S": ANY})),
    (STATUS.begins_with(b"foob"), new(status={"B": [{"prefix": "Zm9v"}]})),
    (STATUS.begins_with(b"foo"), new(status={"B": [{"prefix": "Zm9v"}]})),
    (STATUS.begins_with(b"fo"), new(status={"B": ANY})),
    (~STATUS.begins_with("O"), INSERTED),
    (STATUS.lt("O"), new(status={"S": ANY})),
    (STATUS.gte(5), new(status={"N": ANY})),
    (STATUS.between(b"a", b"b"), new(status={"B": ANY})),
    (~STATUS.lt("O"), INSERTED),
    (STATUS.contains("O"), INSERTED),
    (STATUS.exists(), INSERTED),
    (~STATUS.not_exists(), INSERTED),
    (
        STATUS.not_exists(),
        new(status={tag: [ABSENT] for tag in ("S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS")}),
    ),
    (Attr("address.city").eq("Bonn"), new(address={"M": {"city": {"S": ["Bonn"]}}})),
    (Attr("address.city").ne("Bonn"), INSERTED),
    (Attr("address.city").not_exists(), INSERTED),
    (Attr("lines[0].sku").eq("a"), INSERTED),
    (Attr("$or").eq("a"), INSERTED),
    (Attr("a.$or").eq("a"), INSERTED),
    (Attr("\ud800").eq("a"), INSERTED),
    (STATUS.eq("OPEN") & Attr("vip").eq("y"), new(status={"S": ["OPEN"]}, vip={"S": ["y"]})),
    (STATUS.eq("OPEN") & STATUS.is_in(["OPEN", "LATE"]), new(status={"S": ["OPEN"]})),
    (STATUS.begins_with("O") & STATUS.begins_with("OP"), new(status={"S": [{"prefix": "OP"}]})),
    (STATUS.begins_with("O") & STATUS.ne("OPEN"), new(status={"S": [{"prefix": "O"}]})),
    (STATUS.lt("Z") & STATUS.ne("OPEN"), new(status={"S": [{"anything-but": ["OPEN"]}]})),
    (STATUS.ne("A") & STATUS.ne("B"), new(status={"S": [{"anything-but": ["A", "B"]}, ABSENT]})),
    (STATUS.eq("A") | STATUS.eq("B"), new(status={"S": ["A", "B"]})),
    (STATUS.eq("OPEN") | STATUS.begins_with("O"), new(status={"S": [{"prefix": "O"}]})),
    (STATUS.eq("OPEN") | STATUS.ne("LATE"), new(status={"S": [{"anything-but": ["LATE"]}, ABSENT]})),
    (STATUS.begins_with("OPEN") | STATUS.ne("A"), new(status={"S": [{"anything-but": ["A"]}, ABSENT]})),
    (
        STATUS.begins_with("O") | STATUS.ne("OPEN"),
        new(status={"S": [{"prefix": "O"}, {"anything-but": ["OPEN"]}, ABSENT]}),
    ),
    (STATUS.begins_with("O") & STATUS.begins_with("P") | STATUS.eq("OPEN"), new(status={"S": ["OPEN"]})),
    (STATUS.eq("OPEN") | STATUS.contains("x"), INSERTED),
    (STATUS.eq("OPEN") & STATUS.contains("x"), new(status={"S": ["OPEN"]})),
    (STATUS.lt("a") | STATUS.ne("OPEN"), INSERTED),
    (STATUS.eq("OPEN") | (STATUS.eq("OPEN") & Attr("vip").eq("y")), new(status={"S": ["OPEN"]})),
    (~(STATUS.ne("OPEN") | Attr("vip").ne("y")), new(status={"S": ["OPEN"]}, vip={"S": ["y"]})),
]


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS, ids=map(str, range(len(CONDITIONS))))
def test_a_condition_becomes_a_pattern(condition: Any, expected: Json) -> None:
    assert patterns_of(app_where(condition)) == [expected]


class Color(Enum):
    """A kind of choice."""

    RED = "red"
    MIXED = ["red", "blue"]  # noqa: RUF012  # a member's value


class Several(BaseModel):
    """Its kind is of several types."""

    kind: Literal["a", 1] | Annotated[str, Prefix("b#")] | None


class Optionally(BaseModel):
    """Its kind may be absent."""

    kind: Literal["a"] | None = None


class OptionalNumber(BaseModel):
    """Its kind is a number, or absent."""

    kind: Literal[1] = 1


class Aliases(BaseModel):
    """Its kind has two names."""

    kind: Literal["a"] = Field(validation_alias=AliasChoices("kind", "type"))


class Inside(BaseModel):
    """Its kind is inside of a list."""

    kind: Literal["a"] = Field(validation_alias=AliasPath("tags", 0))


class InsideOptionally(BaseModel):
    """Its kind may be inside of a map."""

    kind: Literal["a"] = Field("a", validation_alias=AliasPath("tags", "kind"))


class Colored(BaseModel):
    """Its kind is an enumeration's."""

    kind: Literal[Color.RED]


class Mixed(BaseModel):
    """Its kind is a list."""

    kind: Literal[Color.MIXED]


LITERALS: Final = [
    (Mixed, [INSERTED]),
    (Order, [new(kind={"S": ["order"]})]),
    (Line, [new(pk={"S": [{"prefix": "ORDER#"}]})]),
    (Colored, [new(kind={"S": ["red"]})]),
    (
        Several,
        [
            new(kind={"N": ["1"]}),
            new(kind={"NULL": [True]}),
            new(kind={"S": ["a", {"prefix": "b#"}]}),
        ],
    ),
    (Optionally, [new(kind={"S": ["a", ABSENT]})]),
    (OptionalNumber, [new(kind={"N": ["1", ABSENT]})]),
    (Aliases, [new(kind={"S": ["a"]}), new(type={"S": ["a"]})]),
    (Inside, [INSERTED]),
    (InsideOptionally, [INSERTED]),
]


@pytest.mark.parametrize(("model", "expected"), LITERALS, ids=map(str, range(len(LITERALS))))
def test_a_literal_becomes_a_pattern(model: Any, expected: list[Json]) -> None:
    assert patterns_of(app_of(lambda app: app.on_insert(model))) == expected


OLD: Final = {"OldImage": {"kind": {"S": ["order"]}}}
NEW: Final = {"NewImage": {"kind": {"S": ["order"]}}}
NOT_EXPIRED: Final = {"principalId": [{"anything-but": ["dynamodb.amazonaws.com"]}, ABSENT]}
DECORATORS: Final = [
    (lambda app: app.on_modify(Order, changed="kind"), [{"eventName": ["MODIFY"], "dynamodb": NEW}]),
    (lambda app: app.on_upsert(Order), [{"eventName": ["INSERT", "MODIFY"], "dynamodb": NEW}]),
    (lambda app: app.on_previous(Order), [{"eventName": ["MODIFY", "REMOVE"], "dynamodb": OLD}]),
    (
        lambda app: app.on_change(Order),
        [{"eventName": ["INSERT", "MODIFY"], "dynamodb": NEW}, {"eventName": ["REMOVE"], "dynamodb": OLD}],
    ),
    (
        lambda app: app.on_remove(Order, expired=True),
        [
            {
                "eventName": ["REMOVE"],
                "userIdentity": {"principalId": ["dynamodb.amazonaws.com"]},
                "dynamodb": OLD,
            }
        ],
    ),
    (
        lambda app: app.on_remove(Item, expired=False),
        [{"eventName": ["REMOVE"], "userIdentity": NOT_EXPIRED}],
    ),
    (
        lambda app: app.on_keys(Line, kinds="REMOVE"),
        [{"eventName": ["REMOVE"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "ORDER#"}]}}}}],
    ),
    (lambda app: app.on_keys(Item, kinds="REMOVE"), [{"eventName": ["REMOVE"]}]),
    (lambda app: app.on_record(kinds=["INSERT", "REMOVE"]), [{"eventName": ["INSERT", "REMOVE"]}]),
    (
        lambda app: app.on_record(where=Attr("kind").eq("order"), kinds=["INSERT", "REMOVE"]),
        [{"eventName": ["INSERT"], "dynamodb": NEW}, {"eventName": ["REMOVE"], "dynamodb": OLD}],
    ),
    (
        lambda app: app.on_latest(Order),
        [
            {"eventName": ["INSERT", "MODIFY"], "dynamodb": NEW},
            {"eventName": ["MODIFY"], "dynamodb": OLD},
            {"eventName": ["REMOVE"], "dynamodb": {"Keys": {"kind": {"S": ["order", ABSENT]}}}},
        ],
    ),
    (
        lambda app: app.bulk(5).on_latest(Item, where=Attr("kind").eq("order")),
        [
            {"eventName": ["INSERT", "MODIFY"], "dynamodb": NEW},
            {"eventName": ["MODIFY"], "dynamodb": OLD},
            {"eventName": ["REMOVE"]},
        ],
    ),
    (lambda app: app.on_change(Item), []),
    (lambda app: app.on_latest(Item), []),
    (lambda app: app.on_record(), []),
]


@pytest.mark.parametrize(("register", "expected"), DECORATORS, ids=map(str, range(len(DECORATORS))))
def test_a_decorator_becomes_patterns(register: Any, expected: list[Json]) -> None:
    assert patterns_of(app_of(register)) == expected
