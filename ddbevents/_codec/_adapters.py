"""One type adapter for each item model, made on first use."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import PydanticSchemaGenerationError, PydanticUserError

from .._errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def adapter(model: Any) -> TypeAdapter[Any]:
    """Pydantic's own reader and writer of a model, dataclass or TypedDict.

    Raises:
        ConfigurationError: Pydantic cannot read the type.
    """
    try:
        # a model that is rebuilt has a new validator
        return _adapter(model, getattr(model, "__pydantic_validator__", None))
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        name = getattr(model, "__qualname__", model)
        raise ConfigurationError(f"pydantic cannot read {name}: {error.message}") from error


@cache
def _adapter(model: Any, _: object) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # noqa: PLC0415  # cold start: needed with the first item, not before

    return TypeAdapter(model)
