"""Python values written as DynamoDB's typed JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias

from .._errors import AttributePath, InvalidItemError
from ._decode import (
    MAX_DEPTH,
    AttributeValue,
    canonical,
    exact_decimal,
    number_out_of_range,
)

Convert: TypeAlias = Callable[[object, AttributePath], object]
"""Turns a value of a type that DynamoDB does not have into one of a type that it has; takes its path too."""


def encode_attribute(  # noqa: C901, PLR0911  # one case for each type
    value: object, path: AttributePath = (), convert: Convert | None = None
) -> AttributeValue:
    """Return the attribute value of a Python value, as boto3's clients take it: binary is bytes.

    Args:
        value: Of a type that `decode_attribute` returns, or float, tuple, frozenset, bytearray or Enum.
        path: Its place in the item, for errors.
        convert: Turns a value of any other type into one of these.

    Raises:
        InvalidItemError: DynamoDB has no such value: an empty set, a number out of range, an unknown type.
    """
    if len(path) > MAX_DEPTH:
        raise InvalidItemError(f"nested deeper than {MAX_DEPTH} levels", path=path[:MAX_DEPTH])
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case Enum():
            return encode_attribute(value.value, path, convert)
        case str():
            return {"S": value}
        case int() | float() | Decimal():
            return {"N": _encode_number(value, path)}
        case bytes() | bytearray() | memoryview():
            return {"B": bytes(value)}
        case Mapping():
            return {"M": encode_map(value, path, convert)}
        case list() | tuple():
            return {
                "L": [encode_attribute(member, (*path, index), convert) for index, member in enumerate(value)]
            }
        case set() | frozenset():
            return _encode_set(value, path, convert)
        case _ if convert is not None:
            return encode_attribute(convert(value, path), path)
        case _:
            raise InvalidItemError(f"DynamoDB has no type for {type(value).__qualname__}", path=path)


def encode_map(
    values: Mapping[Any, object], path: AttributePath = (), convert: Convert | None = None
) -> dict[str, AttributeValue]:
    """Return the image of a mapping; names that are not text are written as text."""
    image: dict[str, AttributeValue] = {}
    for name, value in values.items():
        text = name if type(name) is str else _encode_name(name, path, convert)
        if text in image:
            raise InvalidItemError("two names of a map are written alike", path=(*path, text))
        image[text] = encode_attribute(value, (*path, text), convert)
    return image


def _encode_name(name: object, path: AttributePath, convert: Convert | None) -> str:
    [(tag, text)] = encode_attribute(name, path, convert).items()
    if tag not in {"S", "N"}:
        raise InvalidItemError("a name in a map is text or a number", path=path)
    return str(text)


def _encode_number(value: float | Decimal, path: AttributePath) -> str:
    try:
        # a float's shortest text, which reads back as the same float
        number = exact_decimal(float.__repr__(value) if isinstance(value, float) else value)
    except ArithmeticError:
        raise number_out_of_range(path) from None
    if not number.is_finite():
        raise InvalidItemError("DynamoDB has no NaN and no infinity", path=path)
    # 0E-200 and -0 are 0 to DynamoDB
    return str(number) if number else "0"


def _encode_set(members: Iterable[object], path: AttributePath, convert: Convert | None) -> AttributeValue:
    encoded = {
        canonical(a): a for a in (encode_attribute(member, path, convert) for member in members)
    }.values()
    tags = {tag for attribute in encoded for tag in attribute}
    if not tags:
        raise InvalidItemError("DynamoDB has no empty set: leave the attribute out", path=path)
    if len(tags) > 1 or not tags <= {"S", "N", "B"}:
        raise InvalidItemError("a set holds only text, only numbers or only binary", path=path)
    [tag] = tags
    return {f"{tag}S": [attribute[tag] for attribute in encoded]}
