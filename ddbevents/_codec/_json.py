"""From an item or a plain value to JSON, with nothing lost.

Imported with the first value that is written, not before: it needs the standard library's json.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from enum import Enum
from functools import cache
from json import JSONEncoder
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pydantic_core import PydanticSerializationError

from .._errors import AttributePath, InvalidItemError
from .._records._letter_json import escape_unsafe
from ._encode import has_fields
from ._model import adapter
from ._writers import convert

if TYPE_CHECKING:
    from pydantic_core import SchemaSerializer

PartsOf: TypeAlias = Callable[[object], Mapping[str, object] | None]
"""Returns what is written for a value that is no item; None for every other value."""

_text: Final = JSONEncoder(ensure_ascii=False).encode


def write_json(value: object, parts_of: PartsOf) -> str:
    """Return a value as one line of JSON.

    Raises:
        InvalidItemError: JSON cannot hold the value: NaN, a secret, a value that holds itself.
    """
    try:
        return escape_unsafe(_Writer(parts_of).write(value, ()))
    except RecursionError:
        pass
    # outside the except block, so that no traceback has the many frames
    raise InvalidItemError("a value that holds itself, or nests deeper than Python's recursion limit")


class _Writer:
    """Writes the values of one text."""

    def __init__(self, parts_of: PartsOf) -> None:
        self._parts_of = parts_of

    def write(self, value: object, path: AttributePath) -> str:  # noqa: PLR0911  # one case for each type
        match value:
            case None:
                return "null"
            case bool():
                return "true" if value else "false"
            case Enum():
                return self.write(value.value, path)
            case str():
                return _text(value)
            case int() | float() | Decimal():
                return _number(value, path)
            case bytes() | bytearray() | memoryview():
                return f'"{b64encode(value).decode()}"'
            case Mapping():
                return self._map(value, path)
            case AbstractSet():
                return self._set(value, path)
            case _:
                return self._other(value, path)

    def _other(self, value: object, path: AttributePath) -> str:
        if has_fields(value):
            return self.write(_dump(value, path), path)
        parts = self._parts_of(value)
        if parts is not None:
            return self._map(parts, path)
        if isinstance(value, (Sequence, Iterator)):
            members = (self.write(member, (*path, index)) for index, member in enumerate(value))
            return f"[{','.join(members)}]"
        converted = convert(value, path, "JSON")
        # what pydantic makes of a value has one of JSON's own types
        return self.write(converted, path)

    def _map(self, values: Mapping[Any, object], path: AttributePath) -> str:
        members: dict[str, str] = {}
        for name, value in values.items():
            text = _text(name) if type(name) is str else self._name(name, path)
            if text in members:
                raise InvalidItemError("two names of a map are written alike", path=path)
            members[text] = self.write(value, (*path, name if type(name) is str else text))
        return f"{{{','.join(f'{name}:{value}' for name, value in members.items())}}}"

    def _name(self, name: object, path: AttributePath) -> str:
        text = self.write(name, path)
        if text[0] == '"':
            return text
        if text[0] in "-0123456789":
            return f'"{text}"'
        raise InvalidItemError("a name in a map is text or a number", path=path)

    def _set(self, members: Iterable[Any], path: AttributePath) -> str:
        """Write the members in an order of their own, so that equal sets are written alike."""
        texts = [(member, self.write(member, path)) for member in members]
        if all(isinstance(member, (int, float, Decimal)) for member, _ in texts):
            texts.sort(key=lambda each: each[0])
        else:
            texts.sort(key=lambda each: each[0] if type(each[0]) is str else each[1])
        return f"[{','.join(text for _, text in texts)}]"


def _number(value: float | Decimal, path: AttributePath) -> str:
    if isinstance(value, Decimal):
        if value.is_finite():
            return Decimal.__str__(value)
    elif isinstance(value, int):
        try:
            return int.__repr__(value)
        except ValueError:  # Python's own limit, which keeps hostile numbers from costing hours
            pass
        raise InvalidItemError("an integer longer than Python writes as text", path=path)
    elif isfinite(value):
        return float.__repr__(value)
    raise InvalidItemError("JSON has no NaN and no infinity", path=path)


def _dump(item: Any, path: AttributePath) -> Any:
    model: Any = type(item)
    try:
        adapter(model)  # which builds a model that is not complete
        serializer = _serializer(model, getattr(model, "__pydantic_validator__", None))
        # without warnings, which would show values
        return serializer.to_python(item, by_alias=True, warnings=False)
    except (AttributeError, PydanticSerializationError, TypeError, ValueError):
        pass
    # outside the except block, so that no traceback has pydantic's own error, which shows values
    raise InvalidItemError("pydantic cannot write it: a set of models or a failing serializer", path=path)


@cache
def _serializer(model: Any, _: object) -> SchemaSerializer:
    # a model that is rebuilt has a new validator
    from ._writing import make_json_serializer  # noqa: PLC0415  # cold start: not for plain values

    return make_json_serializer(model)
