"""One type adapter for each item model, made on first use."""

from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter


def adapter(model: Any) -> TypeAdapter[Any]:
    """Pydantic's own reader and writer of a model, dataclass or TypedDict."""
    return _adapter(model)


_adapter: Final = cache(TypeAdapter[Any])
