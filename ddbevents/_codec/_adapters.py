"""One type adapter for each item model, made on first use."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def adapter(model: Any) -> TypeAdapter[Any]:
    """Pydantic's own reader and writer of a model, dataclass or TypedDict."""
    return _adapter(model)


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # noqa: PLC0415  # cold start: needed with the first item, not before

    return TypeAdapter(model)
