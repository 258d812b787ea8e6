"""Transactions of several records that wait to be committed together."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from .._errors import StoreError
from .._records import StreamRecord
from ._deadline import Deadline
from ._ledger import Task
from ._stores import Commit, IdempotencyStore, PackingStore


class Waiting(NamedTuple):
    """A transaction that a handler asked for.

    Attributes:
        place: The place of its record in the batch.
        record: Its record.
        task: Which handler, for which record.
        commit: What is to be committed.
    """

    place: int
    record: StreamRecord
    task: Task
    commit: Commit


class Packs:
    """The transactions that wait, in the order in which their handlers ran. Lanes may add to it at once.

    Attributes:
        is_enabled: Whether the store commits several transactions at once; otherwise nothing ever waits.
    """

    def __init__(self, store: IdempotencyStore | None) -> None:
        self._store: PackingStore | None = None
        # asked last, since a Protocol is slow to ask
        if store is not None and isinstance(store, PackingStore) and store.window > 1:
            self._store = store
        self.is_enabled: Final = self._store is not None
        self._waiting: dict[Task, Waiting] = {}
        self._dropped: set[Hashable | None] = set()
        self._lock = threading.Lock()

    def is_due(self) -> bool:
        """Whether so many wait that they should be committed."""
        return self._store is not None and len(self._waiting) >= self._store.window

    def add(self, waiting: Waiting) -> bool:
        """Let a transaction wait, unless one of its lane was dropped while its handler ran."""
        with self._lock:
            if self._dropped & {None, waiting.commit.lane}:
                return False
            self._waiting[waiting.task] = waiting
        return True

    def drop(self, lane: Hashable | None) -> list[Waiting]:
        """Take out the transactions of a lane, or all of them; neither they nor later ones are committed."""
        with self._lock:
            self._dropped.add(lane)
            dropped = [each for each in self._waiting.values() if lane in {None, each.commit.lane}]
            for each in dropped:
                del self._waiting[each.task]
        return dropped

    def settle(self, deadline: Deadline) -> Iterator[tuple[Waiting, Exception | None]]:
        """Commit all, giving each back with what went wrong; what is dropped meanwhile is left out.

        Each request has the patience of its own moment: one that waits long leaves less to the next.
        """
        while self._store is not None and (waiting := self._all()):
            try:
                pack = [waiting[index] for index in self._store.pack([each.commit for each in waiting])]
                are_committed = _commit_together(self._store, pack, deadline.patience)
            except StoreError as error:
                self._take(waiting[0])
                yield waiting[0], error
                continue
            except Exception:  # noqa: BLE001  # such as writes of a shape that nobody foresaw
                # whose they are shows when each is committed alone
                pack, are_committed = waiting[:1], False
            for each in pack:
                if self._take(each):
                    yield each, None if are_committed else _commit_alone(self._store, each, deadline.patience)

    def _all(self) -> list[Waiting]:
        with self._lock:
            return [*self._waiting.values()]

    def _take(self, waiting: Waiting) -> bool:
        with self._lock:
            return self._waiting.pop(waiting.task, None) is not None


def _commit_together(store: PackingStore, pack: Sequence[Waiting], patience: timedelta) -> bool:
    return len(pack) > 1 and store.commit_together([each.commit for each in pack], patience=patience)


def _commit_alone(store: PackingStore, waiting: Waiting, patience: timedelta) -> Exception | None:
    try:
        # a mark that was there already is as good
        store.commit(waiting.commit.mark, waiting.commit.transaction, patience=patience)
    except Exception as error:  # noqa: BLE001  # what a handler asked for is its own, and so is what comes of it
        return error
    return None
