"""From an item to its image."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from .._attributes import MAX_DEPTH, AttributeValue, encode_attribute, encode_map
from .._errors import InvalidItemError
from ._model import adapter

if TYPE_CHECKING:
    from pydantic_core import SchemaSerializer

    from .._attributes import Convert
    from ._writers import Write
    from ._writing import Writing

_generated: Final[dict[type, tuple[object, Write]]] = {}
"""Generated functions by model, each with pydantic's validator of the model that it was made for."""


def encode(item: object) -> dict[str, AttributeValue]:
    """Return the image of an item, as boto3's clients take it: binary is bytes, not base64 text.

    It is the inverse of `decode`: what it writes for a model, the model reads as an equal item. So each field
    is written under a name by which it is read: its serialization alias, or else its first validation alias.
    None becomes `NULL`. A value that DynamoDB has no type for is written as pydantic writes it to JSON (a
    datetime as ISO text).

    Args:
        item: A pydantic model, a dataclass or a mapping.

    Raises:
        InvalidItemError: The item is no map, or holds a value that DynamoDB cannot store, such as an empty
            set.
        ConfigurationError: A field of the model is read from a path, where it cannot be written.
    """
    written = _write_generated(item)
    if written:
        return written["M"]  # type: ignore[no-any-return]  # a model is written as a map
    values = _dump(item)
    write, convert = _writers()
    if type(values) is dict and (written := write(values)):
        return written["M"]  # type: ignore[no-any-return]  # a map is written as one
    if not isinstance(values, Mapping):
        raise InvalidItemError(f"an item is a model, a dataclass or a mapping, not {type(item).__qualname__}")
    return encode_map(values, convert=convert)


def encode_value(value: object) -> AttributeValue:
    """Return the attribute value of one Python value; binary is bytes, not base64 text.

    Raises:
        InvalidItemError: DynamoDB has no such value.
    """
    written = _write_generated(value)
    if written:
        return written
    plain = _dump(value)
    write, convert = _writers()
    return write(plain) or encode_attribute(plain, convert=convert)


def _dump(value: object) -> Any:
    try:
        if has_fields(value):
            return _dump_fields(value)
        # for Any, pydantic looks at each object that it meets
        return adapter(Any).serializer.to_python(_without_models(value), by_alias=True, warnings=False)
    except (AttributeError, PydanticSerializationError, RecursionError, TypeError, ValueError):
        pass
    # outside the except block, so that no traceback has pydantic's own error, which shows values
    raise InvalidItemError("pydantic cannot write it: a cycle, a set of models or a failing serializer")


def has_fields(value: object) -> bool:
    """Return whether a value is a model or a dataclass."""
    return isinstance(value, BaseModel) or (dataclasses.is_dataclass(value) and not isinstance(value, type))


def _dump_fields(value: object) -> Any:
    # without warnings, which would show values
    return _serializer(type(value)).to_python(value, by_alias=True, warnings=False)


def _without_models(value: Any) -> Any:
    """Return a value in which models are replaced by their attributes, as far as dicts and lists lead."""
    kind = type(value)
    if kind is dict:
        return {name: _without_models(member) for name, member in value.items()}
    if kind is list or kind is tuple:
        return kind(map(_without_models, value))
    return _dump_fields(value) if has_fields(value) else value


def _serializer(model: Any) -> SchemaSerializer:
    adapter(model)  # which builds a model that is not complete
    validator = getattr(model, "__pydantic_validator__", None)
    writing = _writing_of(model, validator)
    if writing.generated is not None:
        _generated[model] = validator, writing.generated
    return writing.serializer


@cache
def _writing_of(model: Any, _: object) -> Writing:
    # a model that is rebuilt has a new validator
    from ._writing import make_writing  # noqa: PLC0415  # cold start: needed with the first item written

    return make_writing(model)


def _write_generated(value: object) -> AttributeValue | None:
    """Return what the rest would, or None: on anything unusual the rest decides."""
    try:
        validator, write = _generated[type(value)]
        if validator is type(value).__pydantic_validator__:  # type: ignore[attr-defined]  # it is a model
            return write(value, MAX_DEPTH)
    except Exception:  # noqa: BLE001, S110  # not generated, or it gives way to the slower writers
        pass
    return None


@cache
def _writers() -> tuple[Callable[[object], AttributeValue | None], Convert]:
    from ._writers import convert, write  # noqa: PLC0415  # cold start: needed with the first item written

    return write, convert
