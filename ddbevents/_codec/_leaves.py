"""Core schema nodes without children: the type tag of their values, and the schema for its content."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any, Final, TypeAlias

from pydantic_core import core_schema

from .._attributes import decode_binary, decode_number, exact_decimal
from .._tuples import NamedTuple
from ._model import Schema

Getter: TypeAlias = Callable[[Any], Any]
"""Returns the content of an attribute value; any exception means that the value does not fit."""


MOMENTS: Final = frozenset({"datetime", "date", "time", "timedelta"})
"""The nodes whose values may be text or a number of seconds."""


class Content(NamedTuple):
    """How to read the content of an attribute value, which stands under its type tag.

    Attributes:
        tag: The type tag; None if values with several tags are read.
        get: Gets the content out of the attribute value.
        schema: Validates the content.
    """

    tag: str | None
    get: Getter
    schema: Schema


Leaves: TypeAlias = dict[str, Callable[[Schema], "Content | None"]]
"""Rules by the type of a node: how its content is read, or None if it is generic."""


def before(function: Getter, schema: Schema) -> Schema:
    """Return a schema that validates what a function makes of its input."""
    return core_schema.no_info_before_validator_function(function, schema)


def without_ref(schema: Schema, /, **changes: Any) -> Schema:
    """Return a copy of a node with some changes; its reference stays with the original."""
    return {name: value for name, value in {**schema, **changes}.items() if name != "ref"}


def _text(pattern: str | None, max_length: int) -> Schema:
    """Return the schema of a number's or a moment's text; a setting left out would be the model's."""
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


# Pydantic alone would also read " 1", "1_000", NaN and numbers that DynamoDB cannot hold; a pattern costs
# less than a check in Python. Longer texts and exponents may be numbers too, and are left to the reference
# decoder.
_INTEGER: Final = _text(r"^-?[0-9]+$", 38)
_FRACTION: Final = _text(r"^-?[0-9]+(\.[0-9]+)?$", 38)
_NUMBER: Final = _text(r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$", 200)
_ISO: Final = _text(None, 200)
_NO_CONSTRAINTS: Final = frozenset({"type", "ref", "metadata", "serialization", "strict", "allow_inf_nan"})
"""The settings of a Decimal's node that do not restrict its values."""


def _get_binary(value: Any) -> bytes:
    return decode_binary(value["B"])


def _get_moment(value: Any) -> object:
    """Return ISO text, or a number of seconds."""
    if "S" not in value:
        return decode_number(value["N"])
    text = value["S"]
    if not isinstance(text, str):
        raise TypeError
    return text


def get_null(value: Any) -> None:
    if value["NULL"] is not True:
        raise TypeError


def get_members(tag: str) -> Getter:
    """Return a getter of a set's members, which are at least one and no two alike."""

    def get(value: Any) -> Any:
        members = value[tag]
        if type(members) is not list or not members or len(set(members)) != len(members):
            raise TypeError
        return members

    return get


NULL: Final = Content("NULL", get_null, core_schema.none_schema())


def _leaf(tag: str, **settings: Any) -> Callable[[Schema], Content]:
    get = itemgetter(tag)
    return lambda schema: Content(tag, get, without_ref(schema, **settings))


def _parsed(tag: str, text: Schema, **settings: Any) -> Callable[[Schema], Content]:
    get = itemgetter(tag)

    def rule(schema: Schema) -> Content:
        parsed = without_ref(schema, strict=False, **settings)
        return Content(tag, get, core_schema.chain_schema([text, parsed]))

    return rule


def _decimal(schema: Schema) -> Content:
    constraints = schema.keys() - _NO_CONSTRAINTS
    if not constraints:
        # no text that the pattern lets through is infinite, so there is nothing that pydantic could refuse
        number = core_schema.no_info_plain_validator_function(exact_decimal)
    else:
        # where pydantic counts digits, it refuses to let infinity pass
        is_asked = not constraints.isdisjoint({"max_digits", "decimal_places"})
        number = before(exact_decimal, without_ref(schema, strict=False, allow_inf_nan=not is_asked))
    return Content("N", itemgetter("N"), core_schema.chain_schema([_NUMBER, number]))


def _text_or_seconds(schema: Schema) -> Content:
    return Content(None, _get_moment, without_ref(schema, strict=False))


def _bytes(schema: Schema) -> Content:
    return Content("B", _get_binary, without_ref(schema))


# Only choices of text are compared with the content. The content of an N is text as well, which equals no
# number, and the members of a StrEnum in a Literal are no plain text.
def _literal(schema: Schema) -> Content | None:
    texts = all(type(choice) is str for choice in schema["expected"])
    return Content("S", itemgetter("S"), without_ref(schema)) if texts else None


def _enum(schema: Schema) -> Content | None:
    texts = all(type(member.value) is str for member in schema["members"])
    return Content("S", itemgetter("S"), without_ref(schema, strict=False)) if texts else None


# The type tag decides. Text and booleans stay what they are (strict, in every model), and the others are
# parsed from text (not strict, in strict models too).
LEAVES: Final[Leaves] = {
    "str": _leaf("S", strict=True),
    "int": _parsed("N", _INTEGER),
    "float": _parsed("N", _FRACTION, allow_inf_nan=True),
    "decimal": _decimal,
    "bool": _leaf("BOOL", strict=True),
    "bytes": _bytes,
    **dict.fromkeys(MOMENTS, _parsed("S", _ISO)),
    "uuid": _leaf("S", strict=False),
    "url": _leaf("S", strict=False),
    "multi-host-url": _leaf("S", strict=False),
    "literal": _literal,
    "enum": _enum,
}
"""The rules of nodes without children. Moments are read from text only, which is quicker."""

LEAVES_WITH_SECONDS: Final[Leaves] = LEAVES | dict.fromkeys(MOMENTS, _text_or_seconds)
"""The same, but moments may be numbers of seconds too: DynamoDB's time to live is one."""
