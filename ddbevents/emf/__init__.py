"""CloudWatch metrics without a library, and a dashboard and alarms for them. Each is loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ._dashboard import alarms, dashboard
    from ._instrument import instrument

__all__ = ["alarms", "dashboard", "instrument"]

_PLACES: Final = {"alarms": "._dashboard", "dashboard": "._dashboard", "instrument": "._instrument"}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(name)
    # cold start: a function only writes metrics
    return getattr(import_module(_PLACES[name], __name__), name)
