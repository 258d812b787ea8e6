from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address
from typing import Annotated, Any, Generic, Literal, NotRequired, Optional, TypeVar
from uuid import UUID

import pydantic
import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    SecretStr,
    field_serializer,
    field_validator,
    model_validator,
)
from typing_extensions import TypedDict

from ddbevents import ConfigurationError, Insert, InvalidItemError, StreamApp, decode, encode
from tests.stream import CANARY

T = TypeVar("T")


class Colour(Enum):
    RED = "red"


class Line(BaseModel):
    sku: str
    price: Decimal


class Order(BaseModel):
    order_id: UUID = Field(alias="orderId")
    placed_at: datetime
    expires: datetime | None = None
    day: date | None = None
    wait: timedelta = timedelta(0)
    lines: list[Line]
    tags: set[str] = set()
    scores: frozenset[int] = frozenset()
    photo: bytes = b""
    colour: Colour | None = None
    weight: float = 0.0
    count: int = 0
    paid: bool = False
    address: IPv4Address | None = None
    notes: dict[str, Any] = {}
    status: Literal["OPEN", "PAID"] = "OPEN"


IMAGE: dict[str, Any] = {
    "orderId": {"S": "12345678-1234-5678-1234-567812345678"},
    "placed_at": {"S": "2026-11-23T09:00:00Z"},
    "expires": {"N": "1763888400"},
    "day": {"S": "2026-11-23"},
    "wait": {"S": "PT1H"},
    "lines": {"L": [{"M": {"sku": {"S": "a"}, "price": {"N": "9.90"}}}]},
    "tags": {"SS": ["new", "gift"]},
    "scores": {"NS": ["1", "2"]},
    "photo": {"B": "Zm9v"},
    "colour": {"S": "red"},
    "weight": {"N": "1.5"},
    "count": {"N": "1E+2"},
    "paid": {"BOOL": True},
    "address": {"S": "127.0.0.1"},
    "notes": {"M": {"n": {"N": "1"}, "d": {"N": "1.5"}, "s": {"SS": ["x"]}, "z": {"NULL": True}}},
    "status": {"S": "PAID"},
    "unknown": {"S": "ignored"},
}


def test_a_full_image_is_decoded() -> None:
    order = decode(Order, IMAGE)

    assert order == Order(
        orderId=UUID("12345678-1234-5678-1234-567812345678"),
        placed_at=datetime(2026, 11, 23, 9, tzinfo=UTC),
        expires=datetime.fromtimestamp(1763888400, UTC),
        day=date(2026, 11, 23),
        wait=timedelta(hours=1),
        lines=[Line(sku="a", price=Decimal("9.90"))],
        tags={"new", "gift"},
        scores=frozenset({1, 2}),
        photo=b"foo",
        colour=Colour.RED,
        weight=1.5,
        count=100,
        paid=True,
        address=IPv4Address("127.0.0.1"),
        notes={"n": 1, "d": Decimal("1.5"), "s": {"x"}, "z": None},
        status="PAID",
    )


def test_decode_inverts_encode() -> None:
    order = decode(Order, IMAGE)

    assert decode(Order, encode(order)) == order


def test_encode_writes_aliases() -> None:
    image = encode(decode(Order, IMAGE))

    assert image["orderId"] == {"S": "12345678-1234-5678-1234-567812345678"}
    assert image["photo"] == {"B": b"foo"}
    assert image["placed_at"] == {"S": "2026-11-23T09:00:00Z"}
    assert image["lines"] == {"L": [{"M": {"sku": {"S": "a"}, "price": {"N": "9.90"}}}]}


@dataclasses.dataclass
class Point:
    x: int
    y: Annotated[int, Field(alias="Y")] = 0


@pydantic.dataclasses.dataclass
class Place:
    name: str
    point: Point
    code: int = Field(default=0, alias="Code")


class Row(TypedDict):
    name: str
    size: NotRequired[int]
    line: Line


class Page(BaseModel, Generic[T]):
    content: T


class Tree(BaseModel):
    name: str
    children: list[Tree] = []


@pytest.mark.parametrize(
    ("model", "image", "item"),
    [
        (Point, {"x": {"N": "1"}, "Y": {"N": "2"}}, Point(1, 2)),
        (
            Place,
            {"name": {"S": "a"}, "point": {"M": {"x": {"N": "1"}, "Y": {"N": "2"}}}, "Code": {"N": "3"}},
            Place("a", Point(1, 2), 3),
        ),
        (
            Row,
            {"name": {"S": "a"}, "line": {"M": {"sku": {"S": "b"}, "price": {"N": "1"}}}},
            {"name": "a", "line": Line(sku="b", price=Decimal(1))},
        ),
        (Page[int], {"content": {"N": "1"}}, Page[int](content=1)),
        (
            Tree,
            {"name": {"S": "a"}, "children": {"L": [{"M": {"name": {"S": "b"}, "children": {"L": []}}}]}},
            Tree(name="a", children=[Tree(name="b")]),
        ),
        (dict, {"a": {"N": "1"}, "b": {"L": [{"S": "x"}]}}, {"a": 1, "b": ["x"]}),
    ],
    ids=["dataclass", "pydantic dataclass", "TypedDict", "generic", "recursive", "dict"],
)
def test_every_kind_of_model_works(model: Any, image: dict[str, Any], item: object) -> None:
    assert decode(model, image) == item
    assert encode(item) == image or decode(model, encode(item)) == item


class Flexible(BaseModel):
    city: str = Field(validation_alias=AliasPath("address", "city"))
    first: int = Field(validation_alias=AliasChoices("one", AliasPath("list", 0)))


def test_aliases_reach_inside() -> None:
    image = {"address": {"M": {"city": {"S": "Zürich"}}}, "list": {"L": [{"N": "1"}]}}

    assert decode(Flexible, image) == Flexible.model_validate({"address": {"city": "Zürich"}, "one": 1})


class FromTheEnd(BaseModel):
    last: int = Field(validation_alias=AliasPath("list", -2))


def test_an_alias_may_count_back() -> None:
    item = decode(FromTheEnd, {"list": {"L": [{"N": "1"}, {"N": "2"}]}})

    assert item.last == 1


def test_an_alias_may_miss_a_list() -> None:
    with pytest.raises(InvalidItemError, match="FromTheEnd requires this attribute") as refused:
        decode(FromTheEnd, {"list": {"L": [{"N": "1"}]}})

    assert refused.value.path == ("list", -2)


class Picky(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str


def test_extra_is_respected() -> None:
    image = {"name": {"S": "a"}, "other": {"N": "1"}}

    with pytest.raises(InvalidItemError, match=r"other: Picky refuses it \(extra_forbidden\)"):
        decode(Picky, image)
    assert decode(Open, image).model_extra == {"other": 1}


def test_replication_fields_are_dropped() -> None:
    image = {"name": {"S": "a"}, "aws:rep:deleting": {"BOOL": False}, "aws:rep:updatetime": {"N": "1.5"}}

    assert decode(Picky, image) == Picky(name="a")
    assert decode(Open, image).model_extra == {}


class Validated(BaseModel):
    name: Annotated[str, BeforeValidator(lambda value: value or "nobody")]
    total: Decimal
    seen: list[str] = []

    @field_validator("name", mode="before")
    @classmethod
    def no_typed_json(cls, value: object) -> object:
        assert not isinstance(value, dict)
        return value

    @model_validator(mode="before")
    @classmethod
    def sees_python_values(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {**values, "seen": sorted(type(value).__name__ for value in values.values())}


def test_validators_see_plain_values() -> None:
    item = decode(Validated, {"name": {"S": ""}, "total": {"N": "2.5"}})

    assert item == Validated.model_construct(name="nobody", total=Decimal("2.5"), seen=["Decimal", "str"])


@pytest.mark.parametrize(
    ("change", "path", "reason", "expected", "found"),
    [
        ({"count": {"S": CANARY}}, ("count",), "int_parsing", ("N",), "S"),
        ({"count": {"N": "1.5"}}, ("count",), "int_from_float", (), "N"),
        ({"status": {"S": CANARY}}, ("status",), "literal_error", (), "S"),
        ({"tags": {"N": "1"}}, ("tags",), "set_type", ("SS", "NS", "BS"), "N"),
        ({"lines": {"L": [{"S": CANARY}]}}, ("lines", 0), "model_type", ("M",), "S"),
        ({"lines": {"L": [{"M": {"sku": {"S": "a"}}}]}}, ("lines", 0, "price"), "requires", (), None),
        ({"orderId": {"S": CANARY}}, ("orderId",), "uuid_parsing", (), "S"),
        ({"placed_at": {"NULL": True}}, ("placed_at",), "datetime_type", ("S", "N"), "NULL"),
        ({"count": {"N": CANARY}}, ("count",), "N holds", (), "N"),
        (
            {"lines": {"L": [{"M": {"sku": {"S": "a"}, "price": {"N": CANARY}}}]}},
            ("lines", 0, "price"),
            "N holds",
            (),
            "N",
        ),
        (
            {"notes": {"M": {"deep": {"M": {"er": {"B": "!!!"}}}}}},
            ("notes", "deep", "er"),
            "B holds",
            (),
            "B",
        ),
        ({"tags": {"SS": [CANARY, CANARY]}}, ("tags",), "twice", (), "SS"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_an_error_names_path_and_tags(
    change: dict[str, Any],
    path: tuple[str | int, ...],
    reason: str,
    expected: tuple[str, ...],
    found: str | None,
) -> None:
    with pytest.raises(InvalidItemError, match=reason) as refused:
        decode(Order, {**IMAGE, **change})

    assert (refused.value.path, refused.value.expected, refused.value.found) == (path, expected, found)
    assert CANARY not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


def test_a_missing_field_has_its_alias() -> None:
    with pytest.raises(InvalidItemError, match=r"^orderId: Order requires this attribute$"):
        decode(Order, {name: value for name, value in IMAGE.items() if name != "orderId"})


class StrictList(RootModel[list[str]]):
    model_config = ConfigDict(strict=True)


@pytest.mark.parametrize(
    ("hint", "attribute", "cure"),
    [
        (Sequence[str], {"SS": [CANARY]}, r"set\[str\]"),
        (Sequence[str] | None, {"SS": [CANARY]}, r"set\[str\]"),
        (Sequence[int], {"NS": ["1"]}, r"set\[int\] or set\[Decimal\]"),
        (Sequence[bytes], {"BS": ["Zm9v"]}, r"set\[bytes\]"),
        (StrictList, {"SS": [CANARY]}, r"set\[str\]"),
    ],
)
def test_a_set_is_no_sequence(hint: Any, attribute: Any, cure: str) -> None:
    made = pydantic.create_model("Made", tags=(hint, ...))

    with pytest.raises(
        InvalidItemError, match=rf"It is a set of DynamoDB: a field for it is {cure}$"
    ) as error:
        decode(made, {"tags": attribute})
    assert CANARY not in str(error.value)


@pytest.mark.parametrize(
    ("hint", "attribute"), [(Sequence[str], {"M": {"a": {"S": "x"}}}), (Colour, {"SS": ["red"]})]
)
def test_only_a_set_has_its_cure(hint: Any, attribute: Any) -> None:
    made = pydantic.create_model("Made", tags=(hint, ...))

    with pytest.raises(InvalidItemError) as error:
        decode(made, {"tags": attribute})
    assert "It is a set of DynamoDB" not in str(error.value)


@pytest.mark.parametrize("hint", [list[str], tuple[str, ...], set[str], frozenset[str]])
def test_a_set_is_read_in_any_order(hint: Any) -> None:
    item: Any = decode(pydantic.create_model("Made", tags=(hint, ...)), {"tags": {"SS": ["a", "b"]}})

    assert sorted(item.tags) == ["a", "b"]


class Speaking(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def never(cls, value: str) -> str:
        raise ValueError(f"{value} is no name")


def test_errors_hide_validators_words() -> None:
    with pytest.raises(InvalidItemError, match=r"name: Speaking refuses it \(value_error\)") as refused:
        decode(Speaking, {"name": {"S": CANARY}})

    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(
    "malformed", [{"N": CANARY}, {"X": CANARY}, {}, None, {"L": [{"N": "1"}, {"N": CANARY}]}]
)
def test_unread_values_may_be_bad(malformed: object) -> None:
    assert decode(Line, {"sku": {"S": "a"}, "price": {"N": "1"}, "other": malformed}).sku == "a"


@pytest.mark.parametrize(
    "image",
    [
        {"name": {"S": "a"}, "other": {"N": CANARY}},
        {"name": {"S": "a"}, "other": {"L": [{"M": {"x": {"N": CANARY}}}]}},
    ],
)
def test_bad_extras_are_refused(image: dict[str, Any]) -> None:
    with pytest.raises(InvalidItemError, match="N holds"):
        decode(Open, image)


class Texts(BaseModel):
    name: Annotated[str, BeforeValidator(str)]


def test_the_refused_value_is_named() -> None:
    with pytest.raises(InvalidItemError, match=r"^sku: Line refuses it"):
        decode(Line, {"sku": {"BOOL": True}, "price": {"N": "1"}, "other": {"N": CANARY}})


def test_bad_values_never_become_text() -> None:
    with pytest.raises(InvalidItemError, match="name: N holds"):
        decode(Texts, {"name": {"N": "NaN"}})


class Choice(BaseModel):
    value: int | Line


def test_a_path_names_no_union_branch() -> None:
    with pytest.raises(InvalidItemError) as refused:
        decode(Choice, {"value": {"M": {"price": {"S": CANARY}}}})

    assert refused.value.path == ("value",)


@pytest.mark.parametrize("image", [None, [], "x", 1])
def test_an_image_is_an_object(image: Any) -> None:
    with pytest.raises(InvalidItemError, match="an image"):
        decode(Line, image)


def test_an_unreadable_model_is_named() -> None:
    with pytest.raises(ConfigurationError, match="pydantic cannot read Opaque"):
        decode(Opaque, {})


class Opaque:
    pass


class Names(RootModel[list[str]]):
    pass


@pytest.mark.parametrize("item", [1, "a", ["a"], None, Names(["a"])], ids=ascii)
def test_an_item_is_a_map(item: object) -> None:
    with pytest.raises(InvalidItemError, match="an item is a model"):
        encode(item)


class Onion(RootModel[Optional["Onion"]]):
    pass


def peel(change: Insert[Onion]) -> None: ...


def test_a_root_may_hold_itself_only() -> None:
    # no item fits it, but to look for its fields comes to an end
    StreamApp("onions").on_insert(Onion)(peel)

    with pytest.raises(InvalidItemError, match="Onion refuses it"):
        decode(Onion, {"name": {"S": "a"}})


class Account(BaseModel):
    password: SecretStr


class OpenAccount(Account):
    @field_serializer("password")
    def reveal(self, password: SecretStr) -> str:
        return password.get_secret_value()


def test_secrets_are_not_written() -> None:
    with pytest.raises(InvalidItemError, match="password: a secret is written only by") as refused:
        encode(Account(password=SecretStr(CANARY)))

    assert CANARY not in str(refused.value)
    assert encode(OpenAccount(password=SecretStr("x"))) == {"password": {"S": "x"}}


class Stubborn(BaseModel):
    name: str

    @field_serializer("name")
    def never(self, name: str) -> str:
        raise ValueError(name)


def test_a_serializer_may_fail() -> None:
    with pytest.raises(InvalidItemError, match="pydantic cannot write it") as refused:
        encode(Stubborn(name=CANARY))

    assert CANARY not in str(refused.value)


def test_encoding_shows_no_values(recwarn: pytest.WarningsRecorder) -> None:
    line = Line(sku="a", price=Decimal(1))
    line.sku = CANARY.encode()  # type: ignore[assignment]  # so that pydantic would warn

    encode(line)
    with pytest.raises(InvalidItemError) as refused:
        encode(Stubborn(name=CANARY))

    assert not recwarn.list
    assert refused.value.__context__ is None


class Deferred(BaseModel):
    model_config = ConfigDict(defer_build=True)
    name: str


@pydantic.dataclasses.dataclass(config=ConfigDict(defer_build=True))
class DeferredDataclass:
    name: str


class Early(BaseModel):
    late: Late


class Late(BaseModel):
    name: str


@pytest.mark.parametrize(
    ("model", "image"),
    [
        (Deferred, {"name": {"S": "a"}}),
        (DeferredDataclass, {"name": {"S": "a"}}),
        (Early, {"late": {"M": {"name": {"S": "a"}}}}),
    ],
    ids=["model", "dataclass", "defined later"],
)
def test_a_model_may_be_built_late(model: Any, image: dict[str, Any]) -> None:
    assert isinstance(decode(model, image), model)


def test_a_model_may_be_rebuilt() -> None:
    class Changing(BaseModel):
        value: int = 0

    assert decode(Changing, {}) == Changing(value=0)
    Changing.model_fields["value"].default = 5
    Changing.model_rebuild(force=True)

    assert decode(Changing, {}).value == 5


def test_a_model_is_a_type() -> None:
    with pytest.raises(ConfigurationError, match="pydantic cannot read"):
        decode([], {})  # type: ignore[arg-type]  # no type at all


def test_attribute_names_are_text() -> None:
    with pytest.raises(InvalidItemError):
        decode(Picky, {1: {"S": "a"}})  # type: ignore[dict-item]  # not from JSON


class Reprs(BaseModel):
    name: Annotated[Any, BeforeValidator(repr)]


def test_bad_values_have_no_repr() -> None:
    with pytest.raises(InvalidItemError, match="name: N holds"):
        decode(Reprs, {"name": {"N": "NaN"}})


def test_nested_models_keep_aliases() -> None:
    order = decode(Order, IMAGE)

    assert in_order(encode({"order": order})["order"]["M"]) == in_order(encode(order))


def in_order(image: Any) -> Any:
    """Return an image with its texts of a set in order, which have none."""
    return {name: {"SS": sorted(each["SS"])} if "SS" in each else each for name, each in image.items()}
