"""`encode` inverts `decode`: an item is written back as it was read, and reads the same again."""

from __future__ import annotations

import dataclasses
import itertools
from collections import deque
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from ipaddress import IPv4Address
from pathlib import Path
from random import Random
from typing import Annotated, Any, Final, Literal, NamedTuple
from uuid import UUID

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    EncodedBytes,
    Field,
    Json,
    computed_field,
    create_model,
    field_serializer,
)
from pydantic.types import EncoderProtocol
from pydantic_core import SchemaSerializer, core_schema
from typing_extensions import TypedDict

from ddbevents import ConfigurationError, InvalidItemError, Transaction, decode, encode, encode_value

# its parts are replaced by faulty ones, to show that the property finds them
from ddbevents._codec import _writing
from tests.campaigns import size

MINOR: Final = int(pydantic.VERSION.split(".")[1])


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 2


class Kind(NamedTuple):
    """A type, and an attribute value as `encode` writes it."""

    hint: Any
    attribute: dict[str, Any]


LEAVES: Final = (
    Kind(str, {"S": "a"}),
    Kind(int, {"N": "7"}),
    Kind(Decimal, {"N": "1.50"}),
    Kind(float, {"N": "0.1"}),
    Kind(bool, {"BOOL": True}),
    Kind(bytes, {"B": b"\xff"}),
    Kind(datetime, {"S": "2026-11-23T09:00:00.000001Z"}),
    Kind(date, {"S": "2026-11-23"}),
    Kind(timedelta, {"S": "PT1H"}),
    Kind(UUID, {"S": "12345678-1234-5678-1234-567812345678"}),
    Kind(Colour, {"S": "red"}),
    Kind(Level, {"N": "2"}),
    Kind(Literal["a", 1], {"N": "1"}),
    Kind(Path, {"S": "/x"}),
    Kind(IPv4Address, {"S": "127.0.0.1"}),
    Kind(pydantic.AnyUrl, {"S": "https://example.com/x"}),
    Kind(list[int], {"L": [{"N": "1"}, {"N": "2"}]}),
    Kind(tuple[int, str], {"L": [{"N": "1"}, {"S": "a"}]}),
    Kind(deque[int], {"L": [{"N": "1"}]}),
    Kind(dict[int, str], {"M": {"1": {"S": "a"}}}),
    Kind(set[str], {"SS": ["a"]}),
    Kind(frozenset[int], {"NS": ["1"]}),
    Kind(set[bytes], {"BS": [b"a"]}),
    Kind(int | None, {"NULL": True}),
    Kind(int | str, {"S": "7"}),
    Kind(Any, {"M": {"n": {"N": "1.5"}, "l": {"L": [{"SS": ["a"]}, {"NULL": True}]}}}),
    Kind(Json[list[int]], {"S": "[1,2]"}),
    Kind(Json, {"S": '{"a":[1.5,null,"ä"]}'}),
    Kind(Json[dict[str, date]] | None, {"S": '{"a":"2026-11-23"}'}),
    Kind(list[Json[int]], {"L": [{"S": "1"}]}),
    Kind(pydantic.Base64Bytes, {"S": "Zm9v/w=="}),
    Kind(pydantic.Base64UrlBytes, {"S": "Zm9v_w=="}),
    Kind(pydantic.Base64Str, {"S": "Zm9v" if MINOR > 7 else "Zm9v\n"}),
    Kind(dict[str, pydantic.Base64Bytes], {"M": {"a": {"S": "Zm9v"}}}),
)


class Counted(BaseModel):
    @computed_field  # type: ignore[prop-decorator]  # as pydantic's documentation writes it
    @property
    def how_many(self) -> int:
        return len(self.__dict__)


class Style(NamedTuple):
    """How a field is named, and the names of the attributes that it reads."""

    settings: dict[str, Any]
    names: tuple[str, ...]


def styles(name: str) -> list[Style]:
    one, two = f"{name}1", f"{name}2"
    return [
        Style({}, (name,)),
        Style({"alias": one}, (one,)),
        Style({"validation_alias": one}, (one,)),
        Style({"serialization_alias": one}, (name,)),
        Style({"validation_alias": one, "serialization_alias": two}, (one,)),
        Style({"alias": one, "serialization_alias": name}, (one,)),
        Style({"validation_alias": AliasChoices(one, two)}, (one, two)),
        Style({"validation_alias": AliasChoices(one, two), "serialization_alias": two}, (one, two)),
        Style({"validation_alias": AliasChoices(AliasPath("path", 0), one)}, (one,)),
    ]


_numbers: Final = itertools.count()


def record(random: Random, depth: int) -> Kind:
    """Return a model or a dataclass, and an image for it."""
    extra: Any = random.choice(("ignore", "allow", "forbid"))
    config = ConfigDict(extra=extra, populate_by_name=random.random() < 0.3)
    fields: dict[str, Any] = {}
    image: dict[str, Any] = {}
    for name in random.sample(("a", "b", "c", "d"), random.choice((1, 2, 3))):
        inner = kind(random, depth)
        style = random.choice(styles(name))
        fields[name] = (inner.hint, Field(**style.settings))
        by_name = (name,) if config.get("populate_by_name") else ()
        image[random.choice((*style.names, *by_name))] = inner.attribute
    # pydantic 2.7 reads JSON twice in a dataclass
    make = random.choice((_model, _model, _dataclass)[: MINOR - 5])
    return Kind(make(random, config, fields), {"M": image})


def _model(random: Random, config: ConfigDict, fields: dict[str, Any]) -> Any:
    name = f"Model{next(_numbers)}"
    base: Any = type(BaseModel)
    root = base(
        f"Base{name}",
        (random.choice((BaseModel, Counted)),),
        {"model_config": config, "__module__": __name__},
    )
    return create_model(name, __base__=root, **fields)


def _dataclass(_: Random, config: ConfigDict, fields: dict[str, Any]) -> Any:
    name = f"Data{next(_numbers)}"
    made = dataclasses.make_dataclass(name, [(n, *field) for n, field in fields.items()], kw_only=True)
    return pydantic.dataclasses.dataclass(made, config=config)


def kind(random: Random, depth: int) -> Kind:
    if depth == 0 or random.random() < 0.6:
        return random.choice(LEAVES)
    made, attribute = record(random, depth - 1)
    # types are made at run time here, which no type checker can follow
    hint: Any = made
    return random.choice(
        (
            Kind(made, attribute),
            Kind(hint | None, attribute),
            Kind(hint | int, attribute),
            Kind(list.__class_getitem__(hint), {"L": [attribute, attribute]}),
            Kind(dict.__class_getitem__((str, hint)), {"M": {"x": attribute}}),
        )
    )


def contents(attribute: Any) -> Any:
    """Return an attribute value without names of fields, which may change, and computed fields."""
    [(tag, content)] = attribute.items()
    if tag == "M":
        members = (contents(member) for name, member in content.items() if name != "how_many")
        return tag, sorted(members, key=repr)
    return tag, [contents(each) for each in content] if tag == "L" else content


def check(random: Random) -> None:
    """Hold the law for a model at random, and that no attribute's type or value changes."""
    model, attribute = record(random, 2)
    item = decode(model, attribute["M"])

    written = encode(item)

    assert decode(model, written) == item
    assert contents({"M": written}) == contents(attribute)
    assert encode_value([{"in": item}]) == {"L": [{"M": {"in": {"M": written}}}]}


@pytest.mark.timeout(10_000)
@settings(max_examples=size(short=80, full=3_000, long=30_000))
@given(st.integers(0, 2**64).map(Random))
def test_what_is_written_is_read_again(random: Random) -> None:
    check(random)


def failure(seeds: range) -> Exception | None:
    """Return the first failure among these models."""
    try:
        for seed in seeds:
            check(Random(seed))  # noqa: S311  # no secrets, but the same models each time
    except (AssertionError, InvalidItemError) as error:
        return error
    return None


def _write_json_badly(value: Any, write: Any) -> Any:
    return write(value)


@pytest.fixture(autouse=True)
def asked_before() -> None:
    """Ask what the installed pydantic can do before a fault is planted: the answer is kept."""
    _writing.works(nested=False)
    _writing.works(nested=True)


@pytest.mark.parametrize(
    ("part", "faulty", "found"),
    [
        ("extra_behavior", lambda _, __: "ignore", True),
        ("_AS_JSON", core_schema.wrap_serializer_function_ser_schema(_write_json_badly), True),
        ("_gives_base64", lambda _: False, True),
        ("paths_of", lambda name, field, _: ((field.get("serialization_alias", name),),), True),
        ("works", lambda *, nested: nested in {True, False}, False),
    ],
    ids=["computed fields", "Json", "Base64Bytes", "names", "no fault"],
)
def test_planted_faults_are_found(
    monkeypatch: pytest.MonkeyPatch, part: str, faulty: Any, *, found: bool
) -> None:
    # the fault has to be in the library's own code
    monkeypatch.setattr(_writing, part, faulty)

    assert (failure(range(100)) is not None) is found


class Keyed(Counted):
    pk: str


@pytest.mark.parametrize(
    ("extra", "written"),
    [
        ("ignore", {"pk": {"S": "a"}, "how_many": {"N": "1"}}),
        ("allow", {"pk": {"S": "a"}}),
        ("forbid", {"pk": {"S": "a"}}),
    ],
)
def test_computed_fields_may_be_attributes(extra: Any, written: Any) -> None:
    class Made(Keyed):
        model_config = ConfigDict(extra=extra)

    assert encode(Made(pk="a")) == written
    assert decode(Made, written) == Made(pk="a")


def test_a_kept_attribute_stays_as_it_was() -> None:
    class Made(Keyed):
        model_config = ConfigDict(extra="allow")

    image = {"pk": {"S": "a"}, "how_many": {"N": "5"}}

    assert encode(decode(Made, image)) == image


class City(BaseModel):
    city: str = Field(validation_alias=AliasPath("address", "city"))


class Towns(BaseModel):
    towns: list[City] = []


class Whole(BaseModel):
    address: dict[str, str]
    city: str = Field(validation_alias=AliasPath("address", "city"), exclude=True)


@pytest.mark.parametrize("item", [City.model_validate({"address": {"city": "Ulm"}}), Towns()])
def test_a_path_cannot_be_written(item: BaseModel) -> None:
    with pytest.raises(ConfigurationError) as refused:
        encode(item)
    assert str(refused.value) == (
        "City.city is read from the path address.city, where it cannot be written: give it a plain name too,"
        " with AliasChoices, or exclude=True if another field writes the attribute"
    )


def test_a_path_into_a_field_is_left_out() -> None:
    image = {"address": {"M": {"city": {"S": "Ulm"}}}}

    assert decode(Whole, image).city == "Ulm"
    assert encode(decode(Whole, image)) == image


class Reversed(EncoderProtocol):
    @classmethod
    def decode(cls, data: bytes) -> bytes:
        return data[::-1]

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value[::-1]

    @classmethod
    def get_json_format(cls) -> Literal["base64"]:
        return "base64"  # pragma: no cover  # for JSON schemas only


class Encoded(BaseModel):
    own: Annotated[bytes, EncodedBytes(encoder=Reversed)]
    other: pydantic.Base64Bytes


class EncodedInJson(Encoded):
    model_config = ConfigDict(val_json_bytes="base64")


def test_only_base64_is_written_as_text() -> None:
    image = {"own": {"B": b"\xff\x00"}, "other": {"S": "Zm9v"}}

    assert encode(decode(Encoded, image)) == image


@pytest.mark.skipif(MINOR < 9, reason="pydantic 2.9 has the setting")
def test_base64_in_binary_stays_binary() -> None:
    image = {"own": {"B": b"\xff\x00"}, "other": {"B": b"Zm9v"}}

    assert encode(decode(EncodedInJson, image)) == image


class Served(BaseModel):
    numbers: Json[list[int]]
    moment: datetime

    @field_serializer("numbers")
    def joined(self, value: list[int]) -> list[str]:
        return [*map(str, value)]

    @field_serializer("moment")
    def seconds(self, value: datetime) -> int:
        return int(value.timestamp())


def test_a_serializer_has_the_last_word() -> None:
    item = decode(Served, {"numbers": {"S": "[1]"}, "moment": {"N": "1763888400"}})

    assert encode(item) == {"numbers": {"L": [{"S": "1"}]}, "moment": {"N": "1763888400"}}


@pydantic.dataclasses.dataclass(config=ConfigDict(extra="forbid"))
class Strictly:
    pk: str
    size: int = Field(default=0, init=False)


@pydantic.dataclasses.dataclass
class Loosely:
    pk: str
    size: int = Field(default=0, init=False)


def test_a_field_that_is_no_argument_is_left() -> None:
    assert encode(Strictly("a")) == {"pk": {"S": "a"}}
    assert decode(Strictly, encode(Strictly("a"))) == Strictly("a")
    assert encode(Loosely("a")) == {"pk": {"S": "a"}, "size": {"N": "0"}}


class Tree(BaseModel):
    value: int = Field(validation_alias="Value")
    branches: list[Tree] = []


def test_recursive_models_are_written() -> None:
    image = {"Value": {"N": "1"}, "branches": {"L": [{"M": {"Value": {"N": "2"}, "branches": {"L": []}}}]}}

    assert encode(decode(Tree, image)) == image


class Names(TypedDict):
    name: Annotated[str, Field(validation_alias="Name")]


class Named(BaseModel):
    names: Names


def test_typed_dicts_in_models_are_written() -> None:
    image = {"names": {"M": {"Name": {"S": "a"}}}}

    assert encode(decode(Named, image)) == image


def test_a_mapping_keeps_its_names() -> None:
    assert encode(decode(Names, {"Name": {"S": "a"}})) == {"name": {"S": "a"}}


def test_a_transaction_puts_what_is_read_again() -> None:
    tx = Transaction()

    tx.put("trees", Tree(Value=1))  # type: ignore[call-arg]  # the alias
    tx.update("trees", {"pk": "a"}, set={"tree": Tree(Value=1)})  # type: ignore[call-arg]  # the alias

    image = {"Value": {"N": "1"}, "branches": {"L": []}}
    put, update = (write._asdict() for write in tx.writes)
    assert put["item"] == image
    assert update["set"] == {"tree": {"M": image}}


@pytest.mark.skipif(MINOR < 11, reason="pydantic 2.11 has these settings")
@pytest.mark.parametrize(
    ("config", "read", "written"),
    [
        ({"validate_by_alias": False, "validate_by_name": True}, "name", "name"),
        ({"validate_by_name": True}, "name", "Name"),
        ({"serialize_by_alias": False}, "Name", "Name"),
        ({"serialize_by_alias": True}, "Name", "Name"),
    ],
)
def test_settings_for_aliases_are_followed(config: Any, read: str, written: str) -> None:
    made: Any = create_model("Made", __config__=config, name=(str, Field(alias="Name")))

    item = decode(made, {read: {"S": "a"}})

    assert encode(item) == {written: {"S": "a"}}
    assert decode(made, encode(item)) == item


def test_the_switch_may_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def older(schema: Any, config: Any) -> SchemaSerializer:
        return SchemaSerializer(schema, config)

    monkeypatch.setattr(_writing, "SchemaSerializer", older)  # no installed pydantic need be so

    assert _writing.build(core_schema.int_schema()).to_python(7) == 7


def test_two_releases_cannot_write() -> None:
    assert _writing.works(nested=True) is (MINOR not in {11, 12})
    assert pydantic.VERSION == "2.11.0" or _writing.works(nested=False)


def test_an_old_pydantic_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    made: Any = create_model("Made", name=(str, Field(validation_alias="Name")))
    # only pydantic 2.11 and 2.12 cannot do it
    monkeypatch.setattr(_writing, "works", lambda *, nested: nested is None)

    with pytest.raises(ConfigurationError, match=r"^Made is not read as the installed .* to 2.13 or newer"):
        encode(made(Name="a"))
