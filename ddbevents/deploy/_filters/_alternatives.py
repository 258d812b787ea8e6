"""The alternatives of a leaf in a filter pattern, one of which must match: texts, booleans and operators.

Everything here errs on one side: a result may match more values than what it was made of, never fewer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, TypeAlias


class Operator(NamedTuple):
    """An operator of Lambda's filter syntax.

    Attributes:
        name: Its name.
        operand: A prefix, the excluded texts, or whether the leaf exists.
    """

    name: Literal["prefix", "anything-but", "exists"]
    operand: str | bool | tuple[str, ...]


Alternative: TypeAlias = str | bool | Operator
Alternatives: TypeAlias = tuple[Alternative, ...]

EXISTS: Final = Operator("exists", operand=True)
ABSENT: Final = Operator("exists", operand=False)
ANYTHING: Final[Alternatives] = (EXISTS, ABSENT)
"""What a leaf always matches, whether it is there or not."""


def prefix(text: str) -> Operator:
    """Return what matches texts that begin so."""
    return Operator("prefix", text)


def other_than(texts: Iterable[str]) -> Operator:
    """Return what matches all texts but these."""
    return Operator("anything-but", tuple(dict.fromkeys(texts)))


def union(one: Alternatives, other: Alternatives) -> Alternatives:
    """Return alternatives that match what one or the other matches."""
    each = tuple(dict.fromkeys((*one, *other)))
    return tuple(
        inner for inner in each if not any(outer != inner and _is_within(inner, outer) for outer in each)
    )


def intersection(one: Alternatives, other: Alternatives) -> Alternatives:
    """Return alternatives that match what both match; none if no value does."""
    found = (_both(each, another) for each in one for another in other)
    return union(tuple(each for each in found if each is not None), ())


def are_within(inner: Alternatives, outer: Alternatives) -> bool:
    """Return whether it is certain that the outer ones match what the inner ones match."""
    return all(any(_is_within(each, another) for another in outer) for each in inner)


def as_json(alternatives: Alternatives) -> list[object]:
    """Return the alternatives as a pattern has them."""
    return [_as_json(each) for each in alternatives]


def _as_json(alternative: Alternative) -> object:
    if not isinstance(alternative, Operator):
        return alternative
    operand = alternative.operand
    return {alternative.name: [*operand] if isinstance(operand, tuple) else operand}


def _is_within(inner: Alternative, outer: Alternative) -> bool:
    if outer in {inner, EXISTS}:
        return inner != ABSENT or outer == ABSENT
    match inner, outer:
        case (Operator("prefix", str(longer)), Operator("prefix", str(shorter))):
            is_within = longer.startswith(shorter)
        case (Operator("prefix", str(start)), Operator("anything-but", tuple(excluded))):
            is_within = not any(text.startswith(start) for text in excluded)
        case (Operator("anything-but", tuple(more)), Operator("anything-but", tuple(excluded))):
            is_within = {*excluded} <= {*more}
        case (str() | bool() as value, Operator()):
            is_within = _matches(outer, value)
        case _:
            is_within = False
    return is_within


def _both(one: Alternative, other: Alternative) -> Alternative | None:
    """Return an alternative that matches what both match; None if nothing does."""
    if _is_within(one, other):
        return one
    if _is_within(other, one):
        return other
    match one, other:
        case Operator("anything-but", tuple(excluded)), Operator("anything-but", tuple(more)):
            return other_than((*excluded, *more))
        case (Operator("prefix") as start, Operator("anything-but")) | (
            Operator("anything-but"),
            Operator("prefix") as start,
        ):
            return start
        case _:
            return None


def _matches(operator: Operator, text: str | bool) -> bool:  # noqa: FBT001  # the value of a leaf
    match operator.operand:
        case str(start):
            return isinstance(text, str) and text.startswith(start)
        case tuple(excluded):
            return text not in excluded
        case is_there:
            return is_there
