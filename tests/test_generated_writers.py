"""The functions that write items fast: whatever the model and its item, they write what the rest writes.

`DDBEVENTS_CAMPAIGNS=long` tries 50,000 models.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from random import Random
from typing import Annotated, Any, Final, Literal, NamedTuple
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PlainSerializer,
    RootModel,
    computed_field,
    create_model,
    field_serializer,
    model_serializer,
    model_validator,
)

from ddbevents import DDBEventsError, InvalidItemError, decode, encode, encode_value

# which of the encoders writes an item shows in time only, and faults are planted in what is generated
from ddbevents._codec import _encode, _generate
from tests.campaigns import size
from tests.models_for_decoding import Colour, Company, JsonLike, Level, Person, Size, grown
from tests.test_round_trip import record

EXAMPLES: Final = size(short=40, full=500, long=50_000)
Json = dict[str, Any]


class Text(str):
    __slots__ = ()
    __str__ = object.__repr__


class Line(BaseModel):
    sku: str
    count: int = 1


class LongLine(Line):
    note: str = ""


UNUSUAL: Final[tuple[Callable[[], Any], ...]] = (
    *(
        lambda number=number: number
        for number in (10**38, 1 - 10**38, -(10**38), True, 0.1, float("nan"), -0.0)
    ),
    *(
        lambda text=text: Decimal(text)
        for text in ("NaN", "-Infinity", "1E+126", "0E-200", "-0", "1E+2", "1.50")
    ),
    lambda: "x",
    lambda: "ä\ud800",
    lambda: Text("x"),
    lambda: None,
    list,
    dict,
    set,
    lambda: [1, "x", None, [b"x"]],
    lambda: {"a": {1: "x"}},
    lambda: {"a": 1, Text("b"): 2},
    lambda: {"a", 1},
    lambda: {f"member {number}" for number in range(20)},
    lambda: frozenset({Decimal("1.0"), 2, 3, 1000, 9**9}),
    lambda: (1, "x"),
    lambda: datetime(2026, 11, 2, tzinfo=UTC),
    lambda: date(2026, 11, 2),
    lambda: UUID(int=1),
    lambda: Colour.RED,
    lambda: Size.BIG,
    lambda: Level.LOW,
    lambda: Line(sku="a"),
    lambda: LongLine(sku="a", note="b"),
    lambda: Line.model_construct(sku=None, count="x"),
    lambda: [{"x": Line(sku="a")}],
    lambda: b"x",
    lambda: bytearray(b"x"),
    object,
)


def outcome(encoder: Callable[[Any], Any], item: object) -> Any:
    """Return what an encoder gives, with types and the order of names, or its error."""
    try:
        return exact(encoder(item))
    except DDBEventsError as error:
        return type(error)


def exact(value: Any) -> Any:
    match value:
        case dict():
            return [(type(name), name, exact(member)) for name, member in value.items()]
        case list():
            return [*map(exact, value)]
        case _:
            return type(value), value


def encode_slowly(item: object) -> Any:
    """Return what is written without a generated function, which is made on the way if there can be one."""
    _encode._generated.clear()  # noqa: SLF001  # there is no public way to do without
    return encode_value(item)


def models_in(item: Any) -> Iterator[BaseModel]:
    """Yield an item and the models in its fields, lists and maps."""
    if isinstance(item, BaseModel):
        yield item
    inside = item.__dict__ if isinstance(item, BaseModel) else item
    members = inside.values() if isinstance(inside, dict) else inside if isinstance(inside, list) else ()
    for member in members:
        yield from models_in(member)


def spoil(random: Random, item: BaseModel) -> None:
    """Change a field of an item, or of one in it, without validation."""
    found: Any = random.choice([*models_in(item)])
    fields = found.__dict__
    names = [*fields, "no field"]
    match random.randrange(8):
        case 0:
            fields.pop(random.choice(names), None)
        case 1:
            found.__dict__ = dict(reversed(fields.items()))
        case 2:
            object.__setattr__(found, "__pydantic_extra__", {"extra": random.choice(UNUSUAL)()})
        case _:
            fields[random.choice(names)] = random.choice(UNUSUAL)()


def any_item(random: Random) -> BaseModel | None:
    """Return an item of a model at random; None if it is of another kind, or a validator refuses it."""
    kind: Any = random.choice((lambda: record(random, 2), lambda: grown(random)))()
    if kind is None or not (isinstance(kind.hint, type) and issubclass(kind.hint, BaseModel)):
        return None
    image = kind.attribute if hasattr(kind, "attribute") else kind.grow(random)
    try:
        item: BaseModel = decode(kind.hint, image["M"])
    except Exception:  # noqa: BLE001  # users' validators raise anything
        return None
    return item


def difference(random: Random) -> object:
    """Return an item and its images where these differ; None if they are the same."""
    item = any_item(random)
    if item is None:
        return None
    for _ in range(4):
        right, written = outcome(encode_slowly, item), outcome(encode_value, item)
        if written != right:
            return item, written, right
        spoil(random, item)
    return None


@pytest.mark.timeout(10_000)
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**64).map(Random))
def test_all_encoders_write_the_same(random: Random) -> None:
    assert difference(random) is None


@pytest.fixture(autouse=True)
def forgotten() -> Generator[None]:
    """Forget what was generated before and in a test, since some models are the same in all of them."""
    _encode._writing_of.cache_clear()  # noqa: SLF001  # a fault would stay
    yield
    _encode._writing_of.cache_clear()  # noqa: SLF001  # the same


def first_difference(seeds: range) -> object:
    return next(filter(None, (difference(Random(seed)) for seed in seeds)), None)  # noqa: S311  # no secret


def _first_member(source: Any, schema: Any, value: str, level: int) -> Any:
    [member, *_] = [*schema["choices"].values()] if isinstance(schema["choices"], dict) else schema["choices"]
    cases = source.cases(member, value, level)
    return {object: next(iter(cases.values()))}


def _unsorted_set(_: Any, schema: Any, value: str, __: int) -> Any:
    return {set: f'{{"SS": [*{value}]}}'} if schema["type"] == "set" else {}


def _any_name(source: Any, schema: Any, value: str, level: int) -> Any:
    member = source.inside(schema.get("values_schema") or {"type": "any"}, "member", level)
    return {dict: f'{{"M": {{name: {member} for name, member in {value}.items()}}}}'}


def _json(_: Any, __: Any, value: str, ___: int) -> Any:
    return {object: f'{{"S": str({value})}}'}


class Fault(NamedTuple):
    """A rule for one type of node that writes it wrongly.

    Attributes:
        kind: The type of node.
        rule: The rule.
        start: A seed a little before the first item that shows it; trying all before takes a minute.
    """

    kind: str
    rule: Any
    start: int = 0


FAULTS: Final = {
    "text of any type": Fault("str", lambda _, __, value, ___: {object: f'{{"S": {value}}}'}, 200),
    "numbers beyond 38 digits": Fault("int", lambda _, __, value, ___: {int: f'{{"N": str({value})}}'}, 680),
    "Decimals as they are": Fault(
        "decimal", lambda _, __, value, ___: {Decimal: f'{{"N": str({value})}}'}, 650
    ),
    "booleans as numbers": Fault("bool", lambda _, __, value, ___: {bool: f'{{"N": str({value})}}'}),
    "moments as Python shows them": Fault("datetime", _json),
    "the first member of a union": Fault("union", _first_member, 580),
    "sets in their own order": Fault("set", _unsorted_set),
    "names that are no text": Fault("dict", _any_name, 170),
    "None left out": Fault(
        "nullable",
        lambda source, schema, *rest: source.cases(schema["schema"], *rest) | {object: '{"S": ""}'},
    ),
    "anything as text": Fault("any", _json),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_planted_rule_is_found(monkeypatch: pytest.MonkeyPatch, fault: Fault) -> None:
    # the fault has to be in the library's own code
    monkeypatch.setitem(_generate._RULES, fault.kind, fault.rule)  # noqa: SLF001  # the same

    assert first_difference(range(fault.start, 3_000)) is not None


@pytest.mark.parametrize(
    ("part", "start"),
    [(r" or tuple\(fields\) != \w+", 770), (r" or item\.__pydantic_extra__", 0)],
    ids=["fields in another order", "extra attributes"],
)
def test_a_missing_check_is_found(monkeypatch: pytest.MonkeyPatch, part: str, start: int) -> None:
    compiled = _generate._Source.compiled  # noqa: SLF001  # the same

    def careless(source: Any, expression: str) -> Any:
        source._text = [re.sub(part, "", text) for text in source._text]  # noqa: SLF001  # the same
        return compiled(source, expression)

    monkeypatch.setattr(_generate._Source, "compiled", careless)  # noqa: SLF001  # the same

    assert first_difference(range(start, 3_000)) is not None


def test_an_ignored_serializer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_generate, "is_serialized", lambda _: False)  # the same

    assert first_difference(range(3_000)) is not None


def test_no_fault_means_no_finding() -> None:
    assert first_difference(range(EXAMPLES // 2)) is None


class Shade(enum.StrEnum):
    DARK = "dark"


class Everything(BaseModel, extra="allow", populate_by_name=True):
    text: str = Field(default="a", alias="a 'quoted'\n\"name\" {of} \\ ä")
    number: Annotated[int, AfterValidator(abs), BeforeValidator(int)] = 10**38 - 1
    exact: Decimal | None = Decimal("1.50")
    real: float = 0.1
    flag: bool | None = None
    binary: bytes = b"a"
    moment: datetime = datetime(2026, 11, 2, tzinfo=UTC)
    day: date = date(2026, 11, 2)
    hour: time = time(9)
    wait: timedelta = timedelta(1)
    key: UUID = UUID(int=1)
    choice: Literal["a", 1, True] = "a"
    colour: Colour | Shade = Colour.RED
    lines: list[Line] | dict[str, Line] = [Line(sku="a")]
    by_name: dict[str, list[int | str]] = {"a": [1, "b"]}
    several: tuple[int, ...] = (1, 2)
    texts: set[str] = {"a", "b"}
    numbers: frozenset[Decimal | int] = frozenset({1, Decimal("1.5")})
    anything: Any = {"a": [1, None, (True, {"x"}, b"x", datetime(2026, 11, 2, tzinfo=UTC))]}

    @model_validator(mode="after")
    def _check(self) -> Everything:
        return self


@pytest.mark.parametrize(
    "item",
    [
        Everything(),
        Everything(colour=Shade.DARK, lines={"a": Line(sku="b")}, exact=None, anything="x"),
        Person(
            name="ada", friends=[Person(name="grace")], employer=Company(title="acme", owner=Person(name="a"))
        ),
    ],
    ids=["everything", "other members of unions", "recursive"],
)
def test_usual_items_are_written_fast(item: BaseModel) -> None:
    right = encode_slowly(item)

    assert exact(_encode._write_generated(item)) == exact(right)  # noqa: SLF001  # only the time would tell


class Served(BaseModel):
    moment: datetime

    @field_serializer("moment")
    def seconds(self, value: datetime) -> int:
        return int(value.timestamp())


class Whole(BaseModel):
    name: str

    @model_serializer
    def named(self) -> Json:
        return {"called": self.name}


class Computed(BaseModel):
    name: str

    @computed_field  # type: ignore[prop-decorator]  # as pydantic's documentation writes it
    @property
    def shout(self) -> str:
        return self.name.upper()


class Cached(BaseModel):
    name: str

    @cached_property
    def shout(self) -> str:
        return self.name.upper()


@pytest.mark.parametrize(
    ("item", "image"),
    [
        (Served(moment=datetime(2026, 11, 2, tzinfo=UTC)), {"moment": {"N": "1793577600"}}),
        (Whole(name="a"), {"called": {"S": "a"}}),
        (Computed(name="a"), {"name": {"S": "a"}, "shout": {"S": "A"}}),
        (
            create_model("Hidden", name=(str, Field("a", exclude=True)), other=(int, 1))(),
            {"other": {"N": "1"}},
        ),
        (
            create_model("Shown", name=(Annotated[str, PlainSerializer(str.upper)], "a"))(),
            {"name": {"S": "A"}},
        ),
        (create_model("Rooted", name=(RootModel[int], RootModel[int](1)))(), {"name": {"N": "1"}}),
    ],
    ids=["a field", "a model", "a computed field", "an excluded field", "a type", "a root model"],
)
def test_serializers_are_heard_each_time(item: BaseModel, image: Json) -> None:
    assert [encode(item), encode(item)] == [image, image]


def test_a_recursive_type_is_written() -> None:
    item = create_model("Made", value=(JsonLike, {"a": [1, "b", None]}))()
    image = {"value": {"M": {"a": {"L": [{"N": "1"}, {"S": "b"}, {"NULL": True}]}}}}

    assert [encode(item), encode(item)] == [image, image]


def test_a_cached_property_is_no_field() -> None:
    item = Cached(name="a")

    assert encode(item) == {"name": {"S": "a"}}
    assert item.shout == "A"
    assert encode(item) == {"name": {"S": "a"}}


def test_a_rebuilt_model_is_written_anew() -> None:
    class Changing(BaseModel):
        value: int = 0

    changing: Any = Changing
    before = [encode(changing(value=1)) for _ in range(2)]
    Changing.model_fields["value"].serialization_alias = "Value"
    Changing.model_fields["value"].validation_alias = "Value"
    Changing.model_rebuild(force=True)

    assert before == [{"value": {"N": "1"}}] * 2
    assert [encode(changing(Value=1)) for _ in range(2)] == [{"Value": {"N": "1"}}] * 2


def test_a_subclass_is_written_whole() -> None:
    assert encode(Line(sku="a")) == encode(Line(sku="a"))
    assert encode(LongLine(sku="a", note="b"))["note"] == {"S": "b"}


class Chain(BaseModel):
    link: Chain | None = None
    links: list[Any] = []


def chained(length: int, last: Any) -> Chain:
    item = Chain(links=last)
    for _ in range(length):
        item = Chain(link=item)
    return item


@pytest.mark.parametrize("length", [36, 37, 38, 39, 40, 41, 200])
@pytest.mark.parametrize("last", [[], ["a"], [[]], [{"a": "b"}], [{"a"}]], ids=str)
def test_levels_are_counted_alike(length: int, last: Any) -> None:
    item = chained(length, last)

    assert outcome(encode_slowly, item) == outcome(encode_value, item)


def test_a_root_without_content_is_refused() -> None:
    item: Any = RootModel[int](1)
    del item.__dict__["root"]

    with pytest.raises(InvalidItemError, match="pydantic cannot write it"):
        encode_value(item)
