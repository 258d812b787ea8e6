"""From an item to its image."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from .._attributes import AttributeValue, encode_attribute, encode_map
from .._errors import InvalidItemError
from ._model import adapter

if TYPE_CHECKING:
    from .._attributes import Convert


def encode(item: object) -> dict[str, AttributeValue]:
    """Return the image of an item, as boto3's clients take it: binary is bytes, not base64 text.

    Attributes are named by pydantic's serialization aliases. None becomes `NULL`. A value that DynamoDB has
    no type for is written as pydantic writes it to JSON (a datetime as ISO text).

    Args:
        item: A pydantic model, a dataclass or a mapping.

    Raises:
        InvalidItemError: The item is no map, or holds a value that DynamoDB cannot store, such as an empty
            set.
    """
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
    plain = _dump(value)
    write, convert = _writers()
    return write(plain) or encode_attribute(plain, convert=convert)


def _dump(value: object) -> Any:
    # for Any, pydantic looks at each object it meets, and nested models are written by their own serializers
    has_own = isinstance(value, BaseModel) or dataclasses.is_dataclass(value)
    serializer = adapter(type(value) if has_own else Any).serializer
    try:
        # without warnings, which would show values
        return serializer.to_python(value, by_alias=True, warnings=False)
    except (PydanticSerializationError, RecursionError, TypeError, ValueError):
        pass
    # outside the except block, so that no traceback has pydantic's own error, which shows values
    raise InvalidItemError("pydantic cannot write it: a cycle, a set of models or a failing serializer")


@cache
def _writers() -> tuple[Callable[[object], AttributeValue | None], Convert]:
    from ._writers import convert, write  # noqa: PLC0415  # cold start: needed with the first item written

    return write, convert
