"""Conditions on an item, as data: written once, evaluated here, rendered elsewhere.

The names and the meaning are those of `boto3.dynamodb.conditions.Attr` and of DynamoDB's own condition
expressions: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, assert_never

from ._attributes import AttributeValue, Image, canonical, encode_attribute, split_tag
from ._errors import AttributePath, ConfigurationError, InvalidItemError

Operator: TypeAlias = Literal[
    "eq",
    "ne",
    "lt",
    "lte",
    "gt",
    "gte",
    "between",
    "begins_with",
    "is_in",
    "contains",
    "exists",
    "not_exists",
]

_PATH: Final = re.compile(r"[^.\[\]]+(?:\[[0-9]+\])*(?:\.[^.\[\]]+(?:\[[0-9]+\])*)*")
_PART: Final = re.compile(r"\[([0-9]+)\]|([^.\[\]]+)")
_ORDER: Final[Mapping[Operator, Callable[..., bool]]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "between": lambda value, low, high: low <= value <= high,
    "begins_with": lambda value, prefix: value.startswith(prefix),
}
_ORDERED: Final = frozenset({"S", "N", "B"})
_MOST_CHOICES: Final = 100  # of IN, by DynamoDB's own limit


class Condition:
    """Something that is true or false of an item. Combine with `&`, `|` and `~`."""

    __slots__ = ()

    def __and__(self, other: Condition) -> Condition:
        return AllOf(self, other)

    def __or__(self, other: Condition) -> Condition:
        return AnyOf(self, other)

    def __invert__(self) -> Condition:
        return Negation(self)


@dataclass(frozen=True, slots=True)
class Comparison(Condition):
    """One attribute compared with operands, which are in typed JSON."""

    path: AttributePath
    operator: Operator
    operands: tuple[AttributeValue, ...]


@dataclass(frozen=True, slots=True)
class AllOf(Condition):
    """Both are true."""

    left: Condition
    right: Condition


@dataclass(frozen=True, slots=True)
class AnyOf(Condition):
    """At least one is true."""

    left: Condition
    right: Condition


@dataclass(frozen=True, slots=True)
class Negation(Condition):
    """It is false."""

    operand: Condition


class Attr:
    """An attribute of an item, by its name in DynamoDB; `address.city` and `lines[0].price` reach inside.

    As in DynamoDB, values of different types are never equal and have no order, an attribute that is not
    there is unequal to anything, and every other comparison with it is false.

    Raises:
        ConfigurationError: The name is no path, or an operand is nothing DynamoDB can compare with.
    """

    __slots__ = ("_path",)

    def __init__(self, name: str) -> None:
        if not _PATH.fullmatch(name):
            raise ConfigurationError(
                f"{name!r} is no attribute path: write it as 'address.city' or 'lines[0]'"
            )
        self._path: AttributePath = tuple(
            int(index) if index else part for index, part in _PART.findall(name)
        )

    def eq(self, value: object) -> Condition:
        """It equals the value, sets and numbers by value."""
        return self._compare("eq", value)

    def ne(self, value: object) -> Condition:
        """It differs from the value, or is not there."""
        return self._compare("ne", value)

    def lt(self, value: object) -> Condition:
        """It is less than the value."""
        return self._order("lt", value)

    def lte(self, value: object) -> Condition:
        """It is less than the value or equals it."""
        return self._order("lte", value)

    def gt(self, value: object) -> Condition:
        """It is greater than the value."""
        return self._order("gt", value)

    def gte(self, value: object) -> Condition:
        """It is greater than the value or equals it."""
        return self._order("gte", value)

    def between(self, low_value: object, high_value: object) -> Condition:
        """It is no less than the one and no greater than the other."""
        return self._order("between", low_value, high_value)

    def begins_with(self, value: str | bytes) -> Condition:
        """Its text or binary begins with the value."""
        if not isinstance(value, (str, bytes)):
            raise ConfigurationError("begins_with takes text or bytes")
        return self._compare("begins_with", value)

    def is_in(self, value: Iterable[object]) -> Condition:
        """It equals one of the values, of which there are 1 to 100."""
        values = tuple(value)
        if isinstance(value, (str, bytes)) or not 0 < len(values) <= _MOST_CHOICES:
            raise ConfigurationError(f"is_in takes 1 to {_MOST_CHOICES} values, in a list")
        return self._compare("is_in", *values)

    def contains(self, value: object) -> Condition:
        """Its text or binary has the value within, or its set or list has it as a member."""
        return self._compare("contains", value)

    def exists(self) -> Condition:
        """It is there, with any value, NULL too."""
        return self._compare("exists")

    def not_exists(self) -> Condition:
        """It is not there."""
        return self._compare("not_exists")

    def _order(self, name: Operator, *values: object) -> Condition:
        condition = self._compare(name, *values)
        tags = {tag for operand in condition.operands for tag in operand}
        if len(tags) > 1 or not tags <= _ORDERED:
            raise ConfigurationError(f"{name} takes text, a number or bytes")
        return condition

    def _compare(self, name: Operator, *values: object) -> Comparison:
        try:
            operands = tuple(encode_attribute(value) for value in values)
        except InvalidItemError as error:
            raise ConfigurationError(f"{name} cannot compare with this value: {error}") from error
        return Comparison(self._path, name, operands)


def matches(condition: Condition, image: Image) -> bool:
    """Whether the condition is true of an image.

    Raises:
        InvalidItemError: An attribute that the condition looks at is malformed.
    """
    match condition:
        case AllOf(left, right):
            return matches(left, image) and matches(right, image)
        case AnyOf(left, right):
            return matches(left, image) or matches(right, image)
        case Negation(operand):
            return not matches(operand, image)
        case Comparison():
            return _compare(condition, find_attribute(image, condition.path))
        case _:
            raise ConfigurationError("a condition is made with Attr, &, | and ~")


def find_attribute(image: Image, path: AttributePath) -> AttributeValue | None:
    """The attribute value at a path of an image, or None if there is none.

    Raises:
        InvalidItemError: What the path leads through is malformed.
    """
    found: Any = image.get(str(path[0]))
    for depth, part in enumerate(path[1:], start=1):
        if found is None:
            return None
        tag, content = split_tag(found, path[:depth])
        if tag == "M" and isinstance(part, str) and isinstance(content, dict):
            found = content.get(part)
        elif tag == "L" and isinstance(part, int) and isinstance(content, list) and part < len(content):
            found = content[part]
        else:
            return None
    return found  # type: ignore[no-any-return]  # raw JSON, looked at by whoever reads it


def _compare(condition: Comparison, attribute: AttributeValue | None) -> bool:
    path = condition.path
    if attribute is None:
        return condition.operator in {"ne", "not_exists"}
    match condition.operator:
        case "exists":
            return True
        case "not_exists":
            return False
        case "eq" | "is_in":
            return canonical(attribute, path) in [canonical(operand) for operand in condition.operands]
        case "ne":
            return canonical(attribute, path) != canonical(condition.operands[0])
        case "contains":
            return _contains(attribute, condition.operands[0], path)
        case "begins_with" | "lt" | "lte" | "gt" | "gte" | "between":
            tag, value = canonical(attribute, path)
            operands = [canonical(operand) for operand in condition.operands]
            return tag == operands[0][0] and _ORDER[condition.operator](
                value, *(content for _, content in operands)
            )
        case _:
            assert_never(condition.operator)


def _contains(attribute: AttributeValue, operand: AttributeValue, path: AttributePath) -> bool:
    tag, value = canonical(attribute, path)
    wanted_tag, wanted = canonical(operand)
    if tag == "L":
        return (wanted_tag, wanted) in value
    if tag in {"SS", "NS", "BS"}:
        return tag == f"{wanted_tag}S" and wanted in value
    return tag == wanted_tag and tag in {"S", "B"} and wanted in value
