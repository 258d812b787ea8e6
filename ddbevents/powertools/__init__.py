"""The bridges to Powertools for AWS Lambda. Each is loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ._instrument import instrument
    from ._store import PowertoolsStore

__all__ = ["PowertoolsStore", "instrument"]

_PLACES: Final = {"PowertoolsStore": "._store", "instrument": "._instrument"}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(name)
    # cold start: who logs with Powertools need not load its idempotency
    return getattr(import_module(_PLACES[name], __name__), name)
