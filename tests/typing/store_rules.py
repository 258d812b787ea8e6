"""Rules take stores of their kind, and tables in memory take and give plain values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, assert_type

from ddbevents.stores import DynamoDBStore, IdempotencyStore, MemoryStore, SQLiteStore
from ddbevents.testing import (
    EXPIRY_RULES,
    PACKING_RULES,
    STORE_RULES,
    TRANSACTION_RULES,
    ExpiryRule,
    MakeStore,
    PackingRule,
    StoreRule,
    TableUnderTest,
    TransactionRule,
)
from tests.typing.stores import OwnStore, OwnTransactionalStore, ReadOnlyStore

assert_type(STORE_RULES, tuple[StoreRule, ...])
assert_type(EXPIRY_RULES, tuple[ExpiryRule, ...])
assert_type(TRANSACTION_RULES, tuple[TransactionRule, ...])
assert_type(PACKING_RULES, tuple[PackingRule, ...])

table = TableUnderTest("items", lambda key: MemoryStore().item("items", key), key="id")
STORE_RULES[0](OwnStore())
EXPIRY_RULES[0](lambda clock: MemoryStore(clock=clock))
TRANSACTION_RULES[0](OwnTransactionalStore(), table)
PACKING_RULES[0](DynamoDBStore("marks"), table)


def make_store(clock: Callable[[], datetime]) -> IdempotencyStore:
    return SQLiteStore("marks.db", clock=clock)


make: MakeStore = make_store

memory = MemoryStore(tables={"orders": ("pk", "sk"), "statistics": "pk"})
memory.put("statistics", {"pk": "users", "total": 7})
assert_type(memory.item("statistics", {"pk": "users"}), dict[str, Any] | None)
assert_type(memory.items("statistics"), list[dict[str, Any]])
assert_type(SQLiteStore("marks.db", tables={"orders": "pk"}).items("orders"), list[dict[str, Any]])


def what_rules_refuse() -> None:
    STORE_RULES[0](ReadOnlyStore())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    STORE_RULES[0](MemoryStore)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    EXPIRY_RULES[0](MemoryStore())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    TRANSACTION_RULES[0](OwnStore(), table)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    TRANSACTION_RULES[0](MemoryStore(), "items")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    PACKING_RULES[0](MemoryStore(), table)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def what_tables_refuse() -> None:
    MemoryStore(tables=["orders"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    MemoryStore().item("orders", "o-1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
