"""Conditions on an item, as data: evaluated here, and rendered by stores as DynamoDB's expressions.

Names and meaning are those of `boto3.dynamodb.conditions.Attr` and of DynamoDB's own condition
expressions: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import ge, gt, le, lt
from typing import Any, Final, Literal, Never, TypeAlias

from ._attributes import AttributeValue, Image, canonical, encode_attribute, split_tag
from ._errors import AttributePath, ConfigurationError, InvalidItemError
from ._tuples import NamedTuple

Operator: TypeAlias = Literal[
    "eq",
    "ne",
    "is_in",
    "lt",
    "lte",
    "gt",
    "gte",
    "between",
    "begins_with",
    "contains",
    "exists",
    "not_exists",
]
Junction: TypeAlias = Literal["and", "or", "not"]

_PATH: Final = r"[^.\[\]]+(?:\[[0-9]{1,9}\])*(?:\.[^.\[\]]+(?:\[[0-9]{1,9}\])*)*"
_PART: Final = r"\[([0-9]+)\]|([^.\[\]]+)"
_ORDER: Final[Mapping[Operator, Callable[..., bool]]] = {
    "lt": lt,
    "lte": le,
    "gt": gt,
    "gte": ge,
    "between": lambda value, low, high: low <= value <= high,
    "begins_with": lambda value, prefix: value.startswith(prefix),
}
_ORDERED: Final = frozenset({"S", "N", "B"})
_MOST_CHOICES: Final = 100  # of IN, by DynamoDB's own limit


class Condition(NamedTuple):
    """A condition on an item. Made by `Attr`; combine conditions with `&`, `|` and `~`.

    Attributes:
        operator: How the attribute is compared, or how conditions are joined.
        path: The attribute of a comparison.
        operands: The values of a comparison, in typed JSON.
        conditions: The conditions that are joined.
    """

    operator: Operator | Junction
    path: AttributePath = ()
    operands: tuple[AttributeValue, ...] = ()
    conditions: tuple[Condition, ...] = ()

    def __and__(self, other: Condition) -> Condition:
        return Condition("and", conditions=(*_parts(self, "and"), *_parts(other, "and")))

    def __or__(self, other: Condition) -> Condition:
        return Condition("or", conditions=(*_parts(self, "or"), *_parts(other, "or")))

    def __invert__(self) -> Condition:
        return self.conditions[0] if self.operator == "not" else Condition("not", conditions=(self,))

    def __bool__(self) -> Never:
        raise ConfigurationError("a condition has no truth value: combine conditions with &, | and ~")


def both(first: Condition | None, second: Condition | None) -> Condition | None:
    """Return the condition that two conditions are true; None for no condition."""
    if first is None or second is None:
        return second if first is None else first
    return first & second


def check_condition(where: object) -> None:
    """Refuse what is no condition.

    Raises:
        ConfigurationError: It is none. The message says what to write.
    """
    if where is not None and (fault := fault_of(where)):
        raise ConfigurationError(f"where must be a condition: {fault}")


def fault_of(value: object) -> str | None:
    """Return why a value is no condition, with the cure; None for a condition."""
    if isinstance(value, Condition):
        return None
    if type(value).__module__.startswith("boto3."):
        return "it is boto3's, which cannot be evaluated here: import Attr from ddbevents"
    if isinstance(value, Attr):
        return "an attribute alone is none: compare it, for example Attr('status').eq('OPEN') or .exists()"
    if isinstance(value, bool):
        return "True and False are none: compare with a method, Attr('status').eq('OPEN') in place of =="
    if callable(value):
        return "a function is none, since stores need it as data: write Attr('status').eq('OPEN')"
    return "write Attr('status').eq('OPEN'), and combine conditions with &, | and ~"


def _parts(condition: object, junction: Junction) -> tuple[Condition, ...]:
    """Return the parts of a junction, flat, so that a long chain does not nest deeply."""
    if not isinstance(condition, Condition):
        raise ConfigurationError(
            f"a condition can only be combined with another condition: {fault_of(condition)}"
        )
    return condition.conditions if condition.operator == junction else (condition,)


class Attr:
    """An attribute of an item, by its name in DynamoDB; `address.city` and `lines[0].price` reach inside.

    As in DynamoDB, values of different types are never equal and have no order. A missing attribute is
    unequal to any value, and every other comparison with it is false.

    Raises:
        ConfigurationError: The name is no path, or DynamoDB cannot compare with an operand.
    """

    __slots__ = ("_path",)

    def __init__(self, name: str) -> None:
        path: object = name  # as people pass it
        if not isinstance(path, str) or not re.fullmatch(_PATH, name):
            raise ConfigurationError(
                f"{name!r} is not an attribute path: write it as 'address.city' or 'lines[0]'"
            )
        self._path: AttributePath = tuple(
            int(index) if index else part for index, part in re.findall(_PART, name)
        )

    def eq(self, value: object) -> Condition:
        """Hold if it equals the value. Sets and numbers are compared by value."""
        return self._compare("eq", value)

    def ne(self, value: object) -> Condition:
        """Hold if it differs from the value or is missing."""
        return self._compare("ne", value)

    def lt(self, value: object) -> Condition:
        """Hold if it is less than the value."""
        return self._order("lt", value)

    def lte(self, value: object) -> Condition:
        """Hold if it is less than the value or equal to it."""
        return self._order("lte", value)

    def gt(self, value: object) -> Condition:
        """Hold if it is greater than the value."""
        return self._order("gt", value)

    def gte(self, value: object) -> Condition:
        """Hold if it is greater than the value or equal to it."""
        return self._order("gte", value)

    def between(self, low_value: object, high_value: object) -> Condition:
        """Hold if it lies between the two values or equals one of them."""
        return self._order("between", low_value, high_value)

    def begins_with(self, value: str | bytes) -> Condition:
        """Hold if its text or binary begins with the value."""
        if not isinstance(value, (str, bytes)):
            raise ConfigurationError("begins_with takes text or bytes")
        return self._compare("begins_with", value)

    def is_in(self, value: Iterable[object]) -> Condition:
        """Hold if it equals one of 1 to 100 values."""
        values = (
            ()
            if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable)
            else tuple(value)
        )
        if not 0 < len(values) <= _MOST_CHOICES:
            raise ConfigurationError(f"is_in takes 1 to {_MOST_CHOICES} values, in a list")
        return self._compare("is_in", *values)

    def contains(self, value: object) -> Condition:
        """Hold if its text or binary contains the value, or its set or list has it as a member."""
        return self._compare("contains", value)

    def exists(self) -> Condition:
        """Hold if it exists, with any value, even NULL."""
        return self._compare("exists")

    def not_exists(self) -> Condition:
        """Hold if it does not exist."""
        return self._compare("not_exists")

    def _order(self, name: Operator, *values: object) -> Condition:
        condition = self._compare(name, *values)
        tags = {tag for operand in condition.operands for tag in operand}
        if len(tags) > 1 or not tags <= _ORDERED:
            raise ConfigurationError(f"{name} takes text, a number or bytes")
        return condition

    def _compare(self, name: Operator, *values: object) -> Condition:
        try:
            operands = tuple(encode_attribute(value) for value in values)
        except InvalidItemError as error:
            raise ConfigurationError(f"{name} cannot compare with this value: {error}") from error
        return Condition(name, self._path, operands)


def matches(condition: Condition, image: Image) -> bool:
    """Return whether a condition holds for an image.

    Raises:
        InvalidItemError: An attribute that the condition looks at is malformed.
    """
    match condition.operator:
        case "and":
            return all(matches(part, image) for part in condition.conditions)
        case "or":
            return any(matches(part, image) for part in condition.conditions)
        case "not":
            return not matches(condition.conditions[0], image)
        case comparison:
            attribute = find_attribute(image, condition.path)
            return _compare(comparison, attribute, condition.operands, condition.path)


def find_attribute(image: Image, path: AttributePath) -> AttributeValue | None:
    """Return the attribute value at a path of an image, or None if there is none.

    Raises:
        InvalidItemError: An attribute on the path is malformed.
    """
    found: Any = image.get(str(path[0]))
    for depth, part in enumerate(path[1:], start=1):
        if found is None:
            return None
        tag, content = split_tag(found, path[:depth])
        if tag == "M" and isinstance(part, str) and isinstance(content, dict):
            found = content.get(part)
        elif tag == "L" and isinstance(part, int) and isinstance(content, list) and _has(content, part):
            found = content[part]
        else:
            return None
    return found  # type: ignore[no-any-return]  # raw JSON, looked at by whoever reads it


def _has(content: list[Any], index: int) -> bool:
    """Return whether a list has this index. Alias paths of pydantic may count from the end."""
    return -len(content) <= index < len(content)


def _compare(
    operator: Operator,
    attribute: AttributeValue | None,
    operands: Sequence[AttributeValue],
    path: AttributePath,
) -> bool:
    if attribute is None:
        return operator in {"ne", "not_exists"}
    if operator in {"exists", "not_exists"}:
        return operator == "exists"
    tag, value = canonical(attribute, path)
    wanted = [canonical(operand) for operand in operands]
    match operator:
        case "eq" | "is_in":
            return (tag, value) in wanted
        case "ne":
            return (tag, value) not in wanted
        case "contains":
            return _contains(tag, value, *wanted[0])
        case _:
            return tag == wanted[0][0] and _ORDER[operator](value, *(operand for _, operand in wanted))


def _contains(tag: str, value: Any, wanted_tag: str, wanted: Any) -> bool:
    if tag == "L":
        return (wanted_tag, wanted) in value
    if tag in {"SS", "NS", "BS"}:
        return tag == f"{wanted_tag}S" and wanted in value
    return tag == wanted_tag and tag in {"S", "B"} and wanted in value
