# mypy: disable-error-code="name-defined,valid-type,misc,typeddict-item,unused-ignore"
# mypy: disable-error-code="no-any-return,attr-defined,index,var-annotated"
# ^ types are made at run time here, which no type checker can follow
"""Item models of every kind that are made at random, with images for them, right and wrong.

Everything is drawn from a `Random`: hypothesis hands in one of its own, so that it can shrink.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, IntFlag, StrEnum
from ipaddress import IPv4Address
from pathlib import Path
from random import Random
from typing import (
    Annotated,
    Any,
    Final,
    Generic,
    Literal,
    NamedTuple,
    NotRequired,
    Optional,
    TypeVar,
    Union,
)
from uuid import UUID

import pydantic
from annotated_types import Ge, MaxLen, MinLen, MultipleOf
from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Json,
    PlainValidator,
    PrivateAttr,
    PydanticUserError,
    RootModel,
    SecretStr,
    StrictBool,
    StrictBytes,
    StrictFloat,
    StrictInt,
    StrictStr,
    StringConstraints,
    Tag,
    WrapValidator,
    computed_field,
    field_validator,
    model_validator,
)
from pydantic.types import Strict
from pydantic_core import SchemaError
from typing_extensions import TypeAliasType, TypedDict

from ddbevents import ConfigurationError, InvalidItemError, decode

Attribute = dict[str, Any]
Grow = Callable[[Random], Attribute]
T = TypeVar("T")

_numbers = itertools.count()


class Kind(NamedTuple):
    """A type, and attribute values that fit it (most of the time: some validators refuse them)."""

    hint: Any
    grow: Grow


def leaf(hint: Any, *attributes: Attribute) -> Kind:
    return Kind(hint, lambda random: copy.deepcopy(random.choice(attributes)))


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Size(StrEnum):
    BIG = "big"
    SMALL = "small"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Rights(IntFlag):
    READ = 1
    WRITE = 2


class Mixed(Enum):
    TEXT = "1"
    NUMBER = 1


class Forgiving(Enum):
    KNOWN = "known"

    @classmethod
    def _missing_(cls, value: object) -> Forgiving:  # noqa: ARG003  # as Enum names it
        return cls.KNOWN


TEXT: Final = ({"S": "a"}, {"S": "abc"}, {"S": "7"}, {"S": " Ab "}, {"S": ""}, {"S": "ä\n"})
INTEGERS: Final = ({"N": "7"}, {"N": "0"}, {"N": "-3"}, {"N": "007"}, {"N": "1" * 38}, {"N": "7.0"})
REALS: Final = ({"N": "1.5"}, {"N": "7"}, {"N": "-0"}, {"N": "1E+2"}, {"N": "0.10"}, {"N": "-1e-7"})
BINARY: Final = ({"B": "Zm9v"}, {"B": ""}, {"B": b"raw"})
MOMENTS: Final = ({"S": "2026-11-23T09:00:00Z"}, {"N": "1661096164"}, {"N": "1661096164.5"})
ANYTHING: Final = (
    {"S": "x"},
    {"N": "1"},
    {"N": "1.50"},
    {"NULL": True},
    {"BOOL": False},
    {"L": [{"N": "1"}, {"S": "y"}]},
    {"M": {"S": {"S": "z"}, "n": {"NULL": True}}},
    {"SS": ["a", "b"]},
    {"NS": ["1", "1.0"]},
    {"BS": ["Zm9v"]},
    {"B": "Zm9v"},
)


def _unchanged(value: Any) -> Any:
    return value


def _as_text(value: Any) -> Any:
    return value if isinstance(value, str) else repr(value)


def _twice(value: Any) -> Any:
    return value + value


def _refuse_some(value: Any) -> Any:
    assert value not in {"abc", 0, Decimal("1.5"), True}  # pydantic takes it for a refusal
    return value


def _fail_on_some(value: Any) -> Any:
    return {"abc": 1, 0: 2}.get(value, value) if value != "a" else {"here": 1}["gone"]


def _or_fallback(value: Any, handler: Callable[[Any], Any]) -> Any:
    try:
        return handler(value)
    except ValueError:
        return "fallback"


def _kind_of(value: Any) -> str | None:
    found = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return found if isinstance(found, str) else None


class Point(NamedTuple):
    x: int
    y: int = 0


# hashable, so that they may stand in sets
HASHABLE: Final = (
    leaf(str, *TEXT),
    leaf(int, *INTEGERS),
    leaf(Decimal, *REALS),
    leaf(float, *REALS),
    leaf(bytes, *BINARY),
    leaf(UUID, {"S": "12345678-1234-5678-1234-567812345678"}, {"S": "12345678123456781234567812345678"}),
    leaf(Colour, {"S": "red"}, {"S": "blue"}),
    leaf(Size, {"S": "big"}, {"S": "small"}),
    leaf(Literal["a", "abc"], {"S": "a"}, {"S": "abc"}),
    leaf(date, {"S": "2026-11-23"}, {"N": "1661040000"}),
    leaf(Annotated[str, StringConstraints(to_lower=True)], {"S": "A"}, {"S": "a"}),
    leaf(Annotated[str, AfterValidator(str.casefold)], {"S": "A"}, {"S": "a"}),
    leaf(Annotated[int, AfterValidator(abs)], *INTEGERS),
    leaf(RootModel[str], *TEXT),
    leaf(tuple[int, ...], {"L": [{"N": "1"}]}),
    leaf(Level, {"N": "1"}),
    leaf(Any, *ANYTHING[:3]),
)

LEAVES: Final = (
    *HASHABLE,
    leaf(bool, {"BOOL": True}, {"BOOL": False}, {"N": "1"}, {"S": "yes"}),
    leaf(datetime, *MOMENTS),
    leaf(time, {"S": "09:00:00"}, {"N": "3600"}),
    leaf(timedelta, {"S": "PT1H"}, {"N": "60.5"}, {"N": "1"}),
    leaf(Any, *ANYTHING),
    leaf(object, *ANYTHING),
    leaf(dict, *ANYTHING[6:7]),
    leaf(list, *ANYTHING[5:6]),
    leaf(set, *ANYTHING[7:10]),
    leaf(tuple, *ANYTHING[5:6]),
    leaf(Rights, {"N": "3"}),
    leaf(Mixed, {"N": "1"}, {"S": "1"}),
    leaf(Forgiving, {"S": "unknown"}, {"N": "1"}),
    leaf(Literal[1, "1"], {"N": "1"}, {"S": "1"}),
    leaf(Literal[Size.BIG, "x"], {"S": "big"}, {"S": "x"}),
    leaf(Literal[True] | None, {"BOOL": True}, {"NULL": True}),
    leaf(IPv4Address, {"S": "127.0.0.1"}, {"N": "2130706433"}),
    leaf(Path, {"S": "/tmp/x"}),  # noqa: S108  # only a path's text
    leaf(SecretStr, *TEXT),
    leaf(pydantic.AnyUrl, {"S": "https://example.com/x"}),
    leaf(pydantic.PostgresDsn, {"S": "postgres://u@h/x"}),
    leaf(pydantic.ByteSize, {"N": "1024"}, {"S": "1KB"}),
    leaf(pydantic.Base64Bytes, {"B": "Wm05dg=="}),
    leaf(pydantic.AwareDatetime, *MOMENTS),
    leaf(pydantic.PastDate, {"S": "2020-11-23"}),
    leaf(Json[Any], {"S": '{"a": 1}'}, {"B": "MQ=="}),
    leaf(Point, {"L": [{"N": "1"}, {"N": "2"}]}, {"M": {"x": {"N": "1"}}}),
    leaf(deque[int], {"L": [{"N": "1"}]}),
    leaf(Sequence[int], {"L": [{"N": "1"}]}),
    leaf(Mapping[str, int], {"M": {"a": {"N": "1"}}}),
    leaf(StrictStr, *TEXT),
    leaf(StrictInt, *INTEGERS),
    leaf(StrictFloat, *REALS),
    leaf(StrictBool, {"BOOL": True}),
    leaf(StrictBytes, *BINARY),
    leaf(Annotated[Decimal, Strict()], *REALS),
    leaf(Annotated[datetime, Strict()], *MOMENTS),
    leaf(Annotated[UUID, Strict()], {"S": "12345678-1234-5678-1234-567812345678"}),
    leaf(Annotated[Colour, Strict()], {"S": "red"}),
    leaf(Annotated[set[int], Strict()], {"NS": ["1", "2"]}),
    leaf(Annotated[tuple[int, str], Strict()], {"L": [{"N": "1"}, {"S": "a"}]}),
    leaf(Annotated[list[datetime], Strict()], {"L": [{"S": "2026-11-23T09:00:00Z"}]}),
    leaf(
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, pattern="^[a-zA-Z]+$")], *TEXT
    ),
    leaf(Annotated[int, Ge(0)], *INTEGERS),
    leaf(Annotated[int, MultipleOf(7)], *INTEGERS),
    leaf(Annotated[Decimal, Ge(Decimal(1))], *REALS),
    leaf(pydantic.condecimal(max_digits=3, decimal_places=2), *REALS),
    leaf(Annotated[list[int], MinLen(1), MaxLen(3)], {"L": [{"N": "1"}]}, {"L": []}),
    leaf(Annotated[set[int], MinLen(2)], {"NS": ["1", "1.0"]}, {"NS": ["1", "2"]}),
    leaf(Annotated[set[int], MaxLen(1)], {"NS": ["1", "1.0"]}, {"NS": ["1", "2"]}),
    leaf(Annotated[bytes, MaxLen(3)], *BINARY),
)


def kind(random: Random, depth: int) -> Kind:
    """Return any type, of at most this depth."""
    if depth <= 0 or random.random() < 0.4:
        return random.choice(LEAVES)
    return random.choice(_COMPOSITES)(random, depth - 1)


def some(random: Random, grow: Grow) -> list[Attribute]:
    return [grow(random) for _ in range(random.choice((1, 0, 2, 3)))]


def _list(random: Random, depth: int) -> Kind:
    inner = kind(random, depth)
    return Kind(list[inner.hint], lambda r: {"L": some(r, inner.grow)})


def _tuple(random: Random, depth: int) -> Kind:
    inner = kind(random, depth)
    return Kind(tuple[inner.hint, ...], lambda r: {"L": some(r, inner.grow)})


def _pair(random: Random, depth: int) -> Kind:
    left, right = kind(random, depth), random.choice(LEAVES)
    return Kind(tuple[left.hint, right.hint], lambda r: {"L": [left.grow(r), right.grow(r)]})


def _set(random: Random, depth: int) -> Kind:
    inner = random.choice(HASHABLE)
    kind_of_set = random.choice((set, frozenset))

    def grow(r: Random) -> Attribute:
        members = [inner.grow(r), *some(r, inner.grow)]
        [(tag, content)] = members[0].items()
        if tag not in {"S", "N", "B"}:
            return {"L": members}
        return {f"{tag}S": list(dict.fromkeys([content, *(m[tag] for m in members if tag in m)]))}

    return Kind(kind_of_set[inner.hint], grow)


_KEYS: Final[tuple[tuple[Any, tuple[str, ...]], ...]] = (
    (str, ("a", "S", "aws:rep:x")),
    (int, ("1", "-2")),
    (Size, ("big", "small")),
    (Decimal, ("1.5",)),
    (UUID, ("12345678-1234-5678-1234-567812345678",)),
    (Annotated[str, AfterValidator(str.upper)], ("a", "b")),
    (Any, ("a",)),
)


def _dict(random: Random, depth: int) -> Kind:
    inner = kind(random, depth)
    key, names = random.choice(_KEYS)
    return Kind(
        dict[key, inner.hint],
        lambda r: {"M": {name: inner.grow(r) for name in names[: r.choice((1, 0, 2, 3))]}},
    )


def _optional(random: Random, depth: int) -> Kind:
    inner = kind(random, depth)
    return Kind(Optional[inner.hint], lambda r: r.choice((inner.grow, _null))(r))  # noqa: UP045  # hints are values


def _null(_: Random) -> Attribute:
    return {"NULL": True}


def _union(random: Random, depth: int) -> Kind:
    members = [*random.sample(LEAVES, 2), kind(random, depth)][: random.choice((2, 3))]
    random.shuffle(members)
    hint = Union[tuple(member.hint for member in members)]  # noqa: UP007  # built at run time
    mode: Any = random.choice((Field(), Field(union_mode="left_to_right")))
    grows = [member.grow for member in members]
    return Kind(Annotated[hint, mode], lambda r: r.choice(grows)(r))


_SIMPLE: Final = (
    leaf(str, *TEXT),
    leaf(int, *INTEGERS),
    leaf(float, *REALS),
    leaf(bool, {"BOOL": True}, {"N": "1"}),
    leaf(None, {"NULL": True}),
    leaf(list[int], {"L": [{"N": "1"}]}),
    leaf(dict[str, int], {"M": {"a": {"N": "1"}}}),
    leaf(Decimal, *REALS),
    leaf(RootModel[Decimal], *REALS, {"S": "7"}),
    leaf(RootModel[bytes], *BINARY),
    leaf(StrictInt, *INTEGERS),
)


def _simple_union(random: Random, depth: int) -> Kind:
    members = [*random.sample(_SIMPLE, random.choice((2, 3, 4)))]
    record = random.choice((None, model))
    members += [record(random, depth)] if record else []
    hint = Union[tuple(member.hint for member in members)]  # noqa: UP007  # the same
    grows = [member.grow for member in members]
    return Kind(hint, lambda r: r.choice(grows)(r))


_TAGS: Final = (
    (Literal["a"], Literal["b", "c"], {"S": "a"}, {"S": "b"}),
    (Literal[1], Literal[2], {"N": "1"}, {"N": "2"}),
    (Literal[Size.BIG], Literal[Size.SMALL], {"S": "big"}, {"S": "small"}),
    (Literal["a"], Literal["b", 2], {"S": "a"}, {"N": "2"}),
)


def _tagged(random: Random, depth: int) -> Kind:
    one, other, first, second = random.choice(_TAGS)
    alias = random.choice((None, "S"))
    members = [
        random.choice((model, _dataclass, _typed_dict))(random, depth, (literal, attribute, alias))
        for literal, attribute in ((one, first), (other, second))
    ]
    hint = Union[tuple(member.hint for member in members)]  # noqa: UP007  # the same
    grows = [member.grow for member in members]
    return Kind(Annotated[hint, Field(discriminator="kind")], lambda r: r.choice(grows)(r))


def _tagged_by_function(random: Random, depth: int) -> Kind:
    one, other = model(random, depth, (Literal["a"], {"S": "a"}, None)), random.choice(LEAVES)
    hint = Annotated[
        Union[Annotated[one.hint, Tag("a")], Annotated[other.hint, Tag("other")]],  # noqa: UP007  # the same
        Discriminator(lambda value: _kind_of(value) or "other"),
    ]
    return Kind(hint, lambda r: r.choice((one.grow, other.grow))(r))


_VALIDATORS: Final = (
    AfterValidator(_unchanged),
    AfterValidator(_refuse_some),
    AfterValidator(_fail_on_some),
    AfterValidator(_twice),
    BeforeValidator(_unchanged),
    BeforeValidator(_as_text),
    WrapValidator(_or_fallback),
    PlainValidator(_unchanged),
)


def _validated(random: Random, depth: int) -> Kind:
    inner = kind(random, depth)
    return Kind(Annotated[inner.hint, random.choice(_VALIDATORS)], inner.grow)


def _alias_type(random: Random, depth: int) -> Kind:
    inner = kind(random, depth)
    alias = TypeAliasType(f"Alias{next(_numbers)}", inner.hint)  # type: ignore[misc]  # made at run time
    # used twice it becomes a definition, used once pydantic puts it in line
    return Kind(tuple[alias, alias], lambda r: {"L": [inner.grow(r), inner.grow(r)]})  # type: ignore[valid-type]  # the same


def _root(random: Random, depth: int) -> Kind:
    inner = kind(random, depth)
    namespace = {
        "__annotations__": {"root": inner.hint},
        "__module__": __name__,
        "model_config": ConfigDict(**random.choice(_ROOT_CONFIGS)),
    }
    made: Any = type(RootModel)
    return Kind(made(f"Root{next(_numbers)}", (RootModel,), namespace), inner.grow)


_ROOT_CONFIGS: Final[tuple[Any, ...]] = (
    {},
    {"strict": True},
    {"coerce_numbers_to_str": True},
    {"str_strip_whitespace": True},
    {"frozen": True},
)


class Box(BaseModel, Generic[T]):
    content: T
    label: str = "box"


class Tree(BaseModel, Generic[T]):
    value: T
    branches: list[Tree[T]] = []


def _box(random: Random, depth: int) -> Kind:
    inner = kind(random, depth)
    return Kind(Box[inner.hint], lambda r: {"M": {"content": inner.grow(r)}})


def _tree(random: Random, _: int) -> Kind:
    inner = random.choice(HASHABLE)

    def grow(r: Random, depth: int = 2) -> Attribute:
        branches = [grow(r, depth - 1) for _ in range(r.choice((0, 1, 2)) if depth else 0)]
        return {"M": {"value": inner.grow(r), "branches": {"L": branches}}}

    return Kind(Tree[inner.hint], grow)


class Person(BaseModel):
    name: str
    employer: Company | None = None
    friends: list[Person] = []
    facts: Any = None


class Company(BaseModel, extra="allow"):
    title: str
    staff: dict[str, Person] = {}
    owner: Union[int, Person, Company] = 0  # noqa: UP007  # the smart union is the point


@dataclasses.dataclass
class Node:
    value: int
    next: Node | None = None
    other: Thing | None = None


class Thing(TypedDict):
    name: str
    node: NotRequired[Node]
    thing: NotRequired[Thing]


class Guarded(BaseModel):
    """Recursive, and read generically: its original definition stays in use."""

    value: int = 0
    child: Guarded | None = None
    people: list[Person] = []

    @model_validator(mode="before")
    @classmethod
    def _sees_values(cls, value: Any) -> Any:
        return value


JsonLike = TypeAliasType("JsonLike", "list[JsonLike] | dict[str, JsonLike] | int | str | None")


def _grow_person(r: Random, depth: int = 3) -> Attribute:
    friends = [_grow_person(r, depth - 1) for _ in range(r.choice((0, 1)) if depth else 0)]
    employer = _grow_company(r, depth - 1) if depth else {"NULL": True}
    whole = {
        "name": {"S": "ada"},
        "friends": {"L": friends},
        "employer": employer,
        "facts": r.choice(ANYTHING),
    }
    return {"M": {name: whole[name] for name in ("name", *r.sample([*whole], 2))}}


def _grow_company(r: Random, depth: int = 3) -> Attribute:
    staff = {name: _grow_person(r, depth - 1) for name in ("a", "b")[: r.choice((0, 1)) if depth else 0]}
    owner = r.choice((_grow_person, _grow_company))(r, depth - 1) if depth else {"N": "1"}
    whole = {"title": {"S": "acme"}, "staff": {"M": staff}, "owner": owner, "extra": r.choice(ANYTHING)}
    return {"M": {name: whole[name] for name in ("title", *r.sample([*whole], 2))}}


def _grow_node(r: Random, depth: int = 3) -> Attribute:
    following = _grow_node(r, depth - 1) if depth else {"NULL": True}
    other = _grow_thing(r, depth - 1) if depth else {"NULL": True}
    whole = {"value": {"N": "1"}, "next": following, "other": other}
    return {"M": {name: whole[name] for name in ("value", *r.sample([*whole], 1))}}


def _grow_thing(r: Random, depth: int = 3) -> Attribute:
    parts = [("node", _grow_node), ("thing", _grow_thing)][: r.choice((0, 1, 2)) if depth else 0]
    return {"M": {"name": {"S": "x"}, **{name: grow(r, depth - 1) for name, grow in parts}}}


def _grow_guarded(r: Random, depth: int = 2) -> Attribute:
    child = _grow_guarded(r, depth - 1) if depth else {"NULL": True}
    return {"M": {"value": {"N": "1"}, "child": child, "people": {"L": some(r, _grow_person)}}}


RECURSIVE: Final = (
    Kind(Person, _grow_person),
    Kind(Company, _grow_company),
    Kind(Node, _grow_node),
    Kind(Thing, _grow_thing),
    Kind(Guarded, _grow_guarded),
)


def _recursive(random: Random, _: int) -> Kind:
    return random.choice((*RECURSIVE, leaf(JsonLike, *ANYTHING[:7])))


# --- records


class _PostInit(BaseModel):
    def model_post_init(self, context: Any, /) -> None:  # noqa: ARG002  # pydantic's signature
        object.__setattr__(self, "__pydantic_extra__", self.__pydantic_extra__)


class _Private(BaseModel):
    _note: str = PrivateAttr(default="n")
    _seen: list[str] = PrivateAttr(default_factory=list)

    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        self._seen = sorted(self.model_fields_set)


class _Computed(BaseModel):
    @computed_field  # type: ignore[prop-decorator]  # pydantic's own idiom
    @property
    def how_many(self) -> int:
        return 0  # pragma: no cover  # it only has to be there


class _Before(BaseModel):
    @model_validator(mode="before")
    @classmethod
    def _add(cls, value: Any) -> Any:
        return {**value, "seen": repr(value)} if isinstance(value, dict) else value


class _After(BaseModel):
    @model_validator(mode="after")
    def _check(self) -> _After:
        if len(self.model_fields_set) == 1:
            raise ValueError
        return self


class _Wrap(BaseModel):
    @model_validator(mode="wrap")
    @classmethod
    def _again(cls, value: Any, handler: Any) -> Any:
        return handler({**value, "seen": repr(value)} if isinstance(value, dict) else value)


class _Init(BaseModel):
    def __init__(self, **values: Any) -> None:
        super().__init__(**{**values, "seen": repr(values)})


class _FieldValidators(BaseModel):
    seen: Any = None

    @field_validator("*", mode="before")
    @classmethod
    def _sees(cls, value: Any) -> Any:
        return value


class _AfterFields(BaseModel):
    @field_validator("*", mode="after")
    @classmethod
    def _sees(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        return (value, sorted(info.data)) if info.field_name == "b" else value


_BASES: Final[tuple[type[BaseModel], ...]] = (
    *[BaseModel] * 8,
    _Private,
    _Computed,
    _After,
    _AfterFields,
    _PostInit,
    _Before,
    _Wrap,
    _Init,
    _FieldValidators,
)

_SETTINGS: Final[tuple[dict[str, Any], ...]] = (
    {"alias_generator": str.upper},
    {"extra": "allow"},
    {"extra": "forbid"},
    {"extra": "ignore"},
    {"strict": True},
    {"frozen": True},
    {"populate_by_name": True},
    {"str_strip_whitespace": True},
    {"str_strip_whitespace": True, "regex_engine": "python-re"},
    {"str_to_lower": True},
    {"str_to_upper": True},
    {"str_min_length": 2},
    {"str_max_length": 2},
    {"coerce_numbers_to_str": True},
    {"validate_default": True},
    {"use_enum_values": True},
    {"from_attributes": True},
    {"revalidate_instances": "always"},
    {"val_json_bytes": "base64"},
    {"allow_inf_nan": False},
    {"hide_input_in_errors": True},
    {"validate_assignment": True},
)


def _config(random: Random, preset: Preset | None = None) -> ConfigDict:
    # the members of a tagged union must agree on the alias of the field that tells them apart
    possible = _SETTINGS if preset is None else _SETTINGS[1:]
    settings = random.sample(possible, random.choice((0, 0, 0, 1, 1, 2, 3)))
    return ConfigDict(**{name: value for setting in settings for name, value in setting.items()})  # type: ignore[typeddict-item]  # chosen at run time


_NAMES: Final = ("a", "b", "c", "S", "N", "M", "L", "NULL", "type", "schema_", "x")

Place = Callable[[Random, str, Attribute, dict[str, Any]], None]


def _as(alias: str) -> Place:
    def place(_: Random, __: str, attribute: Attribute, image: dict[str, Any]) -> None:
        image[alias] = attribute

    return place


def _as_named(_: Random, name: str, attribute: Attribute, image: dict[str, Any]) -> None:
    image[name] = attribute


def _in_upper(_: Random, name: str, attribute: Attribute, image: dict[str, Any]) -> None:
    image[name.upper()] = attribute


def _either(random: Random, name: str, attribute: Attribute, image: dict[str, Any]) -> None:
    image[random.choice((f"{name}1", f"{name}2"))] = attribute


def _in_box(_: Random, name: str, attribute: Attribute, image: dict[str, Any]) -> None:
    image.setdefault("box", {"M": {}})["M"][name] = attribute


def _in_row(_: Random, name: str, attribute: Attribute, image: dict[str, Any]) -> None:
    image[f"{name}_row"] = {"L": [{"NULL": True}, attribute]}


def _aliases(name: str) -> tuple[tuple[dict[str, Any], Place], ...]:
    """Return settings of a field, each with the place of its attribute."""
    return (
        *[({}, _as_named)] * 14,
        ({"alias": f"{name}_alias"}, _as(f"{name}_alias")),
        ({"validation_alias": AliasChoices(f"{name}1", f"{name}2")}, _either),
        ({}, _in_upper),
        ({"alias": f"{name}_alias"}, _as(f"{name}_alias")),
        ({"validation_alias": f"{name}_v"}, _as(f"{name}_v")),
        ({"alias": f"{name}_alias"}, _as_named),
        ({"alias": f"aws:rep:{name}"}, _as(f"aws:rep:{name}")),
        ({"validation_alias": AliasChoices(f"{name}1", f"{name}2")}, _either),
        ({"validation_alias": AliasPath("box", name)}, _in_box),
        ({"validation_alias": AliasPath(f"{name}_row", 1)}, _in_row),
        ({"validation_alias": AliasChoices(AliasPath("box", name), f"{name}2")}, _either),
        ({"validation_alias": AliasChoices(f"{name}1", AliasPath("box", name, "S"))}, _either),
    )


_DEFAULTS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {},
    {},
    {"default": None},
    {"default": "d"},
    {"default": {"S": "x"}},
    {"default_factory": list},
    {"default": "7", "validate_default": True},
    {"default": {"S": "x"}, "validate_default": True},
)


class _Slot(NamedTuple):
    name: str
    hint: Any
    settings: dict[str, Any]
    grow: Grow
    place: Place

    @property
    def field(self) -> Any:
        return Field(**self.settings)

    @property
    def annotated(self) -> Any:
        return Annotated[self.hint, self.field] if self.settings else self.hint


Preset = tuple[Any, Attribute, str | None]  # a discriminator: its literal, its attribute, its alias


def _slots(random: Random, depth: int, preset: Preset | None) -> list[_Slot]:
    slots = [_slot(random, depth, name) for name in random.sample(_NAMES, random.choice((1, 2, 3)))]
    return slots if preset is None else [_discriminator(*preset), *slots]


def _slot(random: Random, depth: int, name: str) -> _Slot:
    inner = kind(random, depth)
    alias, place = random.choice(_aliases(name))
    return _Slot(name, inner.hint, {**random.choice(_DEFAULTS), **alias}, inner.grow, place)


def _discriminator(literal: Any, attribute: Attribute, alias: str | None) -> _Slot:
    settings = {"alias": alias} if alias else {}
    return _Slot("kind", literal, settings, lambda _: dict(attribute), _as(alias) if alias else _as_named)


def _grow_record(slots: list[_Slot]) -> Grow:
    def grow(random: Random) -> Attribute:
        image: dict[str, Any] = {}
        for slot in slots:
            if not _may_be_absent(slot) or random.random() < 0.7:
                slot.place(random, slot.name, slot.grow(random), image)
        return {"M": image}

    return grow


def _may_be_absent(slot: _Slot) -> bool:
    return bool(slot.settings.keys() & {"default", "default_factory"})


def model(random: Random, depth: int, preset: Preset | None = None) -> Kind:
    slots = _slots(random, depth, preset)
    name = f"Model{next(_numbers)}"
    hints = {slot.name: slot.hint for slot in slots}
    grow = _grow_record(slots)
    if random.random() < 0.2:
        hints["again"] = random.choice(
            (
                Optional[name],  # noqa: UP045  # a forward reference is text
                Optional[list[name]],  # type: ignore[valid-type]  # noqa: UP045  # the same
                Union[int, name, None],  # type: ignore[valid-type]  # noqa: UP007  # the same
                Union[Any, name],  # type: ignore[valid-type]  # noqa: UP007  # the same
            )
        )
        grow = _grow_again(grow)
    namespace: dict[str, Any] = {
        "__annotations__": hints,
        "__module__": __name__,
        "model_config": _config(random, preset),
        **{slot.name: slot.field for slot in slots if slot.settings},
    }
    if "again" in hints:
        namespace["again"] = None
    # no validator may run before a field that tells the members of a union apart
    bases = _BASES if preset is None else _BASES[:-1]
    made: Any = type(BaseModel)
    return Kind(made(name, (random.choice(bases),), namespace), grow)


def _grow_again(grow: Grow) -> Grow:
    def grow_again(random: Random, depth: int = 2) -> Attribute:
        attribute = grow(random)
        inner = [grow_again(random, depth - 1)] if depth else [{"NULL": True}]
        attribute["M"] |= random.choice(({}, {"again": inner[0]}, {"again": {"L": inner}}))
        return attribute

    return grow_again


def _typed_dict(random: Random, depth: int, preset: Preset | None = None) -> Kind:
    slots = [
        slot._replace(settings={n: v for n, v in slot.settings.items() if n in {"alias", "validation_alias"}})
        for slot in _slots(random, depth, preset)
    ]
    hints = {
        slot.name: random.choice((slot.annotated, NotRequired[slot.annotated]))
        if slot.name != "kind"
        else slot.annotated
        for slot in slots
    }
    made: Any = TypedDict(f"Typed{next(_numbers)}", hints)  # type: ignore[operator, misc]  # made at run time
    made.__pydantic_config__ = _config(random, preset)
    return Kind(made, _grow_record(slots))


def _dataclass(random: Random, depth: int, preset: Preset | None = None) -> Kind:
    slots = _slots(random, depth, preset)
    made: Any = dataclasses.make_dataclass(
        f"Data{next(_numbers)}",
        [(slot.name, slot.hint, slot.field) if slot.settings else (slot.name, slot.hint) for slot in slots],
        kw_only=True,
    )
    if random.random() < 0.5:
        made.__pydantic_config__ = _config(random)
        return Kind(made, _grow_record(slots))
    return Kind(pydantic.dataclasses.dataclass(made, config=_config(random)), _grow_record(slots))


_COMPOSITES: Final[tuple[Callable[[Random, int], Kind], ...]] = (
    _optional,
    model,
    _list,
    _dict,
    _set,
    _union,
    _simple_union,
    _tuple,
    _pair,
    _dataclass,
    _typed_dict,
    _tagged,
    _tagged_by_function,
    _validated,
    _alias_type,
    _root,
    _box,
    _tree,
    _recursive,
)


def item_kind(random: Random) -> Kind:
    """Return a kind of item: a model, a dataclass or a TypedDict."""
    make = random.choice((model, model, model, _dataclass, _typed_dict, _recursive_record, _root_of_record))
    return make(random, 2)


def grown(random: Random) -> Kind | None:
    """Return a kind of item, or None where pydantic itself knows no such model."""
    nothing: Any = None
    try:
        kind = item_kind(random)
        # never an item: it only shows that pydantic can read the model
        with suppress(InvalidItemError):
            decode(kind.hint, nothing)
    except (ConfigurationError, PydanticUserError, SchemaError, TypeError, RuntimeError, ValueError):
        return None
    return kind


def _recursive_record(random: Random, depth: int) -> Kind:
    return random.choice((*RECURSIVE, _tree(random, depth)))


def _root_of_record(random: Random, depth: int) -> Kind:
    inner = random.choice((model, _dict, _tagged))(random, depth)
    return Kind(RootModel[inner.hint], inner.grow)


# --- wrong images

NUMBER_TEXTS: Final = (
    "NaN",
    "Infinity",
    "inf",
    "",
    " 1",
    "1 ",
    "\t1\n",
    "1\n",
    "\u00a01",
    "1_000",
    "1__0",
    "_1",
    "1_0.5",
    "1e0_1",
    "1e400",
    "1e127",
    "1e-400",
    "1" * 39,
    "1." + "0" * 41,
    "1" + "0" * 100,
    "+7",
    "007",
    ".5",
    "1.",
    "٣",
    "１",
    "-0",
    "-0.0",
    "1E+2",
    "7.0",
    "0x10",
    "1,5",
    "true",
    "9" * 38,
    "-" + "9" * 38,
    "1e125",
    "1e-130",
)
BINARY_TEXTS: Final = ("aGk==", "aG k=", "!!!!", "=aGk=", "aGk=aGk=", "aGkA=", "aGk", "ä", "aGk=", "aGk=\n")
_CONTENTS: Final = (
    None,
    True,
    False,
    0,
    1.5,
    "x",
    "",
    "yes",
    "2026-11-23",
    [],
    {},
    ["x", "x"],
    ["1", "1"],
    ["1", "1.0"],
    [" 1"],
    [1],
    [["x"]],
    ["Zm9v"],
    {"S": "x"},
    [{"S": "x"}],
    {"a": {"N": "1"}},
    [{"S": "x"}, {"N": "NaN"}],
)
_TAG_NAMES: Final = ("S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS", "X", "")


def mutate(random: Random, image: dict[str, Any]) -> dict[str, Any]:
    """Return the same image, wrong in a place or two."""
    changed = {"M": copy.deepcopy(image)}
    for _ in range(random.choice((1, 1, 2))):
        random.choice(_MUTATIONS)(random, changed)
    return dict(changed["M"]) if isinstance(changed.get("M"), dict) else image


class _Spot(NamedTuple):
    """The map or list that holds an attribute value, and the name or index it has there."""

    holder: Any
    name: Any


def _spots(attribute: Any) -> list[_Spot]:
    found: list[_Spot] = []
    rest = [attribute]
    while rest:
        for tag, content in rest.pop().items():
            places = {"M": _names_in, "L": _indices_in}.get(tag, _nowhere)(content)
            found += [_Spot(content, place) for place in places]
            rest += [content[place] for place in places if isinstance(content[place], dict)]
    return found


def _names_in(content: Any) -> list[Any]:
    return list(content) if isinstance(content, dict) else []


def _indices_in(content: Any) -> list[Any]:
    return list(range(len(content))) if isinstance(content, list) else []


def _nowhere(_: Any) -> list[Any]:
    return []


def _replace_with(make: Callable[[Random, Any], Any]) -> Callable[[Random, Attribute], None]:
    def replace(random: Random, root: Attribute) -> None:
        for spot in random.sample(spots := _spots(root), min(1, len(spots))):
            spot.holder[spot.name] = copy.deepcopy(make(random, spot.holder[spot.name]))

    return replace


def _content_of(attribute: Any) -> Any:
    return next(iter(attribute.values()), None) if isinstance(attribute, dict) else attribute


def _remove(random: Random, root: Attribute) -> None:
    for spot in random.sample(spots := _spots(root), min(1, len(spots))):
        del spot.holder[spot.name]


def _rename(random: Random, root: Attribute) -> None:
    maps = [spot for spot in _spots(root) if isinstance(spot.holder, dict)]
    for spot in random.sample(maps, min(1, len(maps))):
        spot.holder[random.choice(("b", "S", "seen", "box", "aws:rep:x"))] = spot.holder.pop(spot.name)


def _add(random: Random, root: Attribute) -> None:
    maps = [root["M"], *(s.holder for s in _spots(root) if isinstance(s.holder, dict))]
    name = random.choice(("extra", "S", "aws:rep:updatetime", "seen", "again", "box", "a1"))
    random.choice(maps)[name] = copy.deepcopy(random.choice((*ANYTHING, {"N": "NaN"}, {"X": 1}, 5, None, {})))


def _swap(random: Random, root: Attribute) -> None:
    spots = _spots(root)
    for one, other in zip(random.sample(spots, min(1, len(spots))), spots, strict=False):
        one.holder[one.name] = copy.deepcopy(other.holder[other.name])


def nested(levels: int, tag: str = "L", name: str = "again") -> Attribute:
    attribute: Attribute = {"N": "1"}
    for _ in range(levels):
        attribute = {"L": [attribute]} if tag == "L" else {"M": {name: attribute}}
    return attribute


_MUTATIONS: Final[tuple[Callable[[Random, Attribute], None], ...]] = (
    _replace_with(lambda r, a: {r.choice(_TAG_NAMES): _content_of(a)}),
    _replace_with(lambda r, a: {r.choice(_TAG_NAMES): r.choice(_CONTENTS)}),
    _replace_with(lambda r, a: {next(iter(a), "S") if isinstance(a, dict) else "S": r.choice(_CONTENTS)}),
    _replace_with(lambda r, a: {"N": r.choice(NUMBER_TEXTS)}),
    _replace_with(lambda r, a: {"N": r.choice(NUMBER_TEXTS)}),
    _replace_with(lambda r, a: {"S": r.choice(NUMBER_TEXTS)}),
    _replace_with(lambda r, a: {"NS": r.sample(NUMBER_TEXTS, 2)}),
    _replace_with(lambda r, a: {r.choice(("B", "S")): r.choice(BINARY_TEXTS)}),
    _replace_with(lambda r, a: {"BS": r.sample(BINARY_TEXTS, 2)}),
    _replace_with(lambda r, a: {"NULL": r.choice((True, True, False, None, 1, "true"))}),
    _replace_with(lambda r, a: r.choice(ANYTHING)),
    _replace_with(lambda r, a: _content_of(a)),
    _replace_with(lambda r, a: {"L": [a]}),
    _replace_with(lambda r, a: {"M": {"root": a}}),
    _replace_with(lambda r, a: r.choice(({}, [], "S", "N", None, 1, {"S": b"bytes"}, ["S"]))),
    _replace_with(lambda r, a: nested(r.choice((3, 36, 37, 38, 39, 40, 41)), r.choice(("L", "M")))),
    _replace_with(lambda r, a: {"S": a}),
    _remove,
    _rename,
    _add,
    _swap,
)
