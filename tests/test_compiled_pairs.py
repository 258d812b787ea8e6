"""Pairs of a type and an attribute value that a decoder gets wrong most easily."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from functools import partial
from typing import Annotated, Any, Final, Literal, NamedTuple, Union
from uuid import UUID

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    RootModel,
    Tag,
    TypeAdapter,
    create_model,
    model_validator,
)
from typing_extensions import TypeAliasType

from ddbevents import InvalidItemError, decode
from tests.decoders_compared import ask, by_reference, comparable, shape

Json = dict[str, Any]
REFUSED: Final = object()
ABSENT: Final = object()


class Pair(NamedTuple):
    """A type, an attribute value, the value that it is decoded to, and the settings of the model."""

    hint: Any
    attribute: Any
    item: Any
    default: Any = ...
    config: Any = None

    @property
    def model(self) -> Any:
        return create_model("Made", __config__=self.config, field=(self.hint, self.default))

    @property
    def image(self) -> Json:
        return {} if self.attribute is ABSENT else {"field": self.attribute}


Counts = TypeAliasType("Counts", dict[str, int])
"""Referred to twice, it is a definition, which has no configuration of its own."""

SHORT: Final = {"L": [{"M": {"a": {"N": "1"}}}, {"M": {}}]}


class Counted(BaseModel):
    model_config = ConfigDict(str_min_length=2)
    counts: tuple[Counts, Counts]


class Level(IntEnum):
    LOW = 1


class Size(StrEnum):
    BIG = "big"
    SMALL = "small"


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class First(BaseModel):
    kind: Literal[1]


class Second(BaseModel):
    kind: Literal[2]


class Large(BaseModel):
    kind: Literal[Size.BIG]


class Little(BaseModel):
    kind: Literal[Size.SMALL]


class AliasedCat(BaseModel):
    kind: Literal["cat"] = Field(alias="S")


class AliasedDog(BaseModel):
    kind: Literal["dog"] = Field(alias="S")


class Anything(BaseModel):
    value: Any


class Wrapped(BaseModel):
    value: Any

    @model_validator(mode="wrap")
    @classmethod
    def _sees(cls, value: Any, handler: Any) -> Any:
        return handler({"value": repr(value)})


class Before(BaseModel):
    value: Any

    @model_validator(mode="before")
    @classmethod
    def _sees(cls, value: Any) -> Any:
        return {"value": repr(value)}


class Made(BaseModel):
    value: Any

    def __init__(self, **values: Any) -> None:
        super().__init__(value=repr(values))


class Open(BaseModel, extra="allow"):
    value: int = 0


class OpenToNumbers(BaseModel, extra="allow"):
    __pydantic_extra__: dict[str, int]  # pyright: ignore[reportIncompatibleVariableOverride]  # pydantic's idiom


class Closed(BaseModel, extra="forbid"):
    value: int = 0


class Reaching(BaseModel):
    inside: str = Field(validation_alias=AliasPath("box", "name"))
    first: int = Field(validation_alias=AliasPath("row", 0))


class Choosing(BaseModel):
    value: int = Field(default=0, validation_alias=AliasChoices("one", "two"))


class Named(BaseModel, populate_by_name=True):
    value: Any = Field(alias="other")


class Tree(BaseModel):
    value: Any = None
    branch: Tree | None = None
    union: Union[bool, Decimal, Tree] = False  # noqa: UP007  # the smart union is the point


class Chain(BaseModel):
    link: Chain | None = None


def chain(levels: int) -> Json:
    attribute: Json = {"M": {}}
    for _ in range(levels):
        attribute = {"M": {"link": attribute}}
    return attribute


class Checked(BaseModel, validate_default=True):
    value: Any = {"S": "x"}
    number: int = 1


class Tags(BaseModel):
    S: str
    N: int
    M: dict[str, str]
    NULL: str | None


def kind_of(value: Any) -> str:
    return "tags" if isinstance(value, dict) and "M" in value else "plain"


STRIPPED: Final = ConfigDict(str_strip_whitespace=True, regex_engine="python-re")
COERCING: Final = ConfigDict(coerce_numbers_to_str=True)
STRICT: Final = ConfigDict(strict=True)
BY_KIND: Final = Field(discriminator="kind")
MOMENT: Final = TypeAdapter(datetime).validate_python("2022-08-21T15:36:04Z")  # in pydantic's own UTC
TREE: Final = {"M": {"value": {"N": "1"}, "branch": {"M": {"value": {"S": "x"}}}}}

PAIRS: Final[dict[str, Pair]] = {
    "1 int from text": Pair(int, {"S": "7"}, 7),
    "2 int from 7.0": Pair(int, {"N": "7.0"}, 7),
    "2 int from an exponent": Pair(int, {"N": "1E+2"}, 100),
    "2 int from half": Pair(int, {"N": "7.5"}, REFUSED),
    "3 int from NaN": Pair(int, {"N": "NaN"}, REFUSED),
    "3 int from a space": Pair(int, {"N": " 1"}, REFUSED),
    "3 int from a newline": Pair(int, {"N": "1\n"}, REFUSED),
    "3 int from 1_0": Pair(int, {"N": "1_0"}, REFUSED),
    "3 int from 39 digits": Pair(int, {"N": "1" * 39}, REFUSED),
    "3 int from 38 digits": Pair(int, {"N": "-" + "1" * 38}, -int("1" * 38)),
    "4 float from -0": Pair(float, {"N": "-0"}, -0.0),
    "5 float from 1e400": Pair(float, {"N": "1e400"}, REFUSED),
    "5 float from NaN": Pair(float, {"N": "NaN"}, REFUSED),
    "5 float from 39 digits": Pair(float, {"N": "0." + "1" * 39}, REFUSED),
    "6 Decimal from 7.00": Pair(Decimal, {"N": "7.00"}, Decimal("7.00")),
    "6 Decimal from -0": Pair(Decimal, {"N": "-0"}, Decimal("-0")),
    "6 Decimal from 39 digits": Pair(Decimal, {"N": "1" * 39}, REFUSED),
    "6 Decimal from 41 zeros": Pair(Decimal, {"N": "1." + "0" * 41}, Decimal("1." + "0" * 37)),
    "6 Decimal from an underscore": Pair(Decimal, {"N": "1_0"}, REFUSED),
    "6 Decimal from Arabic digits": Pair(Decimal, {"N": "٣"}, REFUSED),
    "7 str from a number": Pair(str, {"N": "5"}, REFUSED),
    "7 str from a number, coerced": Pair(str, {"N": "5"}, "5", config=COERCING),
    "7 str from a decimal, coerced": Pair(str, {"N": "5.0"}, "5.0", config=COERCING),
    "8 a default hides no wrong tag": Pair(str, {"N": "5"}, REFUSED, "d"),
    "9 required optional from NULL": Pair(str | None, {"NULL": True}, None),
    "9 required optional, absent": Pair(str | None, ABSENT, REFUSED),
    "9 required optional, wrong tag": Pair(str | None, {"N": "5"}, REFUSED),
    "10 optional with a default from NULL": Pair(int | None, {"NULL": True}, None, 3),
    "10 optional with a default, absent": Pair(int | None, ABSENT, 3, 3),
    "11 NULL is true": Pair(int | None, {"NULL": False}, REFUSED),
    "11 nothing under a tag": Pair(int | None, {"N": None}, REFUSED),
    "11 NULL is true in a union": Pair(int | str | None, {"NULL": 1}, REFUSED),
    "12 datetime from text": Pair(datetime, {"S": "2022-08-21T15:36:04Z"}, MOMENT),
    "12 datetime from a number as text": Pair(datetime, {"S": "1661096164"}, MOMENT),
    "12 datetime from a bare number": Pair(datetime, {"S": 1661096164}, REFUSED),
    "12 datetime under settings for text": Pair(
        datetime,
        {"S": "2022-08-21T15:36:04Z"},
        MOMENT,
        config=ConfigDict(str_max_length=5, str_to_lower=True),
    ),
    "12 datetime from seconds": Pair(datetime, {"N": "1661096164"}, MOMENT),
    "12 datetime from half seconds": Pair(
        datetime, {"N": "1661096164.5"}, MOMENT.replace(microsecond=500_000)
    ),
    "13 literal from a number": Pair(Literal[1], {"N": "1"}, 1),
    "13 literal from text": Pair(Literal[1], {"S": "1"}, REFUSED),
    "13 IntEnum from a number": Pair(Level, {"N": "1"}, Level.LOW),
    "14 smart union from text": Pair(Union[int, str], {"S": "7"}, "7"),  # noqa: UP007  # pairs with the next
    "14 union left to right from text": Pair(
        Annotated[Union[int, str], Field(union_mode="left_to_right")],  # noqa: UP007  # Field wants a Union
        {"S": "7"},
        7,
    ),
    "15 int or float": Pair(int | float, {"N": "7"}, 7),
    "15 float or int": Pair(float | int, {"N": "7"}, 7),
    "17 bool or Decimal": Pair(bool | Decimal, {"BOOL": True}, item=True),
    "18 tagged by text": Pair(Annotated[Cat | Dog, BY_KIND], {"M": {"kind": {"S": "dog"}}}, Dog(kind="dog")),
    "18 tagged by an alias": Pair(
        Annotated[AliasedCat | AliasedDog, BY_KIND], {"M": {"S": {"S": "dog"}}}, AliasedDog(S="dog")
    ),
    "18 tagged by a number": Pair(
        Annotated[First | Second, BY_KIND], {"M": {"kind": {"N": "2"}}}, Second(kind=2)
    ),
    "18 tagged by an enum": Pair(
        Annotated[Large | Little, BY_KIND], {"M": {"kind": {"S": "big"}}}, Large(kind=Size.BIG)
    ),
    "18 tagged by an unknown": Pair(Annotated[Cat | Dog, BY_KIND], {"M": {"kind": {"S": "cow"}}}, REFUSED),
    "18 tagged by the wrong tag": Pair(
        Annotated[First | Second, BY_KIND], {"M": {"kind": {"S": "1"}}}, REFUSED
    ),
    "19 tagged by a function": Pair(
        Annotated[
            Annotated[Anything, Tag("plain")] | Annotated[dict[str, Any], Tag("tags")], Discriminator(kind_of)
        ],
        {"M": {"value": {"N": "1"}}},
        Anything(value=1),
    ),
    "20 before a field": Pair(Annotated[str, BeforeValidator(repr)], {"N": "1.0"}, "Decimal('1.0')"),
    "20 before a model": Pair(Before, {"M": {"a": {"N": "1"}}}, Before.model_construct(value="{'a': 1}")),
    "21 around a model in a list": Pair(
        list[Wrapped], {"L": [{"M": {"a": {"N": "1"}}}]}, [Wrapped.model_construct(value="{'a': 1}")]
    ),
    "22 a constructor of its own": Pair(
        list[Made], {"L": [{"M": {"a": {"N": "1"}}}]}, [Made.model_construct(value="{'a': 1}")]
    ),
    "23 extras are decoded": Pair(
        Open, {"M": {"x": {"M": {"S": {"S": "y"}}}}}, Open.model_validate({"x": {"S": "y"}})
    ),
    "23 extras of a type": Pair(
        OpenToNumbers, {"M": {"x": {"N": "1"}}}, OpenToNumbers.model_validate({"x": 1})
    ),
    "23 extras of the wrong type": Pair(OpenToNumbers, {"M": {"x": {"S": "y"}}}, REFUSED),
    "23 extras are forbidden": Pair(Closed, {"M": {"x": {"S": "y"}}}, REFUSED),
    "24 paths into maps and lists": Pair(
        Reaching,
        {"M": {"box": {"M": {"name": {"S": "a"}}}, "row": {"L": [{"N": "1"}]}}},
        Reaching.model_validate({"box": {"name": "a"}, "row": [1]}),
    ),
    "24 the first name has the wrong tag": Pair(
        Choosing, {"M": {"one": {"BOOL": "x"}, "two": {"N": "1"}}}, REFUSED
    ),
    "24 the second name": Pair(Choosing, {"M": {"two": {"N": "1"}}}, Choosing.model_validate({"two": 1})),
    "24 by its own name": Pair(Named, {"M": {"value": {"S": "x"}}}, Named.model_validate({"value": "x"})),
    "25 a recursion too deep for DynamoDB": Pair(Chain, chain(60), REFUSED),
    "25 nested recursion": Pair(Tree, TREE, Tree.model_validate({"value": 1, "branch": {"value": "x"}})),
    "25 recursion within a generic union": Pair(
        Tree,
        {"M": {"union": TREE}},
        Tree.model_validate({"union": {"value": 1, "branch": {"value": "x"}}}),
    ),
    "25 a map that looks typed, within a generic union": Pair(
        Tree,
        {"M": {"union": {"M": {"value": {"M": {"S": {"S": "x"}}}}}}},
        Tree.model_validate({"union": {"value": {"S": "x"}}}),
    ),
    "26 defaults are plain values": Pair(Checked, {"M": {"number": {"N": "2"}}}, Checked(number=2)),
    "27 a space, stripped": Pair(int, {"N": " 1"}, REFUSED, config=STRIPPED),
    "27 a newline, stripped": Pair(int, {"N": "1\n"}, REFUSED, config=STRIPPED),
    "27 a short number": Pair(int, {"N": "1"}, 1, config=ConfigDict(str_min_length=2)),
    "27 a short float": Pair(float, {"N": "1"}, 1.0, config=ConfigDict(str_min_length=2)),
    "27 a short Decimal": Pair(Decimal, {"N": "1"}, Decimal(1), config=ConfigDict(str_min_length=2)),
    "27 a long number": Pair(int, {"N": "123"}, 123, config=ConfigDict(str_max_length=2)),
    "28 set of text": Pair(set[str], {"SS": ["a", "b"]}, {"a", "b"}),
    "28 set from a list": Pair(set[str], {"L": [{"S": "a"}, {"S": "a"}]}, {"a"}),
    "28 set of numbers": Pair(set[int], {"NS": ["1", "1.0"]}, {1}),
    "28 set with a member twice": Pair(set[int], {"NS": ["1", "1"]}, REFUSED),
    "28 empty set": Pair(set[int], {"NS": []}, REFUSED),
    "28 list from a set": Pair(list[str], {"SS": ["a"]}, ["a"]),
    "29 too much padding": Pair(bytes, {"B": "aGk=="}, REFUSED),
    "29 excess padding": Pair(bytes, {"B": "aGkA="}, REFUSED),
    "29 no base64": Pair(bytes, {"B": "!!!!"}, REFUSED),
    "29 bytes": Pair(bytes, {"B": b"hi"}, b"hi"),
    "29 set of bytes": Pair(set[bytes], {"BS": ["aGk=", b"ho"]}, {b"hi", b"ho"}),
    "30 names that are tags": Pair(
        Tags,
        {"M": {"S": {"S": "s"}, "N": {"N": "1"}, "M": {"M": {"S": {"S": "x"}}}, "NULL": {"NULL": True}}},
        Tags(S="s", N=1, M={"S": "x"}, NULL=None),
    ),
    "30 a nested Any": Pair(Anything, {"M": {"value": {"M": {"S": {"S": "x"}}}}}, Anything(value={"S": "x"})),
    "a definition under the model's configuration": Pair(
        tuple[Counts, Counts], SHORT, REFUSED, config=ConfigDict(str_min_length=2)
    ),
    "a definition under none": Pair(tuple[Counts, Counts], SHORT, ({"a": 1}, {})),
    "strict: the tag decides about moments": Pair(
        datetime, {"S": "2022-08-21T15:36:04Z"}, MOMENT, config=STRICT
    ),
    "strict: a number is no text": Pair(int, {"S": "7"}, REFUSED, config=STRICT),
    "strict: true is no number": Pair(int, {"BOOL": True}, REFUSED, config=STRICT),
    "strict: Decimal from a whole number": Pair(Decimal, {"N": "7"}, Decimal(7), config=STRICT),
    "strict: UUID": Pair(UUID, {"S": str(UUID(int=1))}, UUID(int=1), config=STRICT),
    "strict: set": Pair(set[int], {"NS": ["1"]}, {1}, config=STRICT),
    "strict: names in maps are always text": Pair(
        dict[int, int], {"M": {"1": {"N": "2"}}}, {1: 2}, config=STRICT
    ),
}


READ: Final = {name: pair for name, pair in PAIRS.items() if pair.item is not REFUSED}
"""The others are refused."""


@pytest.mark.parametrize("pair", READ.values(), ids=READ)
def test_a_pair_is_decoded(pair: Pair) -> None:
    item: Any = decode(pair.model, pair.image)

    assert shape(item.field) == shape(pair.item)


@pytest.mark.parametrize(
    "pair",
    [pair for pair in PAIRS.values() if pair.item is REFUSED],
    ids=[name for name in PAIRS if name not in READ],
)
def test_a_pair_is_refused(pair: Pair) -> None:
    with pytest.raises(InvalidItemError):
        decode(pair.model, pair.image)


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_both_decoders_agree_on_a_pair(pair: Pair) -> None:
    assert_same_answers(pair.model, pair.image)


def test_a_recursive_model_is_an_item() -> None:
    assert decode(Tree, TREE["M"]) == Tree.model_validate({"value": 1, "branch": {"value": "x"}})


UNIONS: Final[list[Any]] = [
    Decimal | str,
    str | Decimal,
    bool | Decimal,
    float | bool,
    bool | str | RootModel[Decimal],
]


@pytest.mark.parametrize("attribute", [{"S": "7"}, {"N": "7"}, {"N": "1"}, {"N": "7.5"}])
@pytest.mark.parametrize("hint", UNIONS, ids=range(5))
def test_both_decoders_choose_alike(hint: Any, attribute: Json) -> None:
    # 16, 17: before 2.9 pydantic prefers Decimal for text
    assert_same_answers(create_model("Made", field=(hint, ...)), {"field": attribute})


def test_both_decoders_configure_alike() -> None:
    # with a ready-made validator of the other model it is that model's, without one the outer's
    image: Json = {"field": {"L": [{"M": {"counts": SHORT}}, {"M": {}}]}}

    assert_same_answers(create_model("Made", field=(tuple[Counted, Counts], ...)), image)


def assert_same_answers(model: Any, image: Json) -> None:
    answer, right = ask(partial(decode, model), image), ask(by_reference(model), image)

    assert comparable(answer) == comparable(right)
