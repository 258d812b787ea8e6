"""Event filter patterns of Lambda's event source mappings, and whether a record matches one.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filtering-syntax. Where
it is silent (arrays, exists, ranges, letters beyond ASCII), this follows Event Ruler, which AWS uses:
https://github.com/aws/event-ruler
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias, TypeGuard

from ..._errors import ConfigurationError

Pattern: TypeAlias = Mapping[str, Any]
_Path: TypeAlias = tuple[str, ...]

_LONGEST: Final = 4_096  # characters of a pattern, by quota
_MOST: Final = 10  # patterns of a mapping: five, ten where the quota was raised
_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _equals_ignoring_case(text: str, wanted: str) -> bool:
    """Match each character of the pattern in its upper or its lower form: ß matches SS, but not ss."""
    forms = (f"(?:{re.escape(letter.upper())}|{re.escape(letter.lower())})" for letter in wanted)
    return re.fullmatch("".join(forms), text) is not None


_ON_TEXT: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "prefix": str.startswith,
    "suffix": str.endswith,
    "equals-ignore-case": _equals_ignoring_case,
}


def matches_pattern(pattern: Pattern | str, record: Mapping[str, Any]) -> bool:
    """Return whether Lambda lets a record through to the function.

    Args:
        pattern: A pattern as an object, or as the JSON text that AWS takes. If an object of the text has a
            name twice, the last one counts.
        record: The record as Lambda sends it.

    Raises:
        ConfigurationError: Lambda would refuse the pattern.
    """
    return matches_any((read_pattern(pattern),), record)


def matches_any(patterns: tuple[Pattern, ...], record: Mapping[str, Any]) -> bool:
    """Return whether a record matches one of a mapping's patterns, or there are none."""
    return not patterns or any(_matches(pattern, record, record, ()) for pattern in patterns)


def read_patterns(patterns: Iterable[Pattern | str]) -> tuple[Pattern, ...]:
    """Read and check the patterns of a mapping.

    Raises:
        ConfigurationError: Lambda would refuse them.
    """
    read = tuple(read_pattern(pattern) for pattern in patterns)
    if len(read) > _MOST:
        raise ConfigurationError(f"a mapping has at most {_MOST} filters")
    return read


def read_pattern(pattern: Pattern | str) -> Pattern:
    """Read and check one pattern.

    Raises:
        ConfigurationError: Lambda would refuse it.
    """
    try:
        text = pattern if isinstance(pattern, str) else json.dumps(pattern, separators=(",", ":"))
        read = json.loads(text)
    except (TypeError, ValueError) as error:
        raise ConfigurationError("a filter pattern must be a JSON object") from error
    if not isinstance(read, dict):
        raise ConfigurationError("a filter pattern must be a JSON object")
    if len(text) > _LONGEST:
        raise ConfigurationError(f"a filter pattern has at most {_LONGEST} characters")
    _check(read, ())
    return read


def _check(pattern: dict[str, Any], path: _Path) -> None:
    if not pattern:
        raise _refusal(path, "an empty object")
    for name, part in pattern.items():
        if name == "$or":
            _check_or(part, path)
        elif isinstance(part, dict):
            _check(part, (*path, name))
        elif not isinstance(part, list) or not part:
            raise _refusal((*path, name), 'a value must be a list of alternatives, such as ["OPEN"]')
        else:
            for alternative in part:
                _check_alternative(alternative, (*path, name))


def _check_or(part: object, path: _Path) -> None:
    if not isinstance(part, list) or len(part) < 2 or not all(isinstance(branch, dict) for branch in part):  # noqa: PLR2004  # either one or the other
        raise _refusal((*path, "$or"), "needs a list of at least two objects")
    for branch in part:
        _check(branch, path)


def _check_alternative(alternative: object, path: _Path) -> None:
    if isinstance(alternative, list):
        raise _refusal(path, "a list within a list")
    if not isinstance(alternative, dict):
        return
    if len(alternative) != 1:
        raise _refusal(path, "an operator must be an object with one name")
    [(name, operand)] = alternative.items()
    if not _is_operand(name, operand):
        raise _refusal(path, f"Lambda has no such operator, or not with this operand: {name!r}")


def _is_operand(name: str, operand: object) -> bool:
    match name:
        case "exists":
            return isinstance(operand, bool)
        case "numeric":
            return _is_comparison(operand)
        case "anything-but":
            return _is_text_or_numbers(operand if isinstance(operand, list) else [operand])
        case _:
            return name in _ON_TEXT and isinstance(operand, str)


def _is_text_or_numbers(members: list[Any]) -> bool:
    return bool(members) and (
        all(isinstance(member, str) for member in members) or all(map(_is_number, members))
    )


def _is_comparison(operand: object) -> bool:
    """Return whether it is one comparison, or a lower bound followed by a higher one."""
    match operand:
        case [str(sign), bound]:
            return sign in _COMPARISONS and _is_number(bound)
        case [">" | ">=", low, "<" | "<=", high]:
            return _is_number(low) and _is_number(high) and low < high
        case _:
            return False


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _refusal(path: _Path, reason: str) -> ConfigurationError:
    place = ".".join(path) or "the pattern"
    return ConfigurationError(f"Lambda would refuse the filter pattern: {place}: {reason}")


def _has_leaf(path: _Path, record: Mapping[str, Any]) -> bool:
    return any(not isinstance(value, Mapping) for value in _values_at(path, record))


def _values_at(path: _Path, value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for member in value:
            yield from _values_at(path, member)
    elif not path:
        yield value
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _values_at(path[1:], value[path[0]])


def _matches(pattern: Pattern, value: Any, record: Mapping[str, Any], path: _Path) -> bool:
    """Return whether all names of the pattern match; in an array, within the same element."""
    if isinstance(value, list) and value:
        return any(_matches(pattern, member, record, path) for member in value)
    fields: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
    return all(
        any(_matches(branch, value, record, path) for branch in part)
        if name == "$or"
        else _part_matches(part, fields, record, (*path, name))
        for name, part in pattern.items()
    )


def _part_matches(part: Any, fields: Mapping[str, Any], record: Mapping[str, Any], path: _Path) -> bool:
    inner = fields.get(path[-1], {})
    if isinstance(part, Mapping):
        return _matches(part, inner, record, path)
    leaves = [leaf for leaf in _values_at((), inner) if not isinstance(leaf, Mapping)]
    return any(
        # Event Ruler looks at leaves only. So this also holds for an attribute that is there, since its value
        # is an object with the type tag.
        not _has_leaf(path, record)
        if alternative == {"exists": False}
        else any(_leaf_matches(alternative, leaf) for leaf in leaves)
        for alternative in part
    )


def _leaf_matches(alternative: Any, leaf: object) -> bool:
    if not isinstance(alternative, Mapping):
        return _is_same(alternative, leaf)
    [(name, operand)] = alternative.items()
    match name:
        case "exists":
            return True
        case "numeric":
            return _is_number(leaf) and _in_range(operand, leaf)
        case "anything-but":
            excluded = operand if isinstance(operand, list) else [operand]
            return not any(_is_same(member, leaf) for member in excluded)
        case _:
            return isinstance(leaf, str) and _ON_TEXT[name](leaf, operand)


def _in_range(operand: list[Any], number: float) -> bool:
    comparisons = zip(operand[::2], operand[1::2], strict=True)
    return all(_COMPARISONS[sign](number, bound) for sign, bound in comparisons)


def _is_same(one: object, other: object) -> bool:
    """Compare as JSON text, so that 300 is not 300.0 and 1 is not true."""
    return json.dumps(one) == json.dumps(other)
