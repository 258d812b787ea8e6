"""Writers for the types that most values are of, and the conversion of all others.

The writers are the fast encoder. They never explain: where one gives up, `encode_attribute` decides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final, TypeAlias
from uuid import UUID

from pydantic_core import to_jsonable_python

from .._attributes import MAX_DEPTH, MOST_DIGITS, AttributeValue, encode_attribute, exact_decimal
from .._errors import AttributePath, ConfigurationError, InvalidItemError
from ._model import adapter

Write: TypeAlias = Callable[[Any, int], AttributeValue]
"""Writes a value; the number is how many levels it may have inside."""


class UndecidedError(Exception):
    """A writer gives up, and `encode_attribute` must decide."""


def write(value: object) -> AttributeValue | None:
    """Return exactly what `encode_attribute` returns, or None if that has to decide.

    Iterators are not read here, since they can be read only once.
    """
    try:
        return _WRITERS.get(type(value), write_other)(value, MAX_DEPTH)
    except Exception:  # noqa: BLE001  # whatever it is, encode_attribute explains it, outside this block
        return None


def convert(value: object, path: AttributePath, target: str = "DynamoDB") -> object:
    """Return what pydantic writes to JSON for a value that DynamoDB, or another target, has no type for.

    Raises:
        InvalidItemError: Pydantic cannot write it either, or would hide it behind stars.
    """
    if hasattr(value, "get_secret_value"):
        raise InvalidItemError("a secret is written only by a field_serializer that reveals it", path=path)
    # ValueError: pydantic's own, and bytes that are no text; TypeError: a name that JSON cannot have
    with suppress(RecursionError, TypeError, ValueError):
        return to_jsonable_python(value)
    with suppress(RecursionError, TypeError, ValueError, ConfigurationError):
        # older versions of pydantic-core write some values by their declared type only, such as IP addresses
        return adapter(type(value)).serializer.to_python(value, mode="json", by_alias=False)
    raise InvalidItemError(f"{target} has no type for {type(value).__qualname__}", path=path)


def _write_map(values: Mapping[Any, Any], room: int) -> AttributeValue:
    if not room:
        raise UndecidedError
    inside = room - 1
    image: dict[str, AttributeValue] = {}
    # most time is spent here: text, the commonest type, is written without a call
    for name, value in values.items():
        if type(name) is not str:
            return _write_map(_by_text(values, room), room)
        if (kind := type(value)) is str:
            image[name] = {"S": value}
        else:
            image[name] = _WRITERS.get(kind, write_other)(value, inside)
    return {"M": image}


def _by_text(values: Mapping[Any, Any], room: int) -> dict[str, Any]:
    by_text = {_write_name(name, room): value for name, value in values.items()}
    if len(by_text) < len(values):
        raise UndecidedError
    return by_text


def _write_name(name: object, room: int) -> str:
    [(tag, text)] = _WRITERS.get(type(name), write_other)(name, room).items()
    if tag not in {"S", "N"}:
        raise UndecidedError
    return str(text)


def _write_list(values: Collection[Any], room: int) -> AttributeValue:
    if not room:
        raise UndecidedError
    inside = room - 1
    return {"L": [_WRITERS.get(type(value), write_other)(value, inside) for value in values]}


def _write_set(members: Collection[Any], room: int) -> AttributeValue:
    [tag] = {*map(_SET_TAGS.__getitem__, map(type, members))}
    # no member is twice there: Python compares these types as DynamoDB does
    if tag == "NS":
        return {tag: [_WRITERS[type(member)](member, room)["N"] for member in members]}
    return {tag: [*members]}


def _write_text(value: str, _: int) -> AttributeValue:
    return {"S": value}


def _write_bool(value: bool, _: int) -> AttributeValue:  # noqa: FBT001  # the value itself, not a flag
    return {"BOOL": value}


def _write_null(_: None, __: int) -> AttributeValue:
    return {"NULL": True}


def _write_binary(value: bytes, _: int) -> AttributeValue:
    return {"B": value}


def _write_int(value: int, room: int) -> AttributeValue:
    digits = str(value)
    return {"N": digits} if len(digits) <= MOST_DIGITS else _write_decimal(digits, room)


def _write_decimal(value: Decimal | str, _: int) -> AttributeValue:
    number = exact_decimal(value)
    if not number.is_finite():
        raise UndecidedError
    return {"N": str(number) if number else "0"}


def write_float(value: float, room: int) -> AttributeValue:
    return _write_decimal(repr(value), room)


def write_json(value: object, room: int) -> AttributeValue:
    return _write_text(to_jsonable_python(value), room)


def write_other(value: Any, room: int) -> AttributeValue:
    if isinstance(value, Enum):
        return _WRITERS.get(type(value.value), write_other)(value.value, room)
    # it may be an iterator, or have one inside
    if hasattr(value, "__iter__") and not isinstance(value, (str, bytes)):
        raise UndecidedError
    return encode_attribute(value, (0,) * (MAX_DEPTH - room), convert)


_WRITERS: Final[Mapping[type, Write]] = {
    str: _write_text,
    bool: _write_bool,
    type(None): _write_null,
    bytes: _write_binary,
    int: _write_int,
    Decimal: _write_decimal,
    float: write_float,
    dict: _write_map,
    list: _write_list,
    tuple: _write_list,
    set: _write_set,
    frozenset: _write_set,
    datetime: write_json,
    date: write_json,
    time: write_json,
    timedelta: write_json,
    UUID: write_json,
}
_SET_TAGS: Final[Mapping[type, str]] = {str: "SS", bytes: "BS", int: "NS", Decimal: "NS"}


def write_plain(value: Any, room: int) -> AttributeValue:
    """Write a value of no declared type, if its own type and those of its members are usual ones."""
    return _PLAIN_WRITERS[type(value)](value, room)


def write_plain_set(members: Collection[Any]) -> AttributeValue:
    """Write a set in the order of the new set that pydantic makes of it."""
    return _write_set({*[*members]}, 0)


def _write_plain_map(values: dict[Any, Any], room: int) -> AttributeValue:
    if not room or {*map(type, values)} - {str}:
        raise UndecidedError
    return {"M": {name: write_plain(value, room - 1) for name, value in values.items()}}


def _write_plain_list(values: Collection[Any], room: int) -> AttributeValue:
    if not room:
        raise UndecidedError
    return {"L": [write_plain(value, room - 1) for value in values]}


_PLAIN_WRITERS: Final[Mapping[type, Write]] = {
    **_WRITERS,
    dict: _write_plain_map,
    list: _write_plain_list,
    tuple: _write_plain_list,
    set: lambda members, _: write_plain_set(members),
    frozenset: lambda members, _: write_plain_set(members),
}
