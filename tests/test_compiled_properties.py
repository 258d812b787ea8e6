"""Whatever the model and the image, `decode` gives the item or the error that the reference decoder gives.

`DDBEVENTS_CAMPAIGNS=long` tries 50,000 models, whose decoders take some 3 GB of memory.
"""

from __future__ import annotations

from functools import partial
from random import Random
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Union

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, PydanticUserError, TypeAdapter, create_model

from ddbevents import InvalidItemError, decode

# decode_exactly is what handlers' images are decoded with; a fault is planted beside it
from ddbevents._codec import ItemField, _compile, decode_exactly, item_fields
from ddbevents._codec._compile import works
from tests.campaigns import size
from tests.decoders_compared import Answer, ask, by_definition, by_reference, comparable
from tests.models_for_decoding import grown, mutate

EXAMPLES: Final = size(short=80, full=2_000, long=50_000)
IMAGES: Final = 3  # wrong ones for each model
NEVER: Final = ItemField((("no attribute",),), required=False, choices=frozenset())

thorough = settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
RANDOMS: Final = st.randoms(use_true_random=False) | st.integers(0, 2**64).map(Random)


@pytest.mark.timeout(10_000)
@thorough
@given(RANDOMS)
def test_both_decoders_agree(random: Random) -> None:
    kind = grown(random)
    assume(kind is not None)
    assert kind is not None
    correct = kind.grow(random)["M"]

    for image in (correct, *(mutate(random, correct) for _ in range(IMAGES))):
        answer, right = ask(partial(decode, kind.hint), image), ask(by_reference(kind.hint), image)
        assert comparable(answer) == comparable(right)


@pytest.mark.timeout(10_000)
@settings(thorough, max_examples=EXAMPLES // 4)
@given(RANDOMS)
def test_plain_values_are_validated(random: Random) -> None:
    kind = grown(random)
    assume(kind is not None)
    assert kind is not None
    definition = defined(kind.hint)
    assume(definition is not None)
    image = random.choice((same, mutate))(random, kind.grow(random)["M"])
    item, error = ask(definition, image)
    # decode ignores a malformed attribute that no field reads
    assume(not isinstance(error, InvalidItemError))

    answer = ask(partial(decode, kind.hint), image)

    assert answer.item == item
    assert (answer.error is None) is (error is None)


@pytest.mark.timeout(10_000)
@settings(thorough, max_examples=EXAMPLES // 2)
@given(RANDOMS)
def test_second_tags_are_refused(random: Random) -> None:
    kind = grown(random)
    assume(kind is not None)
    assert kind is not None
    assert wrongly_tagged(random, kind.hint, kind.grow(random)["M"]) == []


@pytest.mark.skipif(not works(), reason="this pydantic has no compiled decoder")
@pytest.mark.parametrize(
    ("fields", "found"), [(item_fields, False), (lambda _: {"a": NEVER}, True)], ids=["no fault", "a fault"]
)
def test_a_look_elsewhere_is_found(monkeypatch: pytest.MonkeyPatch, fields: Any, *, found: bool) -> None:
    # the fault has to be in the library's own code
    monkeypatch.setattr(_compile, "item_fields", fields)
    randoms = [Random(seed) for seed in range(100)]  # noqa: S311  # no secret
    # a new model each time, since its look is kept
    made = create_model("Made", name=(str, ...), note=(str, ""))
    image = {"name": {"S": "a"}, "note": {"S": "b"}}

    assert any(wrongly_tagged(random, made, image) for random in randoms) is found


def wrongly_tagged(random: Random, model: Any, image: Any) -> list[Answer]:
    """Return answers to images with a second tag somewhere on top, where these are not the reference's."""
    wide = {**image, **{f"unread {number}": {"N": "1"} for number in range(random.choice((1, 40)))}}
    name = random.choice([*wide])
    doubled = {**wide, name: {**wide[name], "NS": ["1"]}}
    # the first answer compiles the decoder
    images = wide, wide, doubled
    answers = [ask(partial(decode_exactly, model), each) for each in images]
    right = [ask(by_reference(model), each) for each in images]
    return [
        answer for answer, each in zip(answers, right, strict=True) if comparable(answer) != comparable(each)
    ]


def defined(model: Any) -> Any:
    """Return a model's decoder by definition; None for a strict model, where the type tag decides."""
    try:
        is_strict = "'strict': True" in repr(TypeAdapter(model).core_schema)
    except PydanticUserError:  # pragma: no cover  # pydantic fails to read some TypedDicts twice
        return None
    return None if is_strict else by_definition(model)


def same(_: Random, image: Any) -> Any:
    return image


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog", "hound"]


def test_a_second_tag_is_refused() -> None:
    made = create_model("Made", field=(str, ...))

    with pytest.raises(InvalidItemError, match="field: an attribute value has one type tag, not 2"):
        decode(made, MappingProxyType({"field": {"S": "a", "N": "1"}}))


def test_the_first_image_is_looked_at_too() -> None:
    made = create_model("Made", field=(str, ...))

    with pytest.raises(InvalidItemError, match="field: an attribute value has one type tag, not 2"):
        decode_exactly(made, {"field": {"S": "a", "N": "1"}})


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_bad_discriminator_is_quiet() -> None:
    hint: Any = Annotated[Union[Cat, Dog], Field(discriminator="kind")]  # noqa: UP007  # pydantic before 2.9 refuses the new spelling here
    made = create_model("Made", pet=(hint, ...))

    with pytest.raises(InvalidItemError, match=r"pet\.kind: S holds text"):
        decode(made, {"pet": {"M": {"kind": {"S": 1}}}})
