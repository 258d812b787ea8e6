"""When the decoder of a model is compiled, and when it is compiled again."""

from __future__ import annotations

import dataclasses
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address
from typing import Annotated, Any, Generic, Optional, TypeVar

import pydantic
import pydantic.dataclasses
import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model
from pydantic_core import SchemaValidator
from typing_extensions import TypedDict

from ddbevents import ConfigurationError, InvalidItemError, decode
from tests.decoders_compared import Decode, by_reference
from tests.models_for_decoding import nested

T = TypeVar("T")
Json = dict[str, Any]


class Box(BaseModel, Generic[T]):
    value: T


@pydantic.dataclasses.dataclass
class Parent:
    name: str


@dataclasses.dataclass
class Child(Parent):
    age: int


class Plain(TypedDict):
    name: str


def test_a_model_may_be_deferred() -> None:
    class Late(BaseModel, defer_build=True):
        value: int

    image = {"value": {"N": "1"}}

    assert decode(Late, image) == Late(value=1)
    assert decode(Late, image) == Late(value=1)


def test_a_model_may_be_unfinished() -> None:
    hint: Any = Optional["Target"]  # noqa: F821  # defined below  # pyright: ignore[reportUndefinedVariable]
    waiting: Any = create_model("Waiting", target=(hint, None))

    with pytest.raises(ConfigurationError):
        decode(waiting, {})

    target = create_model("Target", value=(int, ...))
    waiting.model_rebuild(_types_namespace={"Target": target, "Optional": Optional})

    assert decode(waiting, {"target": {"M": {"value": {"N": "1"}}}}) == waiting(target=target(value=1))


def test_rebuilding_changes_fields() -> None:
    class Changing(BaseModel):
        value: int = 0

    changing: Any = Changing
    image = {"value": {"S": "1"}}
    before = decode(changing, image).value
    Changing.__annotations__["value"] = str
    Changing.model_fields["value"].annotation = str
    Changing.model_rebuild(force=True)

    assert before == 1
    assert decode(changing, image).value == "1"
    assert by_reference(changing)(image).value == "1"


def test_a_subclass_is_compiled_too() -> None:
    assert decode(Parent, {"name": {"S": "ada"}}) == Parent(name="ada")
    assert decode(Child, {"name": {"S": "ada"}, "age": {"N": "36"}}) == Child(name="ada", age=36)


def test_generics_are_compiled_apart() -> None:
    assert decode(Box[int], {"value": {"N": "1"}}) == Box[int](value=1)
    assert decode(Box[str], {"value": {"S": "1"}}) == Box[str](value="1")


def test_typed_dicts_are_not_dicts() -> None:
    image = {"name": {"S": "ada"}, "other": {"N": "1"}}

    assert decode(Plain, image) == {"name": "ada"}
    assert decode(dict[str, Any], image) == {"name": "ada", "other": 1}


def test_a_plugin_sees_every_item(monkeypatch: pytest.MonkeyPatch) -> None:
    class Watched:
        """Wraps a validator, as pydantic's PluggableSchemaValidator does."""

        def __init__(self, validator: SchemaValidator) -> None:
            self.seen: list[Any] = []
            self._validator = validator

        def validate_python(self, value: Any, *arguments: Any, **settings: Any) -> Any:
            self.seen.append(value)
            return self._validator.validate_python(value, *arguments, **settings)

    made: Any = create_model("Made", value=(int, ...))
    watched = Watched(TypeAdapter(made).validator)  # type: ignore[arg-type]  # no plugin is installed here
    # a plugin is a package that is installed: there is no other way to have one
    monkeypatch.setattr(made, "__pydantic_validator__", watched)

    assert decode(made, {"value": {"N": "1"}}).value == 1
    assert watched.seen == [{"value": 1}]


def test_threads_may_compile_at_once() -> None:
    inner = create_model("Inner", value=(Any, ...))
    made = create_model("Made", inner=(inner, ...))
    barrier = threading.Barrier(8)
    items: list[Any] = []

    def read() -> None:
        barrier.wait()
        items.append(decode(made, {"inner": {"M": {"value": {"S": "x"}}}}))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert items == [made(inner=inner(value="x"))] * 8


def test_strict_models_may_be_nested() -> None:
    inner = create_model("Inner", __config__=ConfigDict(strict=True), when=(pydantic.AwareDatetime, ...))
    outer = create_model("Outer", __config__=ConfigDict(strict=True), inner=(inner, ...))

    item = decode(outer, {"inner": {"M": {"when": {"S": "2026-11-23T09:00:00Z"}}}})

    assert item.inner.when.year == 2026  # type: ignore[attr-defined]  # made at run time


@pydantic.dataclasses.dataclass(config=ConfigDict(extra="allow"))
class Endless:
    name: str
    again: Endless | None = None


def test_recursion_may_be_uncompiled() -> None:
    image = {"name": {"S": "a"}, "again": {"M": {"name": {"S": "b"}, "other": {"N": "1"}}}}

    assert decode(Endless, image).again == Endless(name="b")


def test_pipelines_are_read() -> None:
    pipeline = pytest.importorskip("pydantic.experimental.pipeline", reason="pydantic 2.8 has pipelines")
    upper: Any = Annotated[str, pipeline.validate_as(str).str_strip().str_upper()]
    parsed: Any = Annotated[int, pipeline.validate_as(str).str_strip().validate_as(int)]
    shown: Any = Annotated[str, pipeline.validate_as(IPv4Address).transform(str).validate_as(str)]
    piped = create_model("Piped", name=(upper, ...), number=(parsed, ...), address=(shown, ...))
    values = {"name": " a ", "number": " 7 ", "address": "127.0.0.1"}

    item = decode(piped, {name: {"S": value} for name, value in values.items()})

    assert item == piped(**values)
    assert vars(item) == {"name": "A", "number": 7, "address": "127.0.0.1"}


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    anything: Any = None


@pytest.mark.parametrize("name", ["anything", "an extra attribute"])
def test_both_decoders_read_40_levels(name: str) -> None:
    image = {name: nested(39)}

    assert decode(Open, image) == by_reference(Open)(image)


@pytest.mark.parametrize(
    "decoder", [partial(decode, Open), by_reference(Open)], ids=["compiled", "reference"]
)
@pytest.mark.parametrize("name", ["anything", "an extra attribute"])
def test_no_decoder_reads_41_levels(name: str, decoder: Decode) -> None:
    with pytest.raises(InvalidItemError, match="nested deeper than 40 levels"):
        decoder({name: nested(40)})


def test_threads_compile_a_model_at_once() -> None:
    fields: Any = {f"field_{number}": (str | None, None) for number in range(30)}
    models = [create_model(f"Made{number}", **fields) for number in range(20)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            each_by_eight = [model for model in models for _ in range(8)]
            items = [*threads.map(lambda model: decode(model, {"field_3": {"S": "a"}}), each_by_eight)]
    finally:
        sys.setswitchinterval(before)

    assert [item.model_dump(exclude_unset=True) for item in items] == [{"field_3": "a"}] * 160
