"""The fast encoder gives what the other one gives, which alone writes maps that hold an iterator.

`DDBEVENTS_CAMPAIGNS=long` tries 50,000 values.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, UserList
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, date
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AnyUrl, BaseModel, SecretStr

from ddbevents import InvalidItemError, decode_value, encode, encode_value
from tests.campaigns import size
from tests.stream import CANARY, shown

EXAMPLES: Final = size(short=60, full=2_000, long=50_000)

Make: TypeAlias = Callable[[], Any]
"""Makes a new value each time, since an iterator can be read only once."""


class Text(str):
    __slots__ = ()
    __str__ = object.__repr__


class Whole(int):
    __repr__ = object.__repr__


class Real(float):
    __repr__ = object.__repr__


class Exact(Decimal):
    __str__ = object.__repr__


class Binary(bytes):
    pass


@dataclasses.dataclass
class Box:
    inside: Any


class Colour(Enum):
    RED = "red"
    NOTHING = None
    NONE_AT_ALL = frozenset[str]()
    DEEP = ({"a": 1},)
    BOXED = Box(1)


class Size(IntEnum):
    SMALL = 1


class Shade(StrEnum):
    DARK = "dark"


class Access(Flag):
    READ = 1


class Mixed(str, Enum):  # noqa: UP042  # its members are shown otherwise than those of StrEnum
    TEXT = "text"


class Scalar:
    """Converts to a number like those of numpy, and is none."""

    dtype = "int64"
    __int__ = __index__ = int
    __float__ = float


class Pair(BaseModel):
    left: Any
    right: Any


NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.decimals(),
    st.sampled_from(
        [
            *(10**38 - 1, 10**38, 10**38 + 1, -(10**38) + 1, -(10**38), 10**125, 10**126, 10**200),
            *map(
                Decimal,
                ["0", "-0", "0E-200", "1E+2", "1E-130", "1E-131", "9E+125", "1E+126", "1." + "0" * 60],
            ),
            *map(Decimal, ["0.1", "0.10", "NaN", "sNaN", "Infinity", "-Infinity", "1." + "1" * 40]),
            *(0.1, -0.0, 1e-200, 5e-324, 1e20, 1e125, 1e126),
        ]
    ),
)
NAMES: st.SearchStrategy[Hashable] = st.one_of(
    st.text(max_size=2),
    st.sampled_from(["1", "red", 1, 1.0, Decimal(1), Text("1"), Whole(1), Size.SMALL, True, None]),
    st.sampled_from([*Colour, *Shade, *Mixed, b"1", (1, 2), UUID(int=1), date(2026, 1, 1), 10**40, 10**126]),
)
LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=3),
    st.binary(max_size=3),
    NUMBERS,
    st.datetimes(timezones=st.sampled_from([None, UTC])),
    st.dates() | st.times() | st.timedeltas() | st.uuids(),
    st.sampled_from([*Colour, *Size, *Shade, *Access, *Mixed]),
    st.builds(Text, st.text(max_size=3)) | st.builds(Binary, st.binary(max_size=3)),
    st.builds(Whole, st.integers()) | st.builds(Real, st.floats()) | st.builds(Exact, st.decimals()),
    st.binary(max_size=3).map(bytearray),
    st.builds(IPv4Address, st.integers(0, 2**32 - 1)),
    st.builds(Scalar) | st.builds(UserList[int]) | st.builds(object) | st.builds(SecretStr, st.just(CANARY)),
    st.sampled_from(
        [memoryview(b"a"), IPv4Network("10.0.0.0/8"), PurePosixPath("a"), AnyUrl("https://a.b"), 1j, int, ...]
    ),
)
SETS: st.SearchStrategy[Any] = st.one_of(
    st.sets(st.text(max_size=3), max_size=4),
    st.sets(st.binary(max_size=3), max_size=4),
    st.sets(st.integers(-9, 9) | st.decimals(-9, 9, places=1), max_size=9),
    st.sets(NUMBERS.filter(lambda number: "s" not in str(number)), max_size=9),
    st.sets(NAMES, max_size=3),
)


def same(value: Any) -> Any:
    return value


def make_all(kind: Callable[[Any], Any], makes: list[Make]) -> Any:
    return kind(make() for make in makes)


def make_map(kind: Callable[[Any], Any], makes: Mapping[Any, Make]) -> Any:
    return kind({name: make() for name, make in makes.items()})


def make_pair(left: Make, right: Make) -> Pair:
    return Pair.model_construct(left=left(), right=right())


def make_box(inside: Make) -> Box:
    return Box(inside())


def wrap(makes: st.SearchStrategy[Make]) -> st.SearchStrategy[Make]:
    return st.one_of(
        st.builds(
            partial, st.just(make_all), st.sampled_from([list, tuple, iter]), st.lists(makes, max_size=4)
        ),
        st.builds(
            partial,
            st.just(make_map),
            st.sampled_from([dict, OrderedDict, MappingProxyType]),
            st.dictionaries(NAMES, makes, max_size=4),
        ),
        st.builds(partial, st.just(make_pair), makes, makes),
        st.builds(partial, st.just(make_box), makes),
    )


MAKES: st.SearchStrategy[Make] = st.recursive(
    st.builds(partial, st.just(same), LEAVES | SETS), wrap, max_leaves=8
)


def alone(value: object) -> Any:
    return encode({"value": value})


def beside_an_iterator(value: object) -> Any:
    image = encode({"value": value, "beside": iter(())})
    assert image.pop("beside") == {"L": []}
    return image


def outcome(encoder: Callable[[object], Any], value: object) -> Any:
    """Return what it gives, with the types of all that is inside, or what the error says."""
    try:
        return typed(encoder(value))
    except InvalidItemError as error:
        return str(error), error.path, error.expected, error.found, type(error.__context__)


def typed(value: Any) -> Any:
    match value:
        case dict():
            return {name: (type(name), typed(member)) for name, member in value.items()}
        case list():
            return [typed(member) for member in value]
        case _:
            return type(value), value


@pytest.mark.timeout(10_000)
@settings(max_examples=EXAMPLES)
@given(MAKES)
def test_both_encoders_give_the_same(make: Make) -> None:
    assert outcome(alone, make()) == outcome(beside_an_iterator, make())


@given(
    st.dictionaries(st.text(max_size=2), MAKES, max_size=4).map(lambda makes: partial(make_map, dict, makes))
)
def test_an_item_is_written_as_its_map(make: Make) -> None:
    assert outcome(lambda item: {"M": encode(item)}, make()) == outcome(encode_value, make())


def test_huge_integers_are_refused() -> None:
    with pytest.raises(InvalidItemError, match="38 significant digits"):
        encode_value([10**5_000])


@pytest.mark.parametrize("member", [CANARY.encode() + b"\x80", {frozenset({CANARY}): 1}, object()], ids=shown)
def test_a_bad_iterator_is_not_shown(member: object) -> None:
    with pytest.raises(InvalidItemError, match="no type for SerializationIterator") as refused:
        encode({"members": iter([member])})

    assert refused.value.path == ("members",)
    assert refused.value.__context__ is None


def test_an_iterator_is_read_once() -> None:
    with pytest.raises(InvalidItemError, match="38 significant digits") as refused:
        encode({"numbers": (10**number for number in (1, 200))})

    assert refused.value.path == ("numbers", 1)


def nested(depth: int, inside: object) -> Any:
    for _ in range(depth // 2):
        inside = [{"a": inside}]
    return inside


DEEP: Final = pytest.mark.parametrize(
    "leaf",
    ["a", 1, 10**40, 0.5, Decimal(0), True, None, b"a", {"a"}, {1}, [], {}, Colour.RED, Text("b")],
    ids=shown,
)


@DEEP
def test_40_levels_are_written(leaf: object) -> None:
    attribute = encode_value(nested(40, leaf))

    assert encode_value(decode_value(attribute)) == attribute


@DEEP
def test_both_encoders_go_deep(leaf: object) -> None:
    assert alone(nested(38, leaf)) == beside_an_iterator(nested(38, leaf))


@DEEP
@pytest.mark.parametrize("depth", [42, 200])
def test_deeper_values_are_unwritable(leaf: object, depth: int) -> None:
    with pytest.raises(InvalidItemError, match="nested deeper than 40 levels") as refused:
        encode_value(nested(depth, leaf))

    assert refused.value.path == (0, "a") * 20


@DEEP
def test_the_41st_level_is_too_many(leaf: object) -> None:
    with pytest.raises(InvalidItemError, match="nested deeper than 40 levels"):
        encode({"a": nested(40, leaf)})


@pytest.mark.parametrize(
    "value",
    [{"a": nested(38, Colour.DEEP)}, nested(40, Colour.BOXED), {"a": nested(38, {1: ["a"]})}],
    ids=["two levels of an enum", "one level of an enum", "below a number"],
)
def test_every_kind_of_level_counts(value: object) -> None:
    with pytest.raises(InvalidItemError, match="nested deeper than 40 levels"):
        encode_value(value)


def test_a_hidden_cycle_is_refused() -> None:
    circle: dict[str, object] = {}
    circle["again"] = MappingProxyType(circle)

    with pytest.raises(InvalidItemError, match="nested deeper than 40 levels"):
        encode(circle)
