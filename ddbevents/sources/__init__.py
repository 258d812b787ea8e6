"""Where records come from beside Lambda's event: streams, tables and exports. Each is loaded on first use.

boto3 is loaded by the first request.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ._export import read_export
    from ._reader import StreamReader
    from ._scan import scan

__all__ = ["StreamReader", "read_export", "scan"]

_PLACES: Final = {"StreamReader": "._reader", "read_export": "._export", "scan": "._scan"}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(name)
    # cold start: a function pays only for the source that it uses
    return getattr(import_module(_PLACES[name], __name__), name)
