"""Stores of idempotency records. Each is loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from .._engine import Commit, IdempotencyStore, PackingStore, TransactionalStore
from ._memory import MemoryStore

if TYPE_CHECKING:
    from ._dynamodb import DynamoDBStore
    from ._sqlite import SQLiteStore

__all__ = [
    "Commit",
    "DynamoDBStore",
    "IdempotencyStore",
    "MemoryStore",
    "PackingStore",
    "SQLiteStore",
    "TransactionalStore",
]

_STORES: Final = {"DynamoDBStore": "._dynamodb", "SQLiteStore": "._sqlite"}


def __getattr__(name: str) -> object:
    if name not in _STORES:
        raise AttributeError(name)
    # cold start: a function pays only for the store that it uses
    return getattr(import_module(_STORES[name], __name__), name)
