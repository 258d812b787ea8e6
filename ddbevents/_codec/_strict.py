"""Strict models: the type tag decides, as the type of a JSON value does in pydantic's JSON mode.

Numbers stay strict: text is not read as a number. Dates, UUIDs, enums and the like become lax, because
DynamoDB can hold them only as text or numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from pydantic_core import PydanticKnownError

from ._leaves import before
from ._nodes import CHILDREN, is_table


def _refuse_text(problem: Literal["int_type", "float_type", "decimal_type"]) -> Callable[[Any], Any]:
    def refuse(value: Any) -> Any:
        if isinstance(value, (str, bytes, bool)):
            raise PydanticKnownError(problem)
        return value

    return refuse


_NUMBERS: Final = {
    "int": _refuse_text("int_type"),
    "float": _refuse_text("float_type"),
    "decimal": _refuse_text("decimal_type"),
}
_LAX: Final = _NUMBERS.keys() | {
    "datetime",
    "date",
    "time",
    "timedelta",
    "uuid",
    "url",
    "multi-host-url",
    "enum",
    "set",
    "frozenset",
    "tuple",
    "model",
    "dataclass",
    "lax-or-strict",
}


def relax(schema: Any) -> Any:
    """Return a copy of a core schema that is strict about type tags only."""
    if isinstance(schema, (list, tuple)):
        return type(schema)(map(relax, schema))
    if not isinstance(schema, dict):
        return schema
    if is_table(schema):
        return {name: relax(part) for name, part in schema.items()}
    relaxed = {name: relax(part) if name in CHILDREN else part for name, part in schema.items()}
    if "keys_schema" in schema:
        # the names in a map are always text, also those of numbers
        keys = schema["keys_schema"]
        relaxed["keys_schema"] = {**keys, "strict": False} if keys["type"] in _NUMBERS else relax(keys)
    kind = relaxed["type"]
    if kind in _LAX:
        relaxed["strict"] = False
    refuse_text = _NUMBERS.get(kind)
    if refuse_text is None:
        return relaxed
    # the outermost node carries the reference
    ref = relaxed.pop("ref", None)
    guarded = before(refuse_text, relaxed)
    return {**guarded, "ref": ref} if ref else guarded
