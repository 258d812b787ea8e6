"""Whether a record matches a filter, decided as Event Ruler decides it: https://github.com/aws/event-ruler."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import count
from typing import Any, Final, NamedTuple, TypeAlias

from ._patterns import Filter, Pattern, Rule, Wanted, is_number, read_pattern

_Place: TypeAlias = frozenset[tuple[int, int]]
"""The elements of arrays that something is in: the number of each array, and the index within it."""

_NOWHERE: Final[_Place] = frozenset()


class _Leaf(NamedTuple):
    """A value that is no object and no array, and the elements of arrays that it is in."""

    value: object
    place: _Place


_Leaves: TypeAlias = dict[str, list[_Leaf]]
"""The leaves of a record by the names that lead to them, joined with dots."""


def matches_pattern(pattern: Pattern | str, record: Mapping[str, Any]) -> bool:
    """Return whether Lambda lets a record through to the function.

    Args:
        pattern: A pattern as an object, or as the JSON text that AWS takes. If an object of the text has a
            name twice, the last one counts.
        record: The record as Lambda sends it.

    Raises:
        ConfigurationError: The pattern is invalid, or uses what Lambda's documentation does not list.
    """
    return matches_any((read_pattern(pattern),), record)


def matches_any(filters: Collection[Filter], record: Mapping[str, Any]) -> bool:
    """Return whether a record matches one of a mapping's filters, or there are none."""
    if not filters:
        return True
    leaves: _Leaves = {}
    _collect(record, (), _NOWHERE, leaves, count())
    return any(_holds(rule, leaves) for each in filters for rule in each)


def _collect(
    value: Any, path: tuple[str, ...], place: _Place, leaves: _Leaves, numbers: Iterator[int]
) -> None:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _collect(inner, (*path, name), place, leaves, numbers)
    elif isinstance(value, list):
        array = next(numbers)
        for index, member in enumerate(value):
            # A leaf right in an array is not bound to its element: ["a", "b"] has both values at once.
            inner = place | {(array, index)} if isinstance(member, (Mapping, list)) else place
            _collect(member, path, inner, leaves, numbers)
    else:
        leaves.setdefault(".".join(path), []).append(_Leaf(value, place))


def _holds(rule: Rule, leaves: _Leaves) -> bool:
    """Return whether all wanted leaves are found, within the same element of each array.

    `places` are all sets of elements in which the leaves so far were found.
    """
    places = {_NOWHERE}
    for wanted in rule:
        found = leaves.get(wanted.name, [])
        places = {after for place in places for after in _places_after(place, wanted, found)}
    return bool(places)


def _places_after(place: _Place, wanted: Wanted, found: list[_Leaf]) -> Iterator[_Place]:
    reachable = [leaf for leaf in found if _is_consistent(place | leaf.place)]
    # Event Ruler looks at leaves only. So this also holds for an attribute that is there, since its value is
    # an object with the type tag.
    if not reachable and {"exists": False} in wanted.alternatives:
        yield place
    for leaf in reachable:
        if any(_leaf_matches(alternative, leaf.value) for alternative in wanted.alternatives):
            yield place | leaf.place


def _is_consistent(place: _Place) -> bool:
    return len({array for array, _ in place}) == len(place)


def _leaf_matches(alternative: Any, leaf: object) -> bool:
    if not isinstance(alternative, dict):
        return _is_same(alternative, leaf)
    [(name, operand)] = alternative.items()
    match name:
        case "exists":
            return bool(operand)
        case "numeric":
            return is_number(leaf) and _in_range(operand, leaf)
        case "anything-but":
            excluded = operand if isinstance(operand, list) else [operand]
            return not any(_is_same(member, leaf) for member in excluded)
        case _:
            return isinstance(leaf, str) and _ON_TEXT[name](leaf, operand)


def _in_range(operand: list[Any], number: float) -> bool:
    comparisons = zip(operand[::2], operand[1::2], strict=True)
    return all(_COMPARISONS[sign](number, bound) for sign, bound in comparisons)


def _is_same(one: object, other: object) -> bool:
    """Compare numbers by value, so that 300 is 300.0, and all else with its type: 1 is not true."""
    return isinstance(one, bool) is isinstance(other, bool) and one == other


def _equals_ignoring_case(text: str, wanted: str) -> bool:
    """Match each character of the pattern in its upper or its lower form: ß matches SS, but not ss."""
    forms = (f"(?:{re.escape(letter.upper())}|{re.escape(letter.lower())})" for letter in wanted)
    return re.fullmatch("".join(forms), text) is not None


_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ON_TEXT: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "prefix": str.startswith,
    "suffix": str.endswith,
    "equals-ignore-case": _equals_ignoring_case,
}
