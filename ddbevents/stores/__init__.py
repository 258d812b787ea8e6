"""Where marks are kept. Each store is loaded when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def __getattr__(name: str) -> object:
    if name == "SQLiteStore":
        from ._sqlite import SQLiteStore  # noqa: PLC0415  # cold start: sqlite3 is for those who use it

        return SQLiteStore
    if name == "DynamoDBStore":
        from ._dynamodb import DynamoDBStore  # noqa: PLC0415  # cold start: for those who use it

        return DynamoDBStore
    raise AttributeError(name)
