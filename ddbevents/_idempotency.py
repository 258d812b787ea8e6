"""Marks, the note that a handler has handled a record, and what a store of them must do."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, cast, runtime_checkable

from ._errors import ConfigurationError
from ._transaction import Transaction

KEEP: Final = timedelta(
    days=2
)  # a stream keeps records for 24 hours and may deliver them again all that time
_SHORTEST_KEEP: Final = timedelta(days=1)
_LONGEST_KEEP: Final = timedelta(days=36_500)
FLUSH_SIZE: Final = 25  # a BatchWriteItem takes 25 items; a crash repeats at most so many handlers


@runtime_checkable
class IdempotencyStore(Protocol):
    """Keeps marks for at least 48 hours: a stream keeps its records for 24, and retries them all that time.

    A mark is opaque text of at most 1 KB. All methods raise `StoreError` if the store cannot be reached;
    the records concerned then fail, and are delivered again. They may be called from several threads.
    """

    def handled(self, marks: Collection[str]) -> AbstractSet[str]:
        """Those of the marks that are there and have not expired, read consistently."""
        ...

    def add(self, marks: Collection[str]) -> None:
        """Write marks. One that is there already stays; when this returns, all of them last."""
        ...


@runtime_checkable
class TransactionalStore(IdempotencyStore, Protocol):
    """A store that commits a handler's writes together with its mark."""

    def commit(self, mark: str, transaction: Transaction) -> bool:
        """Write the mark and do all writes, or nothing.

        Returns:
            False if the mark was there before, in which case nothing was written.

        Raises:
            TransactionError: The writes cannot be done, such as when a condition of the handler's is false.
            StoreError: The store cannot be reached.
        """
        ...


class NoStore:
    """What stands for a store where there is none: nothing is ever handled already."""

    def handled(self, marks: Collection[str]) -> AbstractSet[str]:  # noqa: ARG002  # the Protocol's
        """Nothing is."""
        return frozenset()

    def add(self, marks: Collection[str]) -> None:
        """Forget them."""


class Marks:
    """The marks of one batch: read at once, written in groups."""

    def __init__(self, store: IdempotencyStore, marks: Iterable[str]) -> None:
        """Read which marks exist.

        Raises:
            StoreError: The store cannot be read.
        """
        wanted = frozenset(marks)
        self._store = store
        self._handled = set(store.handled(wanted)) if wanted else set[str]()
        self._pending: list[str] = []

    def __contains__(self, mark: str) -> bool:
        return mark in self._handled

    def add(self, mark: str) -> None:
        """Note that a handler is done; the store learns of it with the next flush."""
        self._handled.add(mark)
        self._pending.append(mark)

    def commit(self, mark: str, transaction: Transaction) -> None:
        """Write the mark and the handler's writes now. A mark that was there already is as good."""
        # the app admits a handler with a transaction only to such a store
        cast("TransactionalStore", self._store).commit(mark, transaction)
        self._handled.add(mark)

    def is_due(self) -> bool:
        """Whether so many marks wait that they should be written."""
        return len(self._pending) >= FLUSH_SIZE

    def flush(self) -> None:
        """Write the marks that wait.

        Raises:
            StoreError: They could not be written; they no longer wait.
        """
        pending, self._pending = self._pending, []
        if pending:
            self._store.add(pending)


def check_keep(keep: timedelta) -> None:
    """Refuse a time to keep marks that is too short to help, or longer than any clock runs.

    Raises:
        ConfigurationError: It is less than 24 hours or more than 100 years.
    """
    if not _SHORTEST_KEEP <= keep <= _LONGEST_KEEP:
        raise ConfigurationError(
            "keep marks for at least 24 hours, as a stream keeps its records, and at most 100 years"
        )


def utc_now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)
