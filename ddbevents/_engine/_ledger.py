"""What one batch notes in the store: marks, written in groups, and how often something failed before."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import timedelta
from typing import Final, TypeAlias, cast

from .._transaction import Transaction
from ._stores import IdempotencyStore, TransactionalStore

Task: TypeAlias = tuple[str, str]
"""The name of a handler, and the id of the record that it is to handle."""

FLUSH_SIZE: Final = 25  # a BatchWriteItem takes 25 items; a crash repeats about so many handlers


class Ledger:
    """The marks of one batch, whose lanes may write in it at once.

    Attributes:
        handled: What is done, by the store's marks or by this batch.
    """

    def __init__(self, app: str, store: IdempotencyStore | None) -> None:
        self.handled: set[Task] = set()
        self._app = app
        self._store = store
        self._pending: list[tuple[int, str]] = []
        self._lock = threading.Lock()

    def mark(self, task: Task) -> str:
        """The text that the store keeps."""
        handler, event_id = task
        return f"{self._app}#{handler}#{event_id}"

    def read(self, tasks: Iterable[Task], *, with_put_aside: bool) -> None:
        """Read which marks exist.

        Args:
            tasks: What may be done before.
            with_put_aside: Whether what was put aside counts as done.

        Raises:
            StoreError: The store cannot be read.
        """
        wanted = {self.mark(task): task for task in tasks}
        if with_put_aside:
            wanted |= {_aside(mark): task for mark, task in wanted.items()}
        if self._store is not None and wanted:
            found = self._store.handled(wanted.keys())
            self.handled.update(task for mark, task in wanted.items() if mark in found)

    def add(self, place: int, task: Task) -> None:
        """Note that a handler is done; the store learns of it with the next flush.

        Args:
            place: The record's place in the batch.
            task: What is done.
        """
        self.handled.add(task)
        if self._store is not None:
            self._note(place, self.mark(task))

    def put_aside(self, place: int, task: Task) -> None:
        """Note that a dead letter was sent.

        The mark is another one than a handler's, which says for ever that the effect is there: so a redrive,
        which reads only that one, neither leaves out what was put aside nor repeats what some other delivery
        has done in the meantime.
        """
        self.handled.add(task)
        self._note(place, _aside(self.mark(task)))

    def commit(self, task: Task, transaction: Transaction, patience: timedelta) -> None:
        """Write the mark and a handler's writes now. A mark that was there already is as good.

        Raises:
            TransactionError: The writes cannot be done.
            StoreError: The store cannot be reached.
        """
        # the app admits a handler with a transaction only to such a store
        cast("TransactionalStore", self._store).commit(self.mark(task), transaction, patience=patience)
        self.handled.add(task)

    def failed_attempts(self, task: Task, most: int) -> int:
        """How often a task failed in earlier deliveries, counted up to a number.

        Raises:
            StoreError: The store cannot be read.
        """
        attempts = [self._attempt(task, number) for number in range(1, most + 1)]
        # without a store nothing is counted
        return len(cast("IdempotencyStore", self._store).handled(attempts))

    def add_attempt(self, place: int, task: Task, number: int) -> None:
        """Note that a task failed; the store learns of it with the next flush."""
        self._note(place, self._attempt(task, number))

    def is_due(self) -> bool:
        """Whether so many marks wait that they should be written."""
        return len(self._pending) >= FLUSH_SIZE

    def take(self) -> list[tuple[int, str]]:
        """The marks that wait, which no longer do, each with the place of its record."""
        with self._lock:
            pending, self._pending = self._pending, []
        return pending

    def write(self, marks: Iterable[str]) -> None:
        """Write marks.

        Raises:
            StoreError: The store cannot be written.
        """
        # without a store no marks wait
        cast("IdempotencyStore", self._store).add([*marks])

    def _note(self, place: int, mark: str) -> None:
        # or another lane might take the list away just before the mark is in it
        with self._lock:
            self._pending.append((place, mark))

    def _attempt(self, task: Task, number: int) -> str:
        return f"{self.mark(task)}#{number}"


def _aside(mark: str) -> str:
    return f"{mark}#aside"
