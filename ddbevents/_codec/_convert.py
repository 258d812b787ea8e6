"""What is written for a value that DynamoDB has no type for: what pydantic writes to JSON."""

from __future__ import annotations

from contextlib import suppress

from pydantic_core import to_jsonable_python

from .._errors import AttributePath, ConfigurationError, InvalidItemError
from ._adapters import adapter


def convert(value: object, path: AttributePath) -> object:
    """A value that DynamoDB has a type for, such as the ISO text of a datetime.

    Raises:
        InvalidItemError: Pydantic cannot write it either, or would hide it behind stars.
    """
    if hasattr(value, "get_secret_value"):
        raise InvalidItemError("a secret is written only by a field_serializer that reveals it", path=path)
    # ValueError: pydantic's own, and bytes that are no text; TypeError: a name that JSON cannot have
    with suppress(RecursionError, TypeError, ValueError):
        return to_jsonable_python(value)
    with suppress(RecursionError, TypeError, ValueError, ConfigurationError):
        # what older versions of pydantic-core write by their types only, such as IP addresses
        return adapter(type(value)).dump_python(value, mode="json")
    raise InvalidItemError(f"DynamoDB has no type for {type(value).__qualname__}", path=path)
