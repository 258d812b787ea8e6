"""Core schema nodes without children, cut at the type tag that DynamoDB writes their values under."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias

from pydantic_core import core_schema

from .._attributes import decode_binary, decode_number, exact_decimal
from ._fields import Schema

Take: TypeAlias = Callable[[Any], Any]


class Split(NamedTuple):
    """A schema, cut at the type tag.

    Attributes:
        tag: The only tag that it reads; None if it reads several.
        take: From an attribute value to what stands under the tag. Any exception means that it does not fit.
        inside: What reads that.
    """

    tag: str | None
    take: Take
    inside: Schema


def before(function: Take, schema: Schema) -> Schema:
    return core_schema.no_info_before_validator_function(function, schema)


def without_ref(schema: Schema, /, **changes: Any) -> Schema:
    return {name: value for name, value in {**schema, **changes}.items() if name != "ref"}


def _text(pattern: str, max_length: int) -> Schema:
    """The text of a number. Every setting is spelt out, since what is not comes from the model's config."""
    return core_schema.str_schema(
        pattern=pattern,
        min_length=1,
        max_length=max_length,
        strict=True,
        strip_whitespace=False,
        to_lower=False,
        to_upper=False,
        regex_engine="rust-regex",
        coerce_numbers_to_str=False,
    )


# longer texts, and exponents, may be numbers as well: the explaining decoder knows
_INTEGER: Final = _text(r"^-?[0-9]+$", 38)
_FRACTION: Final = _text(r"^-?[0-9]+(\.[0-9]+)?$", 38)
_NUMBER: Final = _text(r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$", 200)


def _take_binary(value: Any) -> bytes:
    return decode_binary(value["B"])


def _take_moment(value: Any) -> object:
    """ISO text, or a number of seconds."""
    if "S" not in value:
        return decode_number(value["N"])
    text = value["S"]
    if not isinstance(text, str):
        raise TypeError
    return text


def take_null(value: Any) -> None:
    if value["NULL"] is not True:
        raise TypeError


def take_members(tag: str) -> Take:
    def take(value: Any) -> Any:
        members = value[tag]
        if type(members) is not list or not members or len(set(members)) != len(members):
            raise TypeError
        return members

    return take


NULL: Final = Split("NULL", take_null, core_schema.none_schema())


def _leaf(tag: str, **settings: Any) -> Callable[[Schema], Split]:
    take = itemgetter(tag)
    return lambda schema: Split(tag, take, without_ref(schema, **settings))


def _number(text: Schema, **settings: Any) -> Callable[[Schema], Split]:
    take = itemgetter("N")

    def rule(schema: Schema) -> Split:
        return Split(
            "N", take, core_schema.chain_schema([text, without_ref(schema, strict=False, **settings)])
        )

    return rule


def _decimal(schema: Schema) -> Split:
    node = without_ref(schema, strict=False, allow_inf_nan=False)
    steps = [_NUMBER, before(exact_decimal, node)]
    return Split("N", itemgetter("N"), core_schema.chain_schema(steps))


def _moment(schema: Schema) -> Split:
    return Split(None, _take_moment, without_ref(schema, strict=False))


def _bytes(schema: Schema) -> Split:
    return Split("B", _take_binary, without_ref(schema))


def _literal(schema: Schema) -> Split | None:
    texts = all(type(choice) is str for choice in schema["expected"])
    return Split("S", itemgetter("S"), without_ref(schema)) if texts else None


def _enum(schema: Schema) -> Split | None:
    texts = all(type(member.value) is str for member in schema["members"])
    return Split("S", itemgetter("S"), without_ref(schema, strict=False)) if texts else None


LEAVES: Final[Mapping[str, Callable[[Schema], Split | None]]] = {
    "str": _leaf("S", strict=True),
    "int": _number(_INTEGER),
    "float": _number(_FRACTION, allow_inf_nan=False),
    "decimal": _decimal,
    "bool": _leaf("BOOL", strict=True),
    "bytes": _bytes,
    "datetime": _moment,
    "date": _moment,
    "time": _moment,
    "timedelta": _moment,
    "uuid": _leaf("S", strict=False),
    "url": _leaf("S", strict=False),
    "multi-host-url": _leaf("S", strict=False),
    "literal": _literal,
    "enum": _enum,
}
