"""How effects differ: whether less or more happened than without faults, as far as values can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

Difference: TypeAlias = Literal["less", "more", "other"]
_Members: TypeAlias = Mapping[Any, Any]

UNKNOWN: Final = object()
"""In place of effects that could not be observed."""


def difference(initial: object, expected: object, found: object) -> Difference:
    """Return whether less or more has happened than expected.

    Args:
        initial: The effects in a new world: a stock can go down, and a doubled effect takes it further.
        expected: The effects without faults.
        found: The effects with them.
    """
    try:
        differences: set[Difference] = {*_differences(initial, expected, found)}
    except Exception:  # noqa: BLE001  # the values are the user's, and so is their comparing
        return "other"
    return differences.pop() if len(differences) == 1 else "other"


def _differences(initial: Any, expected: Any, found: Any) -> Iterator[Difference]:
    if found == expected:
        return
    if found == initial:
        yield "less"
    elif expected is None:
        yield "more"
    elif _is_number(expected) and _is_number(found):
        yield _of_numbers(initial if _is_number(initial) else 0, expected, found)
    elif (members := _members(expected, found)) is not None:
        before = members(initial) if isinstance(initial, type(expected)) else {}
        wanted, got = members(expected), members(found)
        for name in {**wanted, **got}:
            yield from _differences(before.get(name), wanted.get(name), got.get(name))
    else:
        yield "other"


def _of_numbers(initial: Any, expected: Any, found: Any) -> Difference:
    if expected == initial:
        return "other"
    return "more" if (found > expected) is (expected > initial) else "less"


def _members(expected: Any, found: Any) -> Callable[[Any], _Members] | None:
    """Return what both values can be compared by, or None."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        return dict
    if isinstance(expected, AbstractSet) and isinstance(found, AbstractSet):
        return _once_each
    if isinstance(expected, (list, tuple)) and isinstance(found, (list, tuple)):
        return _by_place if len(expected) == len(found) else _by_text
    return None


def _once_each(members: AbstractSet[Any]) -> _Members:
    return dict.fromkeys(members, 1)


def _by_place(members: list[Any] | tuple[Any, ...]) -> _Members:
    return dict(enumerate(members))


def _by_text(members: list[Any] | tuple[Any, ...]) -> _Members:
    # One more at the front moves all others, so that only their number can be compared. Some have no hash.
    return Counter(map(repr, members))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
