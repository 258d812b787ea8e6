"""A store in memory, with tables of its own, for tests."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any

from .._attributes import Image, canonical, decode_map
from .._codec import encode
from .._engine import KEEP, PATIENCE, check_keep, utc_now
from .._transaction import EncodedItem, Transaction
from ._apply import TableKeys, Written, apply_all, apply_put, checked_key, sorted_names


class MemoryStore:
    """Keeps idempotency records and tables in this process only. Safe to share between threads.

    Use it in tests: in Lambda, each new execution environment would begin empty. Transactions write to tables
    in the store, never to DynamoDB: fill them with `put`, and read them with `item` and `items`. A table
    needs no definition, but a put needs to know its key: from `tables`, or from an update, a delete or a
    check. `Transaction.raw` is refused.
    """

    def __init__(
        self,
        *,
        keep: timedelta = KEEP,
        clock: Callable[[], datetime] = utc_now,
        tables: TableKeys | None = None,
    ) -> None:
        """Make an empty store.

        Args:
            keep: How long an idempotency record counts.
            clock: Returns the current time, in UTC.
            tables: The names of each table's key attributes, as in `{"orders": ("pk", "sk")}`.

        Raises:
            ConfigurationError: `keep` is less than 48 hours or more than 100 years.
        """
        check_keep(keep)
        self._keep = keep
        self._clock = clock
        self._expirations: dict[str, datetime] = {}
        self._key_names = sorted_names(tables or {})
        self._tables: defaultdict[str, dict[Hashable, EncodedItem]] = defaultdict(dict)
        self._lock = threading.Lock()

    def handled(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> AbstractSet[str]:  # noqa: ARG002  # it never waits
        """Return those of the marks that the store has and that have not expired."""
        now = self._clock()
        with self._lock:
            return {mark for mark in marks if self._counts(mark, now)}

    def add(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> None:  # noqa: ARG002  # it never waits
        """Write marks."""
        expiration = self._clock() + self._keep
        with self._lock:
            self._expirations.update(dict.fromkeys(marks, expiration))

    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:  # noqa: ARG002  # it never waits
        """Write the mark and do all writes, or nothing; the mark alone if the writes are to be skipped.

        Returns:
            False if the store had the mark before; then nothing was written.

        Raises:
            TransactionError: A condition is false, or a write cannot be done.
        """
        now = self._clock()
        with self._lock:
            if self._counts(mark, now):
                return False
            self._write(apply_all(transaction.writes, self._key_names.get, self._read))
            self._expirations[mark] = now + self._keep
        return True

    def put(self, table: str, item: object) -> None:
        """Write an item, a model, a dataclass or a mapping, without a transaction.

        Raises:
            InvalidItemError: DynamoDB cannot store the item.
            TransactionError: The table's key is unknown, or the item lacks it.
        """
        with self._lock:
            self._write([apply_put(table, item, self._key_names.get)])

    def item(self, table: str, key: Mapping[str, object]) -> dict[str, Any] | None:
        """Return the item with this primary key as Python values, or None.

        Raises:
            TransactionError: The table's key has other attributes.
        """
        with self._lock:
            image = self._read(table, checked_key(encode(key), self._key_names.get(table)))
            return None if image is None else decode_map(image)

    def items(self, table: str) -> list[dict[str, Any]]:
        """Return all items of a table as Python values, in the order in which they were first written."""
        with self._lock:
            return [decode_map(image) for image in self._tables[table].values()]

    def _counts(self, mark: str, now: datetime) -> bool:
        return mark in self._expirations and self._expirations[mark] > now

    def _read(self, table: str, key: EncodedItem) -> Image | None:
        return self._tables[table].get(canonical({"M": key}))

    def _write(self, written: list[Written]) -> None:
        for table, key, image in written:
            self._key_names[table] = tuple(key)
            if image is None:
                self._tables[table].pop(canonical({"M": key}), None)
            else:
                self._tables[table][canonical({"M": key})] = image
