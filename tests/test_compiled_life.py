"""When a model's decoder is made, and when it is made anew."""

from __future__ import annotations

import dataclasses
import threading
from functools import partial
from types import SimpleNamespace
from typing import Annotated, Any, Generic, Optional, TypeVar

import pydantic
import pydantic.dataclasses
import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model
from pydantic_core import SchemaValidator, ValidationError, core_schema
from typing_extensions import TypedDict

from ddbevents import ConfigurationError, InvalidItemError, decode
from ddbevents._codec import _compile
from ddbevents._codec._compile import build, compile_decoder, works
from ddbevents._codec._decode import _decode_by_law

T = TypeVar("T")
Json = dict[str, Any]
MINOR = int(pydantic.VERSION.split(".")[1])


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


@pytest.mark.skipif(MINOR < 13, reason="pydantic-core has the private switch since pydantic 2.13")
def test_the_private_switch_of_pydantic_core_is_there_and_works() -> None:
    class Inner(BaseModel):
        value: int

    text: Any = {**Inner.__pydantic_core_schema__, "schema": core_schema.model_fields_schema({})}
    outer = core_schema.list_schema(text)  # a schema of another shape for Inner

    # the ready-made validator of Inner would ask for a value, as Inner's own schema does
    with pytest.raises(ValidationError):
        SchemaValidator(outer).validate_python([{}])
    SchemaValidator(outer, _use_prebuilt=False)  # TypeError where the switch is gone
    assert [vars(item) for item in build(outer, {}).validate_python([{}])] == [{}]
    assert works()


def test_a_model_that_is_built_on_first_use_is_read() -> None:
    class Late(BaseModel, defer_build=True):
        value: int

    image = {"value": {"N": "1"}}

    assert decode(Late, image) == Late(value=1)
    assert decode(Late, image) == Late(value=1)


def test_a_reference_that_is_resolved_later_is_read_then() -> None:
    hint: Any = Optional["Target"]  # noqa: F821  # defined below  # pyright: ignore[reportUndefinedVariable]
    waiting: Any = create_model("Waiting", target=(hint, None))

    with pytest.raises(ConfigurationError):
        decode(waiting, {})

    target = create_model("Target", value=(int, ...))
    waiting.model_rebuild(_types_namespace={"Target": target, "Optional": Optional})

    assert decode(waiting, {"target": {"M": {"value": {"N": "1"}}}}) == waiting(target=target(value=1))


def test_a_model_that_is_rebuilt_is_read_by_its_new_fields() -> None:
    class Changing(BaseModel):
        value: int = 0

    changing: Any = Changing
    image = {"value": {"S": "1"}}
    before = decode(changing, image).value
    Changing.__annotations__["value"] = str
    Changing.model_fields["value"].annotation = str
    Changing.model_rebuild(force=True)
    decoder = compile_decoder(Changing)

    assert before == 1
    assert decode(changing, image).value == "1"
    assert _decode_by_law(changing, image, decoder.explain).value == "1"


def test_a_dataclass_that_inherits_from_one_of_pydantics_has_a_decoder_of_its_own() -> None:
    assert decode(Parent, {"name": {"S": "ada"}}) == Parent(name="ada")
    assert decode(Child, {"name": {"S": "ada"}, "age": {"N": "36"}}) == Child(name="ada", age=36)


def test_two_parametrisations_of_a_generic_model_have_decoders_of_their_own() -> None:
    assert decode(Box[int], {"value": {"N": "1"}}) == Box[int](value=1)
    assert decode(Box[str], {"value": {"S": "1"}}) == Box[str](value="1")


def test_a_typed_dict_and_a_dict_have_decoders_of_their_own() -> None:
    image = {"name": {"S": "ada"}, "other": {"N": "1"}}

    assert decode(Plain, image) == {"name": "ada"}
    assert decode(dict[str, Any], image) == {"name": "ada", "other": 1}


def test_with_a_plugin_of_pydantics_the_law_decodes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Watched:
        """As pydantic's PluggableSchemaValidator: a validator in another's place."""

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

    assert compile_decoder(made).fast is None
    assert decode(made, {"value": {"N": "1"}}).value == 1
    assert watched.seen == [{"value": 1}]


def test_threads_may_read_a_model_for_the_first_time_at_once() -> None:
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


def test_a_strict_model_within_a_strict_model_is_read_alike_by_every_pydantic() -> None:
    inner = create_model("Inner", __config__=ConfigDict(strict=True), when=(pydantic.AwareDatetime, ...))
    outer = create_model("Outer", __config__=ConfigDict(strict=True), inner=(inner, ...))

    item = decode(outer, {"inner": {"M": {"when": {"S": "2026-11-23T09:00:00Z"}}}})

    assert item.inner.when.year == 2026  # type: ignore[attr-defined]  # made at run time


@pydantic.dataclasses.dataclass(config=ConfigDict(extra="allow"))
class Endless:
    name: str
    again: Endless | None = None


def test_a_recursive_model_that_cannot_be_rewritten_is_read_by_the_law() -> None:
    image = {"name": {"S": "a"}, "again": {"M": {"name": {"S": "b"}, "other": {"N": "1"}}}}

    assert compile_decoder(Endless).fast is None
    assert decode(Endless, image).again == Endless(name="b")


def test_a_pipeline_is_read_from_its_first_step() -> None:
    pipeline = pytest.importorskip("pydantic.experimental.pipeline", reason="pydantic 2.8 has pipelines")
    upper: Any = Annotated[str, pipeline.validate_as(str).str_strip().str_upper()]
    parsed: Any = Annotated[int, pipeline.validate_as(str).str_strip().validate_as(int)]
    piped = create_model("Piped", name=(upper, ...), number=(parsed, ...))

    item = decode(piped, {"name": {"S": " a "}, "number": {"S": " 7 "}})

    assert item == piped(name="A", number="7")


@pytest.mark.parametrize("answer", [dict, int], ids=["another item", "an exception"])
def test_a_pydantic_that_does_not_build_what_it_is_told_is_noticed(
    monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    # no installed pydantic is so
    monkeypatch.setattr(_compile, "build", lambda *_: SimpleNamespace(validate_python=answer))

    assert not works.__wrapped__()


def test_a_core_without_the_switch_builds_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def older(schema: Any, config: Any) -> SchemaValidator:
        return SchemaValidator(schema, config)

    monkeypatch.setattr(_compile, "SchemaValidator", older)  # no installed pydantic need be so

    assert build(core_schema.int_schema(), {}).validate_python("7") == 7


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    anything: Any = None


@pytest.mark.parametrize("name", ["anything", "an extra attribute"])
def test_40_levels_are_read_and_no_more_wherever_they_stand(name: str) -> None:
    fast, law = (
        compile_decoder(Open).fast,
        partial(_decode_by_law, Open, explain=compile_decoder(Open).explain),
    )
    attribute: Json = {"S": "deep"}
    for _ in range(39):
        attribute = {"L": [attribute]}

    assert fast is not None
    assert fast({name: attribute}) == law({name: attribute})
    with pytest.raises(InvalidItemError):
        fast({name: {"L": [attribute]}})
    with pytest.raises(InvalidItemError):
        law({name: {"L": [attribute]}})
