"""A refused item costs little memory and time, and its error is the first that pydantic names."""

from __future__ import annotations

import inspect
import subprocess
import sys
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, PrivateAttr, ValidationError, model_validator
from pydantic_core import core_schema

from ddbevents import InvalidItemError, decode, decode_value

# the problem and location that a message is made of are seen inside only
from ddbevents._codec._compile import compile_decoder
from ddbevents._codec._model import adapter
from tests.campaigns import size
from tests.models_for_decoding import grown, mutate
from tests.refused_items import CASES
from tests.test_compiled_properties import defined

EXAMPLES: Final = size(short=60, full=500, long=50_000)
ROOT: Final = Path(__file__).parents[1]
SECONDS: Final = 1 if sys.gettrace() is None else 30
"""The CPU time that decoding may take; coverage slows it."""


def can_fail_fast(schema: Any) -> bool:
    return "fail_fast" in inspect.signature(schema).parameters


# each takes a process of its own, so a plain run looks at every third
SHOWN: Final = dict(islice(CASES.items(), None, None, size(short=3, full=1, long=1)))
LISTS, MAPS = can_fail_fast(core_schema.list_schema), can_fail_fast(core_schema.dict_schema)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux says how large a process is")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param(
            *(name, case.told),
            marks=pytest.mark.skipif(
                not (MAPS if case.collects_maps else LISTS), reason="this pydantic collects all problems"
            ),
        )
        for name, case in SHOWN.items()
    ],
    ids=SHOWN,
)
def test_a_refusal_is_cheap(name: str, told: str) -> None:
    command = [sys.executable, "-m", "tests.refused_items", name]

    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)

    seconds, _, outcome = ran.stdout.partition(" ")
    assert outcome == told
    assert float(seconds) < SECONDS


def first_problem(validate: Any, values: Any) -> object:
    """Return the problem that pydantic names first, or another exception, or None."""
    try:
        validate(values)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return problem["type"], problem["loc"]
    except Exception as error:  # noqa: BLE001  # users' validators raise anything
        return type(error)
    return None


@pytest.mark.timeout(10_000)
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.integers(0, 2**64).map(Random))
def test_the_first_problem_is_the_same(random: Random) -> None:
    kind = grown(random)
    assume(kind is not None and defined(kind.hint) is not None)
    assert kind is not None
    correct = kind.grow(random)["M"]
    images = [correct, *(mutate(random, correct) for _ in range(4))]

    assert [*filter(None, (other_problem(kind.hint, image) for image in images))] == []


def other_problem(model: Any, image: Any) -> object:
    """Return an image's first problem and pydantic's own where they are not the same.

    Pydantic reads on after the first problem, and may then meet a validator that raises anything.
    """
    try:
        values: Any = decode_value({"M": image})
    except InvalidItemError:
        return None
    ours = first_problem(compile_decoder(model).validate, values)
    pydantics = first_problem(adapter(model).validator.validate_python, values)
    is_right = ours == pydantics or (isinstance(pydantics, type) and ours is not None)
    return None if is_right else (ours, pydantics, image)


SEEN: Final[list[Any]] = []


class Keeping(BaseModel):
    name: str
    _raw: Any = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def note(cls, values: Any) -> Any:
        SEEN[:] = [values]
        return values


class KeepingInside(Keeping):
    def model_post_init(self, _: Any) -> None:
        self._raw = SEEN[0]


def test_a_placeholder_elsewhere_is_no_matter() -> None:
    image = {"name": {"S": "a"}, "other": {"N": "x"}}

    assert decode(Keeping, image) == Keeping(name="a")


def test_a_placeholder_in_the_item_is_refused() -> None:
    with pytest.raises(InvalidItemError, match="other: N holds"):
        decode(KeepingInside, {"name": {"S": "a"}, "other": {"N": "x"}})
