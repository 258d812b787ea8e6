"""Everything that a batch keeps in its store: marks, failed attempts and transactions."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Final, TypeAlias, cast

from .._errors import StoreError
from .._logs import describe, logger
from .._records import lane_of
from .._transaction import Transaction
from ._entries import Entry, Task
from ._stores import FLUSH_SIZE, Commit, IdempotencyStore, NoStore, TransactionalStore

Note: TypeAlias = tuple[Entry, str, str]
"""An entry, a handler's name and the mark to be written for them."""


class Journal:
    """The marks of one batch. Lanes may use it at the same time.

    Attributes:
        keeps: Whether there is a store that keeps them.

    A mark is `<app>#<handler>#<event id>`. A failed attempt adds its number to that, and a dead letter adds
    `#aside`: a redrive reads only the plain mark, so it neither leaves out what was dead-lettered nor repeats
    what another delivery has handled in the meantime.
    """

    def __init__(self, app: str, store: IdempotencyStore) -> None:
        self._app = app
        self._store = store
        self.keeps: Final = not isinstance(store, NoStore)
        self._pending: list[Note] = []
        self._lock = threading.Lock()

    def read(self, tasks: Iterable[Task], *, with_dead_letters: bool, patience: timedelta) -> set[Task]:
        """Return which handlers have handled which records, by the store's marks.

        Args:
            tasks: All handlers and records of the batch.
            with_dead_letters: Whether what was dead-lettered counts as handled.
            patience: How long the store may take.

        Raises:
            StoreError: The store cannot be read.
        """
        wanted = {
            self.mark(identity, name): (name, identity) for name, identity in tasks if identity is not None
        }
        if with_dead_letters:
            wanted |= {_aside(mark): task for mark, task in wanted.items()}
        found = self._found(wanted.keys(), patience) if wanted else frozenset[str]()
        return {task for mark, task in wanted.items() if mark in found} if found else set()

    def mark(self, identity: str | None, handler: str) -> str:
        """Return the mark that says that a handler has handled a record."""
        return f"{self._app}#{handler}#{identity}"

    def note_handled(self, entry: Entry, handler: str) -> None:
        """Note that a handler succeeded. The next flush writes it."""
        if self.keeps:
            self._note(entry, handler, self.mark(entry.identity, handler))

    def note_dead_letter(self, entry: Entry, handler: str) -> None:
        """Note that a dead letter was sent. The next flush writes it; but not without an identity."""
        if entry.identity is not None:
            self._note(entry, handler, _aside(self.mark(entry.identity, handler)))

    def note_attempt(self, entry: Entry, handler: str, number: int) -> None:
        """Note that an attempt failed. The next flush writes it."""
        self._note(entry, handler, self._attempt(entry, handler, number))

    def failed_attempts(
        self, asked: Iterable[tuple[Entry, int]], handler: str, patience: timedelta
    ) -> Sequence[int]:
        """Return how often a handler failed for records in earlier deliveries.

        Args:
            asked: Each record with the number up to which to count.
            handler: The handler's name.
            patience: How long the store may take.

        Raises:
            StoreError: The store cannot be read.
        """
        marks = [
            [self._attempt(entry, handler, number) for number in range(1, most + 1)] for entry, most in asked
        ]
        wanted = [mark for each in marks for mark in each]
        found = self._found(wanted, patience) if wanted else ()
        return [sum(mark in found for mark in each) for each in marks]

    def is_due(self) -> bool:
        """Return whether enough marks are pending to be written."""
        return len(self._pending) >= FLUSH_SIZE

    def take(self) -> Sequence[Note]:
        """Return the pending marks, which are pending no more."""
        with self._lock:
            pending, self._pending = self._pending, []
        return pending

    def write(self, marks: Collection[str], patience: timedelta) -> None:
        """Write marks.

        Raises:
            StoreError: The store cannot be written.
        """
        try:
            self._store.add(marks, patience=patience)
        except StoreError:
            raise
        except Exception as error:  # a store may be the user's own code
            raise _as_store_error(error, self._store, "add") from error

    def commit_of(self, entry: Entry, handler: str, transaction: Transaction) -> Commit:
        """Return a handler's transaction with the mark that is committed together with it."""
        return Commit(self.mark(entry.identity, handler), transaction, lane_of(entry.record))

    def commit_now(self, commit: Commit, patience: timedelta) -> None:
        """Write a mark and its transaction now. A mark that exists already is as good.

        Raises:
            TransactionError: The transaction cannot be committed.
            StoreError: The store cannot be reached.
        """
        # an app takes a handler with a transaction only if its store has transactions
        store = cast("TransactionalStore", self._store)
        store.commit(commit.mark, commit.transaction, patience=patience)

    def _found(self, marks: Collection[str], patience: timedelta) -> Collection[str]:
        """Return the marks that the store has."""
        try:
            found: object = self._store.handled(marks, patience=patience)
        except StoreError:
            raise
        except Exception as error:  # a store may be the user's own code
            raise _as_store_error(error, self._store, "handled") from error
        if not isinstance(found, Collection) or isinstance(found, str):
            name, kind = type(self._store).__name__, type(found).__name__
            raise StoreError(
                f"{name}.handled returned a value of type {kind}: return the set of marks that exist"
            )
        return found

    def _note(self, entry: Entry, handler: str, mark: str) -> None:
        # without the lock, another lane might take the list just before the mark is in it
        with self._lock:
            self._pending.append((entry, handler, mark))

    def _attempt(self, entry: Entry, handler: str, number: int) -> str:
        return f"{self.mark(entry.identity, handler)}#{number}"


def log_lost_marks(error: StoreError) -> None:
    """Log that marks cannot be written."""
    logger().error("idempotency records cannot be written, so handlers may run again: %s", describe(error))


def _as_store_error(error: Exception, store: IdempotencyStore, method: str) -> StoreError:
    return StoreError(
        f"{type(store).__name__}.{method} raised {describe(error)}. Let it raise StoreError where the store"
        " cannot be read or written, and mend it otherwise"
    )


def _aside(mark: str) -> str:
    return f"{mark}#aside"
