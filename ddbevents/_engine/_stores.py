"""Idempotency stores: what the engine asks of them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, runtime_checkable

from .._errors import ConfigurationError
from .._transaction import Transaction
from .._tuples import NamedTuple

# a stream keeps a record for 24 hours, and a batch may be retried all that time
KEEP: Final = timedelta(hours=48)
_LONGEST_KEEP: Final = timedelta(days=36_500)

# without a deadline, a store or a sink may take this long; with one, at most this long
PATIENCE: Final = timedelta(seconds=5)

FLUSH_SIZE: Final = 25
"""The marks written at once, as one BatchWriteItem takes: so many handlers may run again after a crash."""


@runtime_checkable
class IdempotencyStore(Protocol):
    """Keeps marks for at least 48 hours. A mark says that a handler has handled a record.

    A mark is opaque text of 1 byte to 1 KB. All methods raise `StoreError` if the store cannot be reached:
    the records concerned then fail and are retried. They may be called from several threads.

    `patience` is how long a call may take, with all its requests, tries and waits; then it raises
    `StoreError`. The app gives half of the time that the function has left: at most a minute for the marks of
    a batch, and 5 seconds for a commit. A call that takes longer may run into the function's time-out, and
    then the whole batch runs again.
    """

    def handled(self, marks: Collection[str], *, patience: timedelta) -> AbstractSet[str]:
        """Return which of the marks exist and have not expired, by a consistent read."""
        ...

    def add(self, marks: Collection[str], *, patience: timedelta) -> None:
        """Write marks. An existing one stays as it is; all of them are durable when this returns."""
        ...


class NoStore:
    """Stands in for the store of an app without one: nothing was ever handled."""

    def handled(self, marks: Collection[str], *, patience: timedelta) -> AbstractSet[str]:  # noqa: ARG002  # the Protocol's
        """Return no mark."""
        return frozenset()  # pragma: no cover  # a journal does not ask for marks that nobody keeps

    def add(self, marks: Collection[str], *, patience: timedelta) -> None:
        """Forget the marks."""


class Commit(NamedTuple):
    """A handler's transaction with the mark that is to be written together with it.

    Attributes:
        mark: The handler's mark for the record.
        transaction: Its writes; there may be none.
        lane: Equal for records of the same item, whose commits keep their order. None may be any item's.
    """

    mark: str
    transaction: Transaction
    lane: Hashable | None = None


@runtime_checkable
class TransactionalStore(IdempotencyStore, Protocol):
    """A store that commits a handler's writes together with its mark."""

    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        """Write the mark and do all writes, or nothing.

        If conditions are false, and all of them are of writes whose `on_conflict` is `"skip"`, the writes are
        not wanted any more: write the mark alone, and return True.

        Args:
            mark: The mark.
            transaction: The writes.
            patience: How long the call may take, for example while others write the same items.

        Returns:
            False if the mark existed before, in which case nothing was written.

        Raises:
            TransactionError: The writes cannot be done, for example because another condition is false.
            StoreError: The store cannot be reached.
        """
        ...


@runtime_checkable
class PackingStore(TransactionalStore, Protocol):
    """A store that may commit the transactions of several records at once."""

    @property
    def window(self) -> int:
        """The number of commits that may wait for each other; 1 if each is committed alone."""
        ...

    def pack(self, commits: Sequence[Commit], *, patience: timedelta) -> Sequence[int]:
        """Return which of these can be one request, as rising indexes that begin with 0.

        Leaving one out leaves out all later ones of its lane.

        Raises:
            StoreError: The store has to be asked, and cannot be reached.
        """
        ...

    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        """Write all marks and do all writes, or nothing.

        Returns:
            False if that is impossible, in which case nothing was written, and each is to be committed alone.

        Raises:
            StoreError: The store cannot be reached.
        """
        ...


def check_keep(keep: object) -> None:
    """Refuse to keep marks for too short a time to help, or for longer than clocks run.

    Raises:
        ConfigurationError: It is less than 48 hours or more than 100 years.
    """
    if not isinstance(keep, timedelta) or not KEEP <= keep <= _LONGEST_KEEP:
        reason = "Lambda retries a stream's records for 24 hours"
        raise ConfigurationError(f"keep must be a timedelta of 48 hours to 100 years: {reason}")


def utc_now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)
