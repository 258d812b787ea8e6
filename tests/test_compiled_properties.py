"""The compiled decoder never differs from the law: `model.model_validate` of the image's plain values.

It may refuse whatever it likes, since the law answers then. `DDBEVENTS_LONG=1` tries 50,000 models.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import Annotated, Any, Final, Literal, NamedTuple, NotRequired, Optional, Union
from uuid import UUID

import pydantic
import pytest
from annotated_types import Ge, MaxLen
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    Field,
    PrivateAttr,
    RootModel,
    StringConstraints,
    computed_field,
    create_model,
    model_validator,
)
from typing_extensions import TypedDict

from ddbevents import InvalidItemError, decode
from ddbevents._codec._adapters import _adapter, adapter
from ddbevents._codec._compile import Decoder, compile_decoder, works
from ddbevents._codec._decode import _decode_by_law, _decoders
from ddbevents._codec._rewrite import rewrite
from tests.decoders_compared import ask, difference
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
    mutate,
)

Json = dict[str, Any]
EXAMPLES: Final = 50_000 if os.environ.get("DDBEVENTS_LONG") else 2_000
IMAGES: Final = 3  # wrong ones for each model

thorough = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
needs_a_pydantic_that_can = pytest.mark.skipif(
    not works(), reason="this pydantic puts its own validators in the place of ours: the law decodes alone"
)


def law_of(made: Any, decoder: Decoder) -> Callable[[Json], Any]:
    return lambda image: _decode_by_law(made, image, decoder.explain)


@pytest.mark.timeout(10_000)
@thorough
@given(st.randoms(use_true_random=False) | st.integers(0, 2**64).map(Random))
def test_the_fast_decoder_and_decode_itself_never_differ_from_the_law(random: Random) -> None:
    kind = grown(random)
    assume(kind is not None)
    assert kind is not None
    decoder = compile_decoder(kind.hint)
    law = law_of(kind.hint, decoder)
    correct = kind.grow(random)["M"]

    for image in (correct, *(mutate(random, correct) for _ in range(IMAGES))):
        assert (decoder.fast and difference(decoder.fast, law, image)) is None
        assert answer(partial(decode, kind.hint), image) == answer(law, image)

    # fifty thousand models and their decoders would fill the memory
    _decoders.clear()
    _adapter.cache_clear()


def answer(law: Callable[[Json], Any], image: Json) -> object:
    item, error = ask(law, image)
    # a validator may write out the place of a malformed attribute, and that has an address
    return item, type(error), re.sub(r" at 0x[0-9a-f]+", "", str(error))


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


class Row(NamedTuple):
    """A type that the notes promise to be fast, and an attribute value of it."""

    hint: Any
    attribute: Json


S, N, B = {"S": "a"}, {"N": "7"}, {"B": "Zm9v"}
UUID_TEXT: Final = {"S": "12345678-1234-5678-1234-567812345678"}
FAST: Final = (
    Row(str, S),
    Row(Annotated[str, StringConstraints(max_length=3, pattern="^a")], S),
    Row(int, N),
    Row(Annotated[int, Ge(3)], N),
    Row(float, {"N": "7.25"}),
    Row(Decimal, {"N": "1E+2"}),
    Row(bool, {"BOOL": True}),
    Row(bytes, B),
    Row(bytes, {"B": b"raw"}),
    Row(datetime, {"S": "2026-11-23T09:00:00Z"}),
    Row(datetime, {"N": "1661096164"}),
    Row(date, {"S": "2026-11-23"}),
    Row(time, {"S": "09:00:00"}),
    Row(timedelta, {"S": "PT1H"}),
    Row(UUID, UUID_TEXT),
    Row(Literal["a", "b"], S),
    Row(Colour, {"S": "red"}),
    Row(Size, {"S": "big"}),
    Row(Optional[str], S),  # noqa: UP045  # the old spelling is a type of its own to pydantic's readers
    Row(int | None, {"NULL": True}),
    Row(datetime | None, {"N": "1661096164"}),
    Row(list[int], {"L": [N, N]}),
    Row(Annotated[list[str], MaxLen(2)], {"L": [S]}),
    Row(tuple[int, str], {"L": [N, S]}),
    Row(tuple[int, ...], {"L": [N, N]}),
    Row(dict[str, Decimal], {"M": {"a": N}}),
    Row(dict[int, Decimal], {"M": {"1": N}}),
    Row(set[str], {"SS": ["a", "b"]}),
    Row(set[int], {"NS": ["1", "2"]}),
    Row(frozenset[bytes], {"BS": ["Zm9v"]}),
    Row(set[UUID], {"SS": [UUID_TEXT["S"]]}),
    Row(Annotated[int, AfterValidator(abs)], {"N": "-7"}),
    Row(Order, {"M": {"pk": S, "total": N, "note": {"NULL": True}}}),
    Row(Part, {"M": {"sku": S, "count": N}}),
    Row(Address, {"M": {"city": S}}),
    Row(Box[int], {"M": {"content": N}}),
    Row(RootModel[list[int]], {"L": [N]}),
    Row(Annotated[Union[Cat, Dog], Field(discriminator="kind")], {"M": {"kind": {"S": "hound"}}}),  # noqa: UP007  # pydantic before 2.9 refuses the new spelling here
    Row(str | int, N),
    Row(int | str | None, {"NULL": True}),
    Row(list[str] | str, {"L": [S]}),
    Row(Order | str, {"M": {"pk": S, "total": N}}),
    Row(Full, {"M": {"firstName": N, "2nd": S}}),
    Row(list[Order | None], {"L": [{"NULL": True}, {"M": {"pk": S, "total": N}}]}),
)


@needs_a_pydantic_that_can
@pytest.mark.parametrize("row", FAST, ids=range(len(FAST)))
def test_what_is_promised_to_be_fast_is_read_without_any_generic_decoding(row: Row) -> None:
    made = create_model("Made", field=(row.hint, ...))
    decoder = compile_decoder(made)
    generic: list[Json] = []

    def keep(schema: Any) -> Any:
        generic.append(schema)
        return schema

    rewrite(adapter(made).core_schema, keep)

    assert decoder.fast is not None
    assert [schema for schema in generic if "ref" not in schema] == []
    assert ask(decoder.fast, {"field": row.attribute}).error is None
    assert difference(decoder.fast, law_of(made, decoder), {"field": row.attribute}) is None


@needs_a_pydantic_that_can
@pytest.mark.parametrize("kind", [kind for kind in RECURSIVE if kind.hint in {Person, Company, Node, Thing}])
def test_recursive_models_are_read_fast(kind: Kind) -> None:
    decoder = compile_decoder(kind.hint)
    images = [kind.grow(Random(seed))["M"] for seed in range(50)]  # noqa: S311  # no secret

    assert decoder.fast is not None
    assert [image for image in images if ask(decoder.fast, image).error] == []


@needs_a_pydantic_that_can
def test_a_recursive_generic_model_is_read_fast() -> None:
    image = {"value": N, "branches": {"L": [{"M": {"value": N}}]}}
    fast = compile_decoder(Tree[int]).fast

    assert fast is not None
    assert fast(image) == Tree[int](value=7, branches=[Tree[int](value=7)])


@needs_a_pydantic_that_can
def test_most_correct_images_of_most_models_are_read_fast() -> None:
    # were every node generic, or every model, no other test would notice
    randoms = [Random(seed) for seed in range(400)]  # noqa: S311  # no secret
    kinds = [(random, kind) for random in randoms if (kind := grown(random))]
    decoders = [(compile_decoder(kind.hint), kind, kind.grow(random)["M"]) for random, kind in kinds]
    legal = [(d, image) for d, kind, image in decoders if not ask(law_of(kind.hint, d), image).error]
    quick = [d for d, image in legal if d.fast and not ask(d.fast, image).error]

    assert len(legal) > 150
    assert len(quick) / len(legal) > 0.5


def test_this_pydantic_builds_what_it_is_told_unless_it_is_one_of_those_that_cannot() -> None:
    minor = int(pydantic.VERSION.split(".")[1])

    assert works() is (minor not in {11, 12})


def test_a_second_tag_is_refused_by_the_law_and_not_looked_for_by_the_fast_decoder() -> None:
    two = {"field": {"S": "a", "N": "1"}}
    made = create_model("Made", field=(str, ...))
    decoder = compile_decoder(made)

    assert ask(law_of(made, decoder), two).error is not None
    assert decoder.fast is None or ask(decoder.fast, two).error is None


def test_an_unreadable_attribute_that_nobody_looks_at_does_no_harm() -> None:
    made = create_model("Made", field=(str, ...))

    assert decode(made, {"field": S, "other": {"N": "NaN"}}) == made(field="a")


def test_an_unreadable_attribute_is_never_kept_as_text() -> None:
    made = create_model("Made", field=(Annotated[str, BeforeValidator(repr)], ...))

    with pytest.raises(InvalidItemError):
        decode(made, {"field": {"N": "NaN"}})


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_an_unreadable_discriminator_is_refused_quietly() -> None:
    hint: Any = Annotated[Union[Cat, Dog], Field(discriminator="kind")]  # noqa: UP007  # as above
    made = create_model("Made", pet=(hint, ...))

    with pytest.raises(InvalidItemError, match=r"pet\.kind: S holds text"):
        decode(made, {"pet": {"M": {"kind": {"S": 1}}}})
