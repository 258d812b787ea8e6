"""The compiled decoder is really used where it is promised, and only where it works; so is the fast encoder.

Both leave the rest to slower code that gives the same answers, so that from outside only the time would tell.
"""

from __future__ import annotations

import dataclasses
import re
from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path, PurePosixPath
from random import Random
from types import SimpleNamespace
from typing import Annotated, Any, Final, Literal, NamedTuple, NotRequired, Optional, Union
from uuid import UUID

import pydantic
import pytest
from annotated_types import Ge, MaxLen, MultipleOf
from hypothesis import given
from pydantic import (
    AfterValidator,
    AliasChoices,
    AnyUrl,
    BaseModel,
    Field,
    PrivateAttr,
    RootModel,
    SecretStr,
    StringConstraints,
    computed_field,
    create_model,
    model_validator,
)
from pydantic_core import SchemaValidator, ValidationError, core_schema
from typing_extensions import TypedDict

from ddbevents import decode, decode_value
from ddbevents._codec import _compile, _decode, prepare  # which of two decoders answers is seen inside only
from ddbevents._codec._compile import CORE, PROVEN, build, compile_decoder, is_proven, works
from ddbevents._codec._model import adapter
from ddbevents._codec._rewrite import rewrite
from ddbevents._codec._writers import write
from tests.decoders_compared import ask, by_reference, difference
from tests.models_for_decoding import (
    RECURSIVE,
    Box,
    Colour,
    Company,
    Kind,
    Node,
    Person,
    Size,
    Thing,
    Tree,
    grown,
)
from tests.stream import CANARY, shown
from tests.test_attributes import VALUES

Json = dict[str, Any]
CONSTRAINTS: Final = Path(__file__).parents[1] / "constraints.txt"
MINOR: Final = int(pydantic.VERSION.split(".")[1])

needs_a_pydantic_that_can = pytest.mark.skipif(
    not works(), reason="this pydantic uses its ready-made validators: the reference decoder reads all"
)


class Order(BaseModel):
    pk: str
    total: Decimal
    note: str | None = None


@dataclasses.dataclass
class Part:
    sku: str
    count: int = 1


class Address(TypedDict):
    city: str
    zip: NotRequired[str]


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog", "hound"]


class Full(BaseModel, extra="forbid", frozen=True, populate_by_name=True):
    first: int = Field(alias="firstName")
    second: str = Field(default="s", validation_alias=AliasChoices("two", "2nd"))
    _note: str = PrivateAttr(default="n")

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own idiom
    @property
    def doubled(self) -> int:
        return 0  # pragma: no cover  # it only has to be there

    @model_validator(mode="after")
    def _check(self) -> Full:
        return self


class Promise(NamedTuple):
    """A type that is promised to be fast, and an attribute value of it."""

    hint: Any
    attribute: Json


S, N, B = {"S": "a"}, {"N": "7"}, {"B": "Zm9v"}
UUID_TEXT: Final = {"S": "12345678-1234-5678-1234-567812345678"}
PROMISED: Final = (
    Promise(str, S),
    Promise(Annotated[str, StringConstraints(max_length=3, pattern="^a")], S),
    Promise(int, N),
    Promise(Annotated[int, Ge(3)], N),
    Promise(float, {"N": "7.25"}),
    Promise(Decimal, {"N": "1E+2"}),
    Promise(Annotated[Decimal, Field(ge=0, max_digits=12)], N),
    Promise(Annotated[Decimal, Field(decimal_places=2)], {"N": "1.50"}),
    Promise(Annotated[Decimal, MultipleOf(Decimal(7))], N),
    Promise(bool, {"BOOL": True}),
    Promise(bytes, B),
    Promise(bytes, {"B": b"raw"}),
    Promise(datetime, {"S": "2026-11-23T09:00:00Z"}),
    Promise(date, {"S": "2026-11-23"}),
    Promise(time, {"S": "09:00:00"}),
    Promise(timedelta, {"S": "PT1H"}),
    Promise(UUID, UUID_TEXT),
    Promise(Literal["a", "b"], S),
    Promise(Colour, {"S": "red"}),
    Promise(Size, {"S": "big"}),
    Promise(Optional[str], S),  # noqa: UP045  # the old spelling is a type of its own to pydantic's readers
    Promise(int | None, {"NULL": True}),
    Promise(datetime | None, {"S": "2026-11-23T09:00:00Z"}),
    Promise(list[int], {"L": [N, N]}),
    Promise(Annotated[list[str], MaxLen(2)], {"L": [S]}),
    Promise(tuple[int, str], {"L": [N, S]}),
    Promise(tuple[int, ...], {"L": [N, N]}),
    Promise(dict[str, Decimal], {"M": {"a": N}}),
    Promise(dict[int, Decimal], {"M": {"1": N}}),
    Promise(set[str], {"SS": ["a", "b"]}),
    Promise(set[int], {"NS": ["1", "2"]}),
    Promise(frozenset[bytes], {"BS": ["Zm9v"]}),
    Promise(set[UUID], {"SS": [UUID_TEXT["S"]]}),
    Promise(set[date], {"SS": ["2026-11-23"]}),
    Promise(Annotated[int, AfterValidator(abs)], {"N": "-7"}),
    Promise(Order, {"M": {"pk": S, "total": N, "note": {"NULL": True}}}),
    Promise(Part, {"M": {"sku": S, "count": N}}),
    Promise(Address, {"M": {"city": S}}),
    Promise(Box[int], {"M": {"content": N}}),
    Promise(RootModel[list[int]], {"L": [N]}),
    Promise(Annotated[Union[Cat, Dog], Field(discriminator="kind")], {"M": {"kind": {"S": "hound"}}}),  # noqa: UP007  # pydantic before 2.9 refuses the new spelling here
    Promise(str | int, N),
    Promise(int | str | None, {"NULL": True}),
    Promise(list[str] | str, {"L": [S]}),
    Promise(Order | str, {"M": {"pk": S, "total": N}}),
    Promise(Full, {"M": {"firstName": N, "2nd": S}}),
    Promise(list[Order | None], {"L": [{"NULL": True}, {"M": {"pk": S, "total": N}}]}),
)


@needs_a_pydantic_that_can
@pytest.mark.parametrize("promise", PROMISED, ids=range(len(PROMISED)))
def test_promised_types_are_not_generic(promise: Promise) -> None:
    made = create_model("Made", field=(promise.hint, ...))
    generic: list[Json] = []

    def as_plain(schema: Any) -> Any:
        generic.append(schema)
        return schema

    rewrite(adapter(made).core_schema, as_plain)

    assert [schema for schema in generic if "ref" not in schema] == []


@needs_a_pydantic_that_can
@pytest.mark.parametrize("promise", PROMISED, ids=range(len(PROMISED)))
def test_promised_types_are_compiled(promise: Promise) -> None:
    made, image = create_model("Made", field=(promise.hint, ...)), {"field": promise.attribute}
    compiled = compile_decoder(made).compiled

    assert compiled is not None
    assert ask(compiled, image).error is None
    assert difference(compiled, by_reference(made), image) is None


@needs_a_pydantic_that_can
@pytest.mark.parametrize(
    ("hint", "seconds", "text"),
    [
        (datetime, {"N": "1661096164.5"}, {"S": "2026-11-23T09:00:00Z"}),
        (datetime | None, {"N": "1661096164"}, {"NULL": True}),
        (date, {"N": "1661040000"}, {"S": "2026-11-23"}),
        (time, {"N": "3600"}, {"S": "09:00:00"}),
        (list[timedelta], {"L": [{"N": "1"}, {"S": "PT1H"}]}, {"L": [{"S": "PT1H"}]}),
    ],
)
def test_seconds_are_soon_read_fast(hint: Any, seconds: Json, text: Json) -> None:
    made: Any = create_model("Made", field=(hint, ...))
    images = [{"field": seconds}, {"field": text}]
    prepare(made)
    items = [decode(made, image) for image in images]
    compiled = quick_decoder(made)

    assert ask(compiled, {"field": {"S": 5}}).error is not None
    assert [compiled(image) for image in images] == items == [by_reference(made)(image) for image in images]


@needs_a_pydantic_that_can
def test_text_alone_stays_fastest() -> None:
    made: Any = create_model("Made", field=(datetime, ...), other=(int, 0))
    prepare(made)
    compiled = quick_decoder(made)
    decode(made, {"field": {"S": "2026-11-23T09:00:00Z"}})
    malformed = ask(partial(decode, made), {"field": {"N": "NaN"}})

    assert malformed.error is not None
    assert quick_decoder(made) is compiled


def quick_decoder(model: Any) -> Any:
    return _decode._compiled[model][2]  # noqa: SLF001  # which of two compiled decoders it is shows in time only


@needs_a_pydantic_that_can
@pytest.mark.parametrize("kind", [kind for kind in RECURSIVE if kind.hint in {Person, Company, Node, Thing}])
def test_recursive_models_are_compiled(kind: Kind) -> None:
    compiled = compile_decoder(kind.hint).compiled
    images = [kind.grow(Random(seed))["M"] for seed in range(50)]  # noqa: S311  # no secret

    assert compiled is not None
    assert [image for image in images if ask(compiled, image).error] == []


@needs_a_pydantic_that_can
def test_recursive_generics_are_compiled() -> None:
    image = {"value": N, "branches": {"L": [{"M": {"value": N}}]}}
    compiled = compile_decoder(Tree[int]).compiled

    assert compiled is not None
    assert compiled(image) == Tree[int](value=7, branches=[Tree[int](value=7)])


@needs_a_pydantic_that_can
def test_most_images_need_no_reference() -> None:
    # were every node generic, or every model, no other test would notice
    randoms = [Random(seed) for seed in range(400)]  # noqa: S311  # no secret
    kinds = [(kind, kind.grow(random)["M"]) for random in randoms if (kind := grown(random))]
    legal = [(kind.hint, image) for kind, image in kinds if not ask(by_reference(kind.hint), image).error]
    compiled = [(compile_decoder(model).compiled, image) for model, image in legal]
    quick = [decoder for decoder, image in compiled if decoder and not ask(decoder, image).error]

    assert len(legal) > 150
    assert len(quick) / len(legal) > 0.5


@needs_a_pydantic_that_can
def test_second_tags_are_not_looked_for() -> None:
    compiled = compile_decoder(create_model("Made", field=(str, ...))).compiled

    assert compiled is not None
    assert ask(compiled, {"field": {"S": "a", "N": "1"}}).error is None


@pytest.mark.skipif(MINOR < 13, reason="pydantic-core has the private switch since pydantic 2.13")
def test_the_private_switch_works() -> None:
    class Inner(BaseModel):
        value: int

    text: Any = {**Inner.__pydantic_core_schema__, "schema": core_schema.model_fields_schema({})}
    outer = core_schema.list_schema(text)  # a schema of another shape for Inner

    # the ready-made validator of Inner would ask for a value, as Inner's own schema does
    with pytest.raises(ValidationError):
        SchemaValidator(outer).validate_python([{}])
    SchemaValidator(outer, _use_prebuilt=False)  # TypeError where the switch is gone
    assert [vars(item) for item in build(outer, {}).validate_python([{}])] == [{}]
    assert is_proven()


def test_the_switch_may_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def older(schema: Any, config: Any) -> SchemaValidator:
        return SchemaValidator(schema, config)

    monkeypatch.setattr(_compile, "SchemaValidator", older)  # no installed pydantic need be so

    assert build(core_schema.int_schema(), {}).validate_python("7") == 7


def test_two_releases_cannot_compile() -> None:
    assert works() is is_proven() is (MINOR not in {11, 12})


def test_a_listed_release_works() -> None:
    assert is_proven() or CORE not in PROVEN


def test_the_release_of_ci_is_listed() -> None:
    [release] = re.findall(r"^pydantic_core==(.+)$", CONSTRAINTS.read_text(), re.MULTILINE)

    assert release in PROVEN  # else each cold start would try it


def test_an_unlisted_release_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_compile, "CORE", "2.99.0")  # one of the future
    monkeypatch.setattr(_compile, "is_proven", lambda: False)

    assert not works()


@pytest.mark.parametrize("answer", [dict, int], ids=["another item", "an exception"])
def test_an_unfit_pydantic_is_noticed(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    # no installed pydantic is so
    monkeypatch.setattr(_compile, "build", lambda *_: SimpleNamespace(validate_python=answer))

    assert not is_proven.__wrapped__()


class Shade(StrEnum):
    DARK = "dark"


class Number(IntEnum):
    ONE = 1


class Text(str):
    __slots__ = ()
    __str__ = object.__repr__


class Whole(int):
    __repr__ = object.__repr__


@given(VALUES)
def test_plain_values_are_written_fast(value: Any) -> None:
    attribute = write(value)

    assert attribute is not None
    assert decode_value(attribute) == value


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, Decimal("1.50"), Decimal(0), 0.5, None, True, "a", b"a"]},
        {1: {2, Decimal("2.5")}, Colour.RED: frozenset({b"a"}), Text("b"): ""},
        [datetime(2026, 11, 2, tzinfo=UTC), date(2026, 11, 2), time(9), timedelta(hours=1), UUID(int=1)],
        (Colour.RED, Number.ONE, Shade.DARK),
        [Text("a"), Whole(1)],
        [IPv4Address("127.0.0.1"), PurePosixPath("a"), AnyUrl("https://a.b")],
    ],
)
def test_common_values_are_written_fast(value: object) -> None:
    assert write(value) is not None


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        Decimal("sNaN"),
        10**38 + 1,
        Decimal("1E+126"),
        set(),
        {"a", 1},
        {0.5},
        {1: "a", "1": "b"},
        {(1, 2): "a"},
        OrderedDict(a=1),
        iter("a"),
        SecretStr(CANARY),
        object(),
    ],
    ids=shown,
)
def test_rare_values_are_left_alone(value: object) -> None:
    assert write([value]) is None
