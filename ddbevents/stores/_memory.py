"""Marks and tables in memory: for tests, gone with the process."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any

from .._attributes import Image, canonical
from .._codec import encode
from .._engine import KEEP, check_keep, utc_now
from .._transaction import EncodedItem, Transaction
from ._apply import TableKeys, Written, apply_all, apply_put, checked_key, plain, sorted_names


class MemoryStore:
    """Keeps marks and tables in this process only. Safe to share between threads.

    It is for tests: in Lambda it would forget everything with each new execution environment, and it does
    transactions on tables of its own, never on DynamoDB's. What a transaction should find is written with
    `put`; what it wrote is read with `item` and `items`. A table needs no definition, but for a put its key
    must be known: from `tables`, or from an update, a delete or a check. `Transaction.raw` is refused.
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
            keep: How long a mark counts.
            clock: Gives the present moment, in UTC.
            tables: Tables with the names of their key attributes, as in `{"orders": ("pk", "sk")}`.

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

    def handled(self, marks: Collection[str]) -> AbstractSet[str]:
        """Those of the marks that are there and have not expired."""
        now = self._clock()
        with self._lock:
            return {mark for mark in marks if self._counts(mark, now)}

    def add(self, marks: Collection[str]) -> None:
        """Write marks."""
        expiration = self._clock() + self._keep
        with self._lock:
            self._expirations.update(dict.fromkeys(marks, expiration))

    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:  # noqa: ARG002  # nobody is waited for
        """Write the mark and do all writes, or nothing.

        Returns:
            False if the mark was there before, in which case nothing was written.

        Raises:
            TransactionError: The writes cannot be done, such as when a condition is false.
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
            InvalidItemError: DynamoDB cannot store it.
            TransactionError: The table's key is not known, or the item has none.
        """
        with self._lock:
            self._write([apply_put(table, item, self._key_names.get)])

    def item(self, table: str, key: Mapping[str, object]) -> dict[str, Any] | None:
        """The item with this primary key, as Python values, or None.

        Raises:
            TransactionError: The table's key has other names.
        """
        with self._lock:
            image = self._read(table, checked_key(encode(key), self._key_names.get(table)))
            return None if image is None else plain(image)

    def items(self, table: str) -> list[dict[str, Any]]:
        """All items of a table, as Python values, in the order in which they came."""
        with self._lock:
            return [plain(image) for image in self._tables[table].values()]

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
