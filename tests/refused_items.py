"""Decodes a hostile item in a process of its own, within little memory: `python -m tests.refused_items CASE`.

It prints the seconds of CPU time, and the item or the error.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

from pydantic import (
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    RootModel,
    create_model,
    with_config,
)
from typing_extensions import TypedDict

from ddbevents import InvalidItemError, decode

MEMORY: Final = 60 * 1024**2
"""The bytes that decoding may take beside the image."""

Attribute = dict[str, Any]
NULL: Final[Attribute] = {"NULL": True}
NULLS: Final[Attribute] = {"L": [NULL] * 190_000}  # 380 KB, as DynamoDB counts
MAP: Final[Attribute] = {"M": {f"{number:x}": NULL for number in range(70_000)}}
MALFORMED: Final[Attribute] = {"L": [{"N": "x"}] * 120_000}
Anything = int | str | list[int] | dict[str, int]


class Picky(BaseModel, extra="forbid"):
    a: int = 0


class Strict(BaseModel, strict=True):
    field: list[int]


class Pathed(BaseModel):
    field: list[int]
    other: int = Field(default=0, validation_alias=AliasPath("other", "inside"))


@cache
def many() -> list[list[int]]:
    """Return a million objects: they are there before memory is limited."""
    return [[number] for number in range(1_000_000)]


class Private(BaseModel):
    field: int
    _cache: Any = PrivateAttr(default_factory=many)


@with_config(ConfigDict(extra="forbid"))
class PickyDict(TypedDict):
    a: int


class Case(NamedTuple):
    """A model, an image, and what is printed of its item or error."""

    model: Any
    image: Attribute
    told: str
    collects_maps: bool = False


def field(hint: Any, attribute: Attribute, told: str, *, collects_maps: bool = False) -> Case:
    return Case(create_model("Made", field=(hint, ...)), {"field": attribute}, told, collects_maps)


AN_INT: Final = "Made refuses it (int_type): expected N, found NULL"
CASES: Final = {
    "a union": field(list[Anything], NULLS, f"field[0]: {AN_INT}"),
    "a list": field(list[int], NULLS, f"field[0]: {AN_INT}"),
    "a list that may be missing": field(list[int] | None, NULLS, f"field[0]: {AN_INT}"),
    "a tuple": field(tuple[int, ...], NULLS, f"field[0]: {AN_INT}"),
    "a sequence": field(Sequence[int], NULLS, f"field[0]: {AN_INT}"),
    "a frozenset": field(frozenset[int], NULLS, f"field[0]: {AN_INT}"),
    "a set of text": field(
        set[int],
        {"SS": [*MAP["M"]]},
        "field: Made refuses it (int_parsing): expected N, found SS",
    ),
    "lists in a list": field(
        list[list[Anything]], {"L": [{"L": [NULL] * 100}] * 1_900}, f"field[0][0]: {AN_INT}"
    ),
    "a validator before": field(
        Annotated[list[int], BeforeValidator(lambda value: value)], NULLS, f"field[0]: {AN_INT}"
    ),
    "a root model": field(RootModel[list[int]], NULLS, f"field[0]: {AN_INT}"),
    "models": field(
        list[create_model("Inner", **{f"f{number}": (int, ...) for number in range(20)})],  # type: ignore[misc,call-overload]  # made at run time
        {"L": [{"M": {}}] * 95_000},
        "field[0].f0: Made requires this attribute",
    ),
    "a map": field(dict[str, Anything], MAP, f"field.0: {AN_INT}", collects_maps=True),
    "names of a map": field(
        dict[int, Any],
        {"M": {f"a{number:x}": NULL for number in range(60_000)}},
        "field.a0: Made refuses it (int_parsing): expected N, found NULL",
        collects_maps=True,
    ),
    "attributes that are forbidden": Case(
        Picky, {f"b{number:x}": NULL for number in range(60_000)}, "b0: Picky refuses it (extra_forbidden)"
    ),
    "members that are forbidden": field(
        PickyDict,
        {"M": {**MAP["M"], "a": {"N": "1"}}},
        "field.0: Made refuses it (extra_forbidden)",
    ),
    "a strict model": Case(
        Strict, {"field": NULLS}, "field[0]: Strict refuses it (int_type): expected N, found NULL"
    ),
    "a path": Case(
        Pathed, {"field": NULLS}, "field[0]: Pathed refuses it (int_type): expected N, found NULL"
    ),
    "malformed numbers": field(list[int], MALFORMED, "field[0]: N holds a decimal number as text"),
    "malformed numbers for anything": field(Any, MALFORMED, "field[0]: N holds a decimal number as text"),
    "a large private attribute": Case(Private, {"field": {"N": "1e0"}, "other": {"N": "x"}}, "field=1"),
}


def main(name: str) -> None:
    """Decode a case, the second time as any later image."""
    case = CASES[name]
    with suppress(InvalidItemError):
        decode(case.model, {})
    if case.model is Private:
        many()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    start = time.process_time()
    try:
        told = str(decode(case.model, case.image))
    except InvalidItemError as error:
        told = str(error)
    sys.stdout.write(f"{time.process_time() - start} {told}")


if __name__ == "__main__":
    main(sys.argv[1])
