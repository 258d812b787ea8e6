"""Python values read from DynamoDB's typed JSON; strict about what AWS may send.

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
from functools import cache
from typing import Any, Final, TypeAlias

from typing_extensions import override

from .._errors import AttributePath, InvalidItemError

AttributeValue: TypeAlias = dict[str, Any]
"""One value in typed JSON, such as `{"S": "ada"}`."""

Image: TypeAlias = Mapping[str, Any]
"""An item in typed JSON: attribute values by name, not yet checked."""

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

OnError: TypeAlias = Callable[[InvalidItemError], Any]
"""Handles a member that cannot be read: raises the error, or returns a substitute."""

_Decode: TypeAlias = Callable[[object, AttributePath, OnError], Any]

MAX_DEPTH: Final = 40
"""DynamoDB nests at most 32 levels, but not every event is made by DynamoDB."""

GLOBAL_TABLES: Final = "aws:rep:"
"""The prefix of the attributes that global tables of version 2017.11.29 add to each item."""

_MAX_NUMBER_LENGTH: Final = 200
MOST_DIGITS: Final = 38

# DynamoDB: 38 significant digits, 1E-130 to 9.99…E+125. Rounded is not trapped: zeros after the 38th digit
# lose nothing when they are cut off, although boto3's own context refuses them.
_NUMBERS: Final = Context(
    prec=38,
    Emin=-130,
    Emax=125,
    traps=[InvalidOperation, DivisionByZero, Inexact, Overflow, Underflow, Subnormal],
)


exact_decimal: Final = _NUMBERS.create_decimal
"""Returns the Decimal of a number's text, or raises `ArithmeticError` if DynamoDB has no such number."""


def raise_error(error: InvalidItemError) -> Any:
    raise error


def decode_attribute(attribute: object, path: AttributePath = (), on_error: OnError = raise_error) -> Any:
    """Return the Python value of one attribute value.

    A number becomes int where its text is `-?digits`, otherwise Decimal; a set becomes a set, compared by
    value; `B` may be base64 text, as in Lambda's JSON, or bytes, as boto3 gives it.

    Args:
        attribute: Typed JSON.
        path: Its place in the image, for errors.
        on_error: Called with the error of each member of a map or list that cannot be read.

    Raises:
        InvalidItemError: It is not as AWS sends it, or nests deeper than `MAX_DEPTH`.
    """
    tag, content = split_tag(attribute, path)
    return _DECODERS[tag](content, path, on_error)


def split_tag(attribute: object, path: AttributePath = ()) -> tuple[str, Any]:
    """Return the one type tag of an attribute value, and its content."""
    if len(path) > MAX_DEPTH:
        raise InvalidItemError(f"nested deeper than {MAX_DEPTH} levels", path=path[:MAX_DEPTH])
    if not isinstance(attribute, dict):
        raise InvalidItemError(
            'an attribute value is an object with one type tag, as {"S": "o-1"}', path=path
        )
    if len(attribute) != 1:
        raise InvalidItemError(f"an attribute value has one type tag, not {len(attribute)}", path=path)
    [(tag, content)] = attribute.items()
    if tag not in _DECODERS:
        raise InvalidItemError(f"the type tag is none of {', '.join(_DECODERS)}", path=path)
    return tag, content


def decode_map(content: object, path: AttributePath = (), on_error: OnError = raise_error) -> dict[str, Any]:
    """Return the Python values of an image, or of the content of an `M`."""
    return {
        name: _decode_member(member, (*path, name), on_error) for name, member in _map(content, path).items()
    }


def check_depth(image: Image) -> Image:
    """Return the image if it nests no deeper than `MAX_DEPTH`, and raise otherwise: for recursive models."""
    level: list[Any] = [*image.values()]
    for _ in range(MAX_DEPTH):
        level = [member for attribute in level for member in _inside(attribute)]
        if not level:
            return image
    raise InvalidItemError(f"nested deeper than {MAX_DEPTH} levels")


class _Numbers(frozenset[str]):
    """A set of numbers by their spelling.

    The hashes of numbers can be foreseen: who writes an item could choose thousands with the same one.
    """

    __slots__ = ()

    @override
    def __contains__(self, number: object) -> bool:
        return isinstance(number, (int, Decimal)) and super().__contains__(_spelling(number))


def _spelling(number: int | Decimal) -> str:
    """Return the text that a number shares with all equal ones."""
    if isinstance(number, int) or not number:
        return str(int(number))
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def canonical(attribute: object, path: AttributePath = ()) -> tuple[str, Any]:
    """Return the tag and a hashable content: two of them are equal exactly if they are equal to DynamoDB."""
    tag, content = split_tag(attribute, path)
    match tag:
        case "M":
            return tag, frozenset(
                (n, canonical(member, (*path, n))) for n, member in _map(content, path).items()
            )
        case "L":
            return tag, tuple(canonical(member, (*path, i)) for i, member in enumerate(_list(content, path)))
        case "NS":
            return tag, _Numbers(map(_spelling, _members(tag, content, path)))
        case "SS" | "BS":
            return tag, frozenset(_members(tag, content, path))
        case _:
            return tag, _DECODERS[tag](content, path, raise_error)


def _inside(attribute: Any) -> Iterable[Any]:
    if isinstance(attribute, dict):
        for content in attribute.values():
            if isinstance(content, dict):
                yield from content.values()
            elif isinstance(content, list):
                yield from content


def _decode_member(member: object, path: AttributePath, on_error: OnError) -> Any:
    try:
        return decode_attribute(member, path, on_error)
    except InvalidItemError as error:
        return on_error(error)


def _decode_text(content: object, path: AttributePath, _: OnError) -> str:
    if not isinstance(content, str):
        raise InvalidItemError("S holds text", path=path, found="S")
    return content


@cache
def _number() -> re.Pattern[str]:
    # cold start: compiled with the first number that pydantic's core does not read
    return re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def decode_number(content: object, path: AttributePath = (), _: OnError = raise_error) -> int | Decimal:
    if not isinstance(content, str) or len(content) > _MAX_NUMBER_LENGTH or not _number().fullmatch(content):
        raise InvalidItemError("N holds a decimal number as text", path=path, found="N")
    digits = content.removeprefix("-")
    if digits.isdigit() and len(digits) <= MOST_DIGITS:
        integer = int(content)
        # -0 stays Decimal, which keeps its sign
        if integer or digits is content:
            return integer
    try:
        return exact_decimal(content)
    except ArithmeticError:
        raise number_out_of_range(path) from None


def decode_binary(content: object, path: AttributePath = (), _: OnError = raise_error) -> bytes:
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


def _decode_bool(content: object, path: AttributePath, _: OnError) -> bool:
    if not isinstance(content, bool):
        raise InvalidItemError("BOOL holds true or false", path=path, found="BOOL")
    return content


def _decode_null(content: object, path: AttributePath, _: OnError) -> None:
    if content is not True:
        raise InvalidItemError("NULL holds true", path=path, found="NULL")


def _decode_list(content: object, path: AttributePath, on_error: OnError) -> list[Any]:
    members = enumerate(_list(content, path))
    return [_decode_member(member, (*path, index), on_error) for index, member in members]


def _map(content: object, path: AttributePath) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise InvalidItemError("M holds an object", path=path, found="M")
    return content


def _list(content: object, path: AttributePath) -> list[Any]:
    if not isinstance(content, list):
        raise InvalidItemError("L holds a list", path=path, found="L")
    return content


def _members(tag: str, content: object, path: AttributePath) -> list[Any]:
    """Return the members of a set."""
    if not isinstance(content, list) or not content:
        raise InvalidItemError(f"{tag} holds a list of at least one member", path=path, found=tag)
    decode = _DECODERS[tag[0]]
    members = [decode(member, (*path, index), raise_error) for index, member in enumerate(content)]
    # as texts: NS ["1", "1.0"] is one member, but DynamoDB would never store ["1", "1"]
    if len(set(content)) != len(content):
        raise InvalidItemError(f"{tag} holds a member twice", path=path, found=tag)
    return members


def _set_decoder(tag: str) -> _Decode:
    return lambda content, path, _: {*_members(tag, content, path)}


_DECODERS: Final[Mapping[str, _Decode]] = {
    "S": _decode_text,
    "N": decode_number,
    "B": decode_binary,
    "BOOL": _decode_bool,
    "NULL": _decode_null,
    "M": decode_map,
    "L": _decode_list,
    "SS": _set_decoder("SS"),
    "NS": _set_decoder("NS"),
    "BS": _set_decoder("BS"),
}


def number_out_of_range(path: AttributePath) -> InvalidItemError:
    reason = "a number has at most 38 significant digits and lies between 1E-130 and 9.99…E+125"
    return InvalidItemError(reason, path=path, found="N")
