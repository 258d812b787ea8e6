"""The transactions that rules for stores commit, and how they commit them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..._conditions import Attr
from ..._engine import TransactionalStore
from ..._errors import TransactionError
from ..._transaction import Transaction
from ._checks import PATIENCE, in_threads, new_marks, require
from ._items import Items

SKIPS: Final = ("put", "updated", "deleted", "checked")
"""The items of the writes that are skipped."""


def refused(
    items: Items,
    *,
    before: list[str] | None = None,
    after: list[str] | None = None,
    to: Transaction | None = None,
) -> Transaction:
    """Return a transaction with a condition that does not hold, between writes without one."""
    transaction = items.add_one(*(before or [])) if to is None else to
    transaction.update(items.name, items.key("refused"), set={"x": 1}, when=Attr("x").exists())
    return _adding_one(transaction, items, after)


def skipped(
    items: Items,
    *,
    before: list[str] | None = None,
    after: list[str] | None = None,
    to: Transaction | None = None,
) -> Transaction:
    """Return a transaction with skips of every kind that do not hold, between writes without a condition."""
    transaction = items.add_one(*(before or [])) if to is None else to
    put, updated, deleted, checked = map(items.key, SKIPS)
    is_there = Attr("x").exists()
    transaction.put(items.name, {**put, "x": 1}, when=is_there, on_conflict="skip")
    transaction.update(items.name, updated, set={"x": 1}, when=is_there, on_conflict="skip")
    transaction.delete(items.name, deleted, when=is_there, on_conflict="skip")
    transaction.check(items.name, checked, on_conflict="skip")
    return _adding_one(transaction, items, after)


def _adding_one(transaction: Transaction, items: Items, names: list[str] | None) -> Transaction:
    for name in names or []:
        transaction.update(items.name, items.key(name), add={"count": 1})
    return transaction


def commit(store: TransactionalStore, mark: str, transaction: Transaction, rule: str) -> bool:
    """Return what `commit` returns, and fail the rule if it raises `TransactionError`."""
    try:
        return store.commit(mark, transaction, patience=PATIENCE)
    except TransactionError as error:
        raise AssertionError(f"{rule}: commit raised TransactionError") from error


def require_refusal(store: TransactionalStore, mark: str, transaction: Transaction, rule: str) -> None:
    """Require that `commit` raises `TransactionError`."""
    try:
        done = store.commit(mark, transaction, patience=PATIENCE)
    except TransactionError:
        return
    require(holds=False, rule=rule, problem=f"commit returned {done}")


def commit_at_once(store: TransactionalStore, marks: list[str], items: Items) -> list[bool]:
    """Commit the marks from as many threads, each with an addition to the same item."""

    def work(mark: str) -> bool:
        return store.commit(mark, items.add_one("a"), patience=PATIENCE)

    return in_threads(work, marks)


def commit_all(store: TransactionalStore, items: Items, initial: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the items that a rule starts with."""
    transaction = Transaction()
    for name, attributes in initial.items():
        transaction.update(items.name, items.key(name), set=attributes)
    store.commit(new_marks(1)[0], transaction, patience=PATIENCE)
