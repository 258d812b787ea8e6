"""DynamoDB's typed JSON and the Python values it stands for; strict about what AWS may send.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import (
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    Subnormal,
    Underflow,
)
from enum import Enum
from typing import Any, Final, TypeAlias

from ._errors import AttributePath, InvalidItemError

AttributeValue: TypeAlias = dict[str, Any]
"""One value in typed JSON, such as `{"S": "ada"}`."""

Image: TypeAlias = Mapping[str, Any]
"""An item in typed JSON: attribute names to attribute values, not yet looked at."""

Value: TypeAlias = (
    str
    | int
    | Decimal
    | bytes
    | bool
    | list["Value"]
    | dict[str, "Value"]
    | set[str]
    | set[int | Decimal]
    | set[bytes]
    | None
)

Refuse: TypeAlias = Callable[[InvalidItemError], Any]
"""What becomes of a member that cannot be read: raise the error, or return what stands in its place."""

Convert: TypeAlias = Callable[[object, AttributePath], object]
"""Turns a value that DynamoDB has no type for into one it has."""

MAX_DEPTH: Final = 40
"""DynamoDB nests 32 levels at most; an event made by somebody else may try more."""

GLOBAL_TABLES: Final = "aws:rep:"
"""Begins the names of the attributes that global tables of 2017 add to each item."""

_MAX_NUMBER_LENGTH: Final = 200
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_MOST_DIGITS: Final = 38
_INTEGERS: Final = 10**_MOST_DIGITS  # the first that has more digits

# DynamoDB: 38 significant digits, 1E-130 to 9.99…E+125. Rounded is not trapped: zeros written out past
# 38 digits lose nothing, and boto3's own context refuses them.
_NUMBERS: Final = Context(
    prec=38,
    Emin=-130,
    Emax=125,
    traps=[InvalidOperation, DivisionByZero, Inexact, Overflow, Underflow, Subnormal],
)


exact_decimal: Final = _NUMBERS.create_decimal
"""The Decimal of a number's text, or an `ArithmeticError` if DynamoDB has no such number."""


def raise_error(error: InvalidItemError) -> Any:
    raise error


def decode_attribute(attribute: object, path: AttributePath = (), refuse: Refuse = raise_error) -> Any:
    """The Python value of one attribute value.

    A number becomes int where its text is `-?digits`, otherwise Decimal; a set becomes a set, compared by
    value; `B` may be base64 text, as in Lambda's JSON, or bytes, as boto3 gives it.

    Args:
        attribute: Typed JSON.
        path: Where it stands, for errors.
        refuse: Called with the error of each member of a map or list that cannot be read.

    Raises:
        InvalidItemError: It is not as AWS sends it, or nests deeper than `MAX_DEPTH`.
    """
    tag, content = split_tag(attribute, path)
    return _DECODERS[tag](content, path, refuse)


def split_tag(attribute: object, path: AttributePath = ()) -> tuple[str, Any]:
    """The one type tag of an attribute value, and what stands under it."""
    if len(path) > MAX_DEPTH:
        raise InvalidItemError(f"nested deeper than {MAX_DEPTH} levels", path=path[:MAX_DEPTH])
    if not isinstance(attribute, dict):
        raise InvalidItemError("an attribute value is an object with one type tag", path=path)
    if len(attribute) != 1:
        raise InvalidItemError(f"an attribute value has one type tag, not {len(attribute)}", path=path)
    [(tag, content)] = attribute.items()
    if tag not in _DECODERS:
        raise InvalidItemError(f"the type tag is none of {', '.join(_DECODERS)}", path=path)
    return tag, content


def decode_map(content: object, path: AttributePath = (), refuse: Refuse = raise_error) -> dict[str, Any]:
    """The Python values of an image, or of what stands under `M`."""
    return {
        name: _decode_member(member, (*path, name), refuse) for name, member in _map(content, path).items()
    }


def check_depth(image: Image) -> Image:
    """The image, if it nests no deeper than `MAX_DEPTH`: for models that have no depth of their own."""
    level: list[Any] = [*image.values()]
    for _ in range(MAX_DEPTH):
        level = [member for attribute in level for member in _inside(attribute)]
        if not level:
            return image
    raise InvalidItemError(f"nested deeper than {MAX_DEPTH} levels")


def canonical(attribute: object, path: AttributePath = ()) -> tuple[str, Any]:
    """The tag and a hashable content: equal exactly when DynamoDB says that two attribute values are."""
    tag, content = split_tag(attribute, path)
    match tag:
        case "M":
            return tag, frozenset(
                (n, canonical(member, (*path, n))) for n, member in _map(content, path).items()
            )
        case "L":
            return tag, tuple(canonical(member, (*path, i)) for i, member in enumerate(_list(content, path)))
        case "SS" | "NS" | "BS":
            return tag, frozenset(_DECODERS[tag](content, path, raise_error))
        case _:
            return tag, _DECODERS[tag](content, path, raise_error)


def encode_attribute(  # noqa: C901, PLR0911  # one case for each type
    value: object, path: AttributePath = (), convert: Convert | None = None
) -> AttributeValue:
    """The attribute value of a Python value, as boto3's clients take it: binary is bytes.

    Args:
        value: What `decode_attribute` gives, and also float, tuple, frozenset, bytearray and Enum.
        path: Where it stands, for errors.
        convert: Turns a value of any other type into one of these.

    Raises:
        InvalidItemError: DynamoDB has no such value: an empty set, a number out of range, a type unknown.
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
            return {"L": [_encode_member(member, path, index, convert) for index, member in enumerate(value)]}
        case set() | frozenset():
            return _encode_set(value, path, convert)
        case _ if convert is not None:
            return encode_attribute(convert(value, path), path)
        case _:
            raise InvalidItemError(f"DynamoDB has no type for {type(value).__qualname__}", path=path)


def encode_map(
    values: Mapping[Any, object], path: AttributePath = (), convert: Convert | None = None
) -> dict[str, AttributeValue]:
    """The image of a mapping; names that are not text are written as text."""
    image: dict[str, AttributeValue] = {}
    for name, value in values.items():
        text = name if type(name) is str else _encode_name(name, path, convert)
        if text in image:
            raise InvalidItemError("two names of a map are written alike", path=(*path, text))
        image[text] = _encode_member(value, path, text, convert)
    return image


def _encode_member(
    value: object, path: AttributePath, part: str | int, convert: Convert | None
) -> AttributeValue:
    # most values are of these types exactly, and need no path: it is for errors
    simple = _SIMPLE.get(type(value))
    encoded = None if simple is None else simple(value)
    return encode_attribute(value, (*path, part), convert) if encoded is None else encoded


def _encode_int(value: int) -> AttributeValue | None:
    return {"N": str(value)} if -_INTEGERS < value < _INTEGERS else None


def _encode_decimal(value: Decimal) -> AttributeValue | None:
    try:
        number = _NUMBERS.create_decimal(value)
    except ArithmeticError:
        return None
    return {"N": str(number)} if number and number.is_finite() else None


_SIMPLE: Final[Mapping[type, Callable[[Any], AttributeValue | None]]] = {
    str: lambda value: {"S": value},
    bool: lambda value: {"BOOL": value},
    type(None): lambda _: {"NULL": True},
    bytes: lambda value: {"B": value},
    int: _encode_int,
    Decimal: _encode_decimal,
}


def _encode_name(name: object, path: AttributePath, convert: Convert | None) -> str:
    [(tag, text)] = encode_attribute(name, path, convert).items()
    if tag not in {"S", "N"}:
        raise InvalidItemError("a name in a map is text or a number", path=path)
    return str(text)


def _inside(attribute: Any) -> Iterable[Any]:
    if isinstance(attribute, dict):
        for content in attribute.values():
            if isinstance(content, dict):
                yield from content.values()
            elif isinstance(content, list):
                yield from content


def _decode_member(member: object, path: AttributePath, refuse: Refuse) -> Any:
    try:
        return decode_attribute(member, path, refuse)
    except InvalidItemError as error:
        return refuse(error)


def _decode_text(content: object, path: AttributePath, _: Refuse) -> str:
    if not isinstance(content, str):
        raise InvalidItemError("S holds text", path=path, found="S")
    return content


def decode_number(content: object, path: AttributePath = (), _: Refuse = raise_error) -> int | Decimal:
    if not isinstance(content, str) or len(content) > _MAX_NUMBER_LENGTH or not _NUMBER.fullmatch(content):
        raise InvalidItemError("N holds a decimal number as text", path=path, found="N")
    digits = content.removeprefix("-")
    if digits.isdigit() and len(digits) <= _MOST_DIGITS:
        integer = int(content)
        # -0 stays Decimal, which keeps its sign
        if integer or digits is content:
            return integer
    try:
        return _NUMBERS.create_decimal(content)
    except ArithmeticError:
        raise _number_out_of_range(path) from None


def decode_binary(content: object, path: AttributePath = (), _: Refuse = raise_error) -> bytes:
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        try:
            binary = binascii.a2b_base64(content, strict_mode=True)
        except ValueError:
            pass
        else:
            # strict_mode lets excess padding through
            if len(content) == (len(binary) + 2) // 3 * 4:
                return binary
    raise InvalidItemError("B holds base64 text or bytes", path=path, found="B")


def _decode_bool(content: object, path: AttributePath, _: Refuse) -> bool:
    if not isinstance(content, bool):
        raise InvalidItemError("BOOL holds true or false", path=path, found="BOOL")
    return content


def _decode_null(content: object, path: AttributePath, _: Refuse) -> None:
    if content is not True:
        raise InvalidItemError("NULL holds true", path=path, found="NULL")


def _decode_list(content: object, path: AttributePath, refuse: Refuse) -> list[Any]:
    members = enumerate(_list(content, path))
    return [_decode_member(member, (*path, index), refuse) for index, member in members]


def _map(content: object, path: AttributePath) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise InvalidItemError("M holds an object", path=path, found="M")
    return content


def _list(content: object, path: AttributePath) -> list[Any]:
    if not isinstance(content, list):
        raise InvalidItemError("L holds a list", path=path, found="L")
    return content


def _set_decoder(tag: str, decode: Callable[[object, AttributePath, Refuse], Any]) -> Callable[..., set[Any]]:
    def decode_set(content: object, path: AttributePath, refuse: Refuse) -> set[Any]:
        if not isinstance(content, list) or not content:
            raise InvalidItemError(f"{tag} holds a list of at least one member", path=path, found=tag)
        members = {decode(member, (*path, index), refuse) for index, member in enumerate(content)}
        # as texts: NS ["1", "1.0"] is one member, but ["1", "1"] is nothing AWS would store
        if len(set(content)) != len(content):
            raise InvalidItemError(f"{tag} holds a member twice", path=path, found=tag)
        return members

    return decode_set


_DECODERS: Final[Mapping[str, Callable[[Any, AttributePath, Refuse], Any]]] = {
    "S": _decode_text,
    "N": decode_number,
    "B": decode_binary,
    "BOOL": _decode_bool,
    "NULL": _decode_null,
    "M": decode_map,
    "L": _decode_list,
    "SS": _set_decoder("SS", _decode_text),
    "NS": _set_decoder("NS", decode_number),
    "BS": _set_decoder("BS", decode_binary),
}


def _encode_number(value: float | Decimal, path: AttributePath) -> str:
    try:
        # a float's shortest text, which reads back as the same float
        number = _NUMBERS.create_decimal(float.__repr__(value) if isinstance(value, float) else value)
    except ArithmeticError:
        raise _number_out_of_range(path) from None
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


def _number_out_of_range(path: AttributePath) -> InvalidItemError:
    reason = "a number has at most 38 significant digits and lies between 1E-130 and 9.99…E+125"
    return InvalidItemError(reason, path=path, found="N")
