"""Attribute values at and beside the borders that conditions and models draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from random import Random
from typing import Any, Final

from ..._attributes import encode_attribute
from ..._codec import ItemField

_ANY: Final[Sequence[Any]] = (
    None,
    {"S": "other"},
    {"S": ""},
    {"N": "7"},
    {"N": "-1.5"},
    {"BOOL": True},
    {"BOOL": False},
    {"NULL": True},
    {"B": "b3RoZXI="},
    {"SS": ["other"]},
    {"L": [{"S": "other"}]},
    {"M": {"other": {"S": "other"}}},
)


def any_value(random: Random) -> Any:
    """Return an attribute value of any type; None for an absent one."""
    return random.choice(_ANY)


def of_choice(field: ItemField, random: Random) -> Any:
    """Return a value that a `Literal` or `Prefix` field allows; seldom an absent one, if that is allowed."""
    choices: list[Any] = [_typed(*choice) for choice in sorted(field.choices, key=repr)]
    choices += [{"S": f"{prefix}{tail}"} for prefix in field.prefixes for tail in ("", "1", "other")]
    return random.choice(choices if field.required else [*choices, None])


def _typed(tag: str, value: Any) -> Any:
    match tag:
        case "NULL":
            return {"NULL": True}
        case "N":
            return _number(value)
        case _:
            return encode_attribute(value)


def around(operator: str, operands: Sequence[Any]) -> Sequence[Any]:
    """Return the operands of a comparison, values close to them, and some of every type."""
    near = [value for operand in operands for value in _near(operator, operand)]
    return [*operands, *near, *_ANY]


def _near(operator: str, operand: Any) -> Iterator[Any]:
    [(tag, content)] = operand.items()
    if operator == "contains":
        yield {"L": [operand]}
        if tag in {"S", "N", "B"}:
            yield {f"{tag}S": [content]}
    match tag:
        case "S":
            yield {"S": f"{content}1"}
            yield {"S": f"0{content}"}
            yield {"S": content[:-1]}
        case "N":
            number = Decimal(content)
            for other in (number + 1, number - 1, number / 2):
                yield _number(other)
        case _:
            return


def _number(value: Decimal | int) -> Any:
    return {"N": f"{Decimal(value).normalize():f}"}  # DynamoDB writes no zeros at the end
