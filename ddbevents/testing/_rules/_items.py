"""Items of a table that transactions of the rules write to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from ..._transaction import Transaction
from ._checks import require


@dataclass(frozen=True, slots=True)  # in a NamedTuple, pyright does not know a lambda's parameters
class TableUnderTest:
    """A table that a store writes to. It need not be empty, since each rule uses new keys.

    Attributes:
        name: The table's name, as the store knows it.
        read: Returns the item with a primary key such as `{"pk": "a"}` as Python values, or None. It must
            read consistently.
        key: The name of the only attribute of its primary key, which is a string.
    """

    name: str
    read: Callable[[dict[str, str]], Mapping[str, Any] | None]
    key: str = "pk"


class Items:
    """Items of a table under test that no other rule uses."""

    def __init__(self, table: TableUnderTest) -> None:
        self.table = table
        self.name = table.name
        self._prefix = uuid4().hex

    def key(self, name: str) -> dict[str, str]:
        """Return the primary key of an item."""
        return {self.table.key: f"{self._prefix}-{name}"}

    def add_one(self, *names: str) -> Transaction:
        """Return a transaction that adds 1 to the `count` of each of these items."""
        transaction = Transaction()
        for name in names:
            transaction.update(self.name, self.key(name), add={"count": 1})
        return transaction

    def require(self, name: str, attributes: Mapping[str, Any] | None, rule: str) -> None:
        """Fail the rule unless the item has these attributes besides its key; None for no item."""
        found = self.table.read(self.key(name))
        if attributes is None:
            require(found is None, rule, f"the store wrote the item {name!r}")
        else:
            expected = {**self.key(name), **attributes}
            require(found is not None, rule, f"the item {name!r} does not exist")
            require(found == expected, rule, f"the item {name!r} has wrong attributes")

    def require_counts(self, count: int | None, *names: str, rule: str) -> None:
        """Fail the rule unless each of these items has this `count`; None for no item."""
        for name in names:
            self.require(name, None if count is None else {"count": count}, rule)
