"""Event filter patterns of Lambda's event source mappings: what they may say, and the rules they stand for.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filtering-syntax. Where
it is silent, this follows Event Ruler, which AWS uses: https://github.com/aws/event-ruler
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias, TypeGuard

from ..._errors import ConfigurationError

Pattern: TypeAlias = Mapping[str, Any]
_Path: TypeAlias = tuple[str, ...]
_Branch: TypeAlias = dict[str, list[Any]]
"""The alternatives of each joined name, all of which must match."""

_LONGEST: Final = 4_096  # characters of a pattern, by quota
_MOST: Final = 10  # patterns of a mapping: five, ten where the quota was raised
_MOST_BRANCHES: Final = 1_000  # of all `$or` together, since they multiply; AWS names no quota for filters
_LONGEST_NAME: Final = 40  # characters of a name in a message
_ON_TEXT: Final = ("equals-ignore-case", "prefix", "suffix")
_LISTED: Final = ("anything-but", "equals-ignore-case", "exists", "numeric", "prefix", "suffix")

# Event Ruler takes these for operators, so that no attribute below `$or` can have such a name of its own.
_RESERVED: Final = frozenset(
    {"exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric"}
    | {"cidr", "=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case", "date-after"}
    | {"date-on-or-after", "date-before", "date-on-or-before", "in-date-range", "ip-address-in-range"}
    | {"ip-address-not-in-range"}
)


class Wanted(NamedTuple):
    """A leaf that a pattern wants.

    Attributes:
        name: The names that lead to the leaf, joined with dots.
        alternatives: The literals and operators, one of which must match.
    """

    name: str
    alternatives: tuple[Any, ...]


Rule: TypeAlias = tuple[Wanted, ...]
"""Leaves that must all be found, in the order of their names."""

Filter: TypeAlias = tuple[Rule, ...]
"""A pattern that was read: its rules, one of which must hold."""


def read_patterns(patterns: Iterable[Pattern | str]) -> tuple[Filter, ...]:
    """Read and check the patterns of a mapping.

    Raises:
        ConfigurationError: There are too many, or one is refused.
    """
    read = tuple(read_pattern(pattern) for pattern in patterns)
    if len(read) > _MOST:
        raise ConfigurationError(f"a mapping has at most {_MOST} filters")
    return read


def read_pattern(pattern: Pattern | str) -> Filter:
    """Read and check one pattern.

    Raises:
        ConfigurationError: It is invalid, or uses what Lambda's documentation does not list.
    """
    try:
        branches = _branches(_parsed(pattern), (), [{}], within_or=False)
    except RecursionError as error:
        raise ConfigurationError("the filter pattern is nested too deeply") from error
    return tuple(_rule(branch) for branch in branches)


def _parsed(pattern: Pattern | str) -> dict[str, Any]:
    try:
        text = (
            pattern
            if isinstance(pattern, str)
            else json.dumps(pattern, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        )
        if len(text) > _LONGEST:
            _refuse((), f"it has {len(text)} characters, and at most {_LONGEST} are allowed")
        read = json.loads(text, parse_constant=_refuse_constant)
    except (TypeError, ValueError) as error:
        raise ConfigurationError("a filter pattern must be a JSON object, or its text") from error
    if not isinstance(read, dict):
        raise ConfigurationError("a filter pattern must be a JSON object, or its text")
    return read


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _branches(
    pattern: dict[str, Any], path: _Path, branches: list[_Branch], *, within_or: bool
) -> list[_Branch]:
    """Return the branches, extended by an object of the pattern.

    `$or` multiplies the branches. Of a name that stands beside `$or` and in it, the later one wins.
    """
    if not pattern:
        _refuse(path, "an object needs at least one name")
    for name, part in pattern.items():
        inner = (*path, name)
        if name == "$or":
            branches = _either(part, path, branches)
        elif within_or and name in _RESERVED:
            _refuse(
                inner,
                "Event Ruler, which Lambda uses, reserves this name below $or: join it with the names around "
                f"it, as in {json.dumps('.'.join((*inner, 'S')))}",
            )
        elif isinstance(part, dict):
            branches = _branches(part, inner, branches, within_or=within_or)
        else:
            joined, alternatives = ".".join(inner), _alternatives(part, inner)
            branches = [{**branch, joined: alternatives} for branch in branches]
    return branches


def _either(part: object, path: _Path, branches: list[_Branch]) -> list[_Branch]:
    if not isinstance(part, list) or len(part) < 2 or not all(isinstance(choice, dict) for choice in part):  # noqa: PLR2004  # either one or the other
        _refuse((*path, "$or"), "it needs a list of at least two objects")
    either: list[_Branch] = []
    for choice in part:
        either += _branches(choice, path, branches, within_or=True)
        if len(either) > _MOST_BRANCHES:
            _refuse(
                (*path, "$or"),
                f"its choices make more than {_MOST_BRANCHES} combinations, too many here: use more filters",
            )
    return either


def _rule(branch: _Branch) -> Rule:
    # Event Ruler goes through the names in the order of Java's strings, and what it found in an array before
    # decides where a later name may be absent.
    names = sorted(branch, key=lambda name: name.encode("utf-16-be", errors="surrogatepass"))
    return tuple(Wanted(name, tuple(branch[name])) for name in names)


def _alternatives(part: object, path: _Path) -> list[Any]:
    if not isinstance(part, list) or not part:
        _refuse(path, 'a value must be a list of alternatives, such as ["OPEN"]')
    for alternative in part:
        if isinstance(alternative, list):
            _refuse(path, "a list within a list: write the alternatives in one list")
        if isinstance(alternative, dict):
            _check_operator(alternative, path)
    return part


def _check_operator(alternative: dict[str, Any], path: _Path) -> None:
    if len(alternative) != 1:
        _refuse(path, 'an operator is an object with one name, such as {"prefix": "A"}')
    [(name, operand)] = alternative.items()
    match name:
        case "exists":
            takes = None if isinstance(operand, bool) else "true or false"
        case "numeric":
            takes = None if _is_comparison(operand) else _COMPARISONS
        case "anything-but":
            takes = (
                None if _is_excluded(operand) else "a text, a number, a list of texts or a list of numbers"
            )
        case _ if name in _ON_TEXT:
            takes = None if isinstance(operand, str) else "a text"
        case _:
            _refuse(
                path,
                f"Lambda's documentation does not list the operator {name[:_LONGEST_NAME]!r}: it lists "
                f"{', '.join(_LISTED)}",
            )
    if takes is not None and isinstance(operand, dict):
        _refuse(path, f"Lambda's documentation does not list operators within {name}, which takes {takes}")
    if takes is not None:
        _refuse(path, f"{name} takes {takes}")


_TEXTS_OR_NUMBERS: Final = "a text, a number, a list of texts or a list of numbers"
_COMPARISONS: Final = (
    'one comparison, such as [">", 5], or a lower bound and a higher one, such as [">=", 1, "<", 5], '
    "all with numbers"
)


def _is_excluded(operand: object) -> bool:
    members = operand if isinstance(operand, list) else [operand]
    return bool(members) and (
        all(isinstance(member, str) for member in members) or all(map(is_number, members))
    )


def _is_comparison(operand: object) -> bool:
    match operand:
        case ["=" | "<" | "<=" | ">" | ">=", bound]:
            return is_number(bound)
        case [">" | ">=", low, "<" | "<=", high]:
            return is_number(low) and is_number(high) and low < high
        case _:
            return False


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a JSON value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf


def _refuse(path: _Path, reason: str) -> NoReturn:
    place = f" at {'.'.join(path)[: 4 * _LONGEST_NAME]}" if path else ""
    raise ConfigurationError(f"the filter pattern cannot be used{place}: {reason}")
