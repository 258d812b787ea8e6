"""One type adapter for each item model, made on first use."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, PydanticSchemaGenerationError, PydanticUserError

from .._errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import TypeAdapter


_UNFINISHED: Final = "class-not-fully-defined"  # pydantic's code of that error


def adapter(model: Any) -> TypeAdapter[Any]:
    """Pydantic's own reader and writer of a model, dataclass or TypedDict.

    Raises:
        ConfigurationError: Pydantic cannot read the type, or a type that it names is not defined yet.
    """
    try:
        _complete(model)
        # a model that is rebuilt has a new validator
        return _adapter(model, getattr(model, "__pydantic_validator__", None))
    except (PydanticSchemaGenerationError, PydanticUserError, NameError, TypeError) as error:
        name = getattr(model, "__qualname__", model)
        if isinstance(error, NameError) or getattr(error, "code", None) == _UNFINISHED:
            reason = f"{name} names a type that is not defined yet: use it below that type's definition"
        else:
            reason = f"pydantic cannot read {name}: {error}"
        raise ConfigurationError(reason) from error


def _complete(model: Any) -> None:
    """Build what was deferred, or could not be built before a type that it names was defined."""
    if getattr(model, "__pydantic_complete__", True):
        return
    if issubclass(model, BaseModel):
        model.model_rebuild()
        return
    from pydantic.dataclasses import rebuild_dataclass  # noqa: PLC0415  # cold start: seldom needed

    rebuild_dataclass(model)


@cache
def _adapter(model: Any, _: object) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # noqa: PLC0415  # cold start: needed with the first item, not before

    made: TypeAdapter[Any] = TypeAdapter(model)
    made.core_schema["type"]  # an unfinished one says so when it is looked at
    return made
