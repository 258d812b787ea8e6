"""Marks, the note that a handler has handled a record, and what a store of them must do."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol, runtime_checkable

from .._errors import ConfigurationError
from .._transaction import Transaction

# a stream keeps a record for 24 hours, and a batch may be delivered again all that time
KEEP: Final = timedelta(hours=48)
_LONGEST_KEEP: Final = timedelta(days=36_500)


@runtime_checkable
class IdempotencyStore(Protocol):
    """Keeps marks for at least 48 hours: a stream keeps its records for 24, and retries them all that time.

    A mark is opaque text of 1 byte to 1 KB. All methods raise `StoreError` if the store cannot be reached;
    the records concerned then fail, and are delivered again. They may be called from several threads.
    """

    def handled(self, marks: Collection[str]) -> AbstractSet[str]:
        """Those of the marks that are there and have not expired, read consistently."""
        ...

    def add(self, marks: Collection[str]) -> None:
        """Write marks. One that is there already stays; when this returns, all of them last."""
        ...


class Commit(NamedTuple):
    """The writes that a handler asked for, with the mark to be written beside them.

    Attributes:
        mark: The handler's mark for the record.
        transaction: Its writes; there may be none.
        lane: What commits of the same item's records have in common; those keep their order. None may be any.
    """

    mark: str
    transaction: Transaction
    lane: Hashable | None = None


@runtime_checkable
class TransactionalStore(IdempotencyStore, Protocol):
    """A store that commits a handler's writes together with its mark."""

    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        """Write the mark and do all writes, or nothing.

        Args:
            mark: The mark.
            transaction: The writes.
            patience: How long to go on trying while others write the same items.

        Returns:
            False if the mark was there before, in which case nothing was written.

        Raises:
            TransactionError: The writes cannot be done, such as when a condition of the handler's is false.
            StoreError: The store cannot be reached.
        """
        ...


@runtime_checkable
class PackingStore(TransactionalStore, Protocol):
    """A store that may commit the transactions of several records at once."""

    @property
    def window(self) -> int:
        """How many commits may wait for each other; 1 if each goes alone."""
        ...

    def pack(self, commits: Sequence[Commit]) -> Sequence[int]:
        """Which of these can be one request, as rising indexes, the first of them included.

        One that is left out leaves out all later ones of its lane.

        Raises:
            StoreError: The store has to be asked, and cannot be reached.
        """
        ...

    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        """Write all marks and do all writes, or nothing.

        Returns:
            False if that cannot be, in which case nothing was written, and each is to be committed alone.

        Raises:
            StoreError: The store cannot be reached.
        """
        ...


def check_keep(keep: object) -> None:
    """Refuse a time to keep marks that is too short to help, or longer than any clock runs.

    Raises:
        ConfigurationError: It is less than 48 hours or more than 100 years.
    """
    if not isinstance(keep, timedelta) or not KEEP <= keep <= _LONGEST_KEEP:
        reason = "a stream delivers a record for 24 hours"
        raise ConfigurationError(f"keep must be a timedelta of 48 hours to 100 years: {reason}")


def utc_now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)
