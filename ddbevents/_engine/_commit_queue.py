"""Transactions that wait to be committed together, for a store that packs them."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable, Sequence
from datetime import timedelta

from .._errors import StoreError
from .._tuples import NamedTuple
from ._deadline import Deadline
from ._entries import Entry
from ._stores import Commit, PackingStore


class Waiting(NamedTuple):
    """A transaction that waits, and the handler and record that it belongs to."""

    entry: Entry
    handler: str
    commit: Commit


class Sent(NamedTuple):
    """The transactions of one request.

    Attributes:
        pack: The transactions, which still wait until each is taken.
        is_committed: Whether all of them are committed. If not, each is to be committed alone.
        error: The store could not be reached, so the first of them failed.
    """

    pack: Sequence[Waiting]
    is_committed: bool
    error: StoreError | None = None


class CommitQueue:
    """The transactions that wait, in the order in which their handlers ran. Lanes may add to it at once.

    Attributes:
        committing: Held while transactions are committed: two requests at a time would race for the same
            items, and commit them out of order.
    """

    def __init__(self, store: PackingStore) -> None:
        self._store = store
        self._waiting: dict[str, Waiting] = {}
        self._dropped_lanes: set[Hashable] = set()
        self._is_closed = False
        self._lock = threading.Lock()
        self.committing = threading.Lock()

    def is_due(self) -> bool:
        """Return whether enough transactions wait to be committed."""
        return len(self._waiting) >= self._store.window

    def is_half_empty(self) -> bool:
        """Return whether the rest waits for more: a few transactions cost as many requests as a full pack."""
        return 2 * len(self._waiting) <= self._store.window

    def add(self, entry: Entry, handler: str, commit: Commit) -> bool:
        """Let a transaction wait; False if those of its lane were dropped while its handler ran."""
        with self._lock:
            if self._is_closed or commit.lane in self._dropped_lanes:
                return False
            self._waiting[commit.mark] = Waiting(entry, handler, commit)
        return True

    def take(self, waiting: Waiting) -> bool:
        """Take a transaction out; False if it was dropped in the meantime."""
        with self._lock:
            return self._waiting.pop(waiting.commit.mark, None) is not None

    def drop_lane(self, lane: Hashable) -> Sequence[Waiting]:
        """Take out a lane's transactions, and refuse later ones."""
        with self._lock:
            self._dropped_lanes.add(lane)
            return self._removed(each for each in self._waiting.values() if each.commit.lane == lane)

    def drop_all(self) -> Sequence[Waiting]:
        """Take out all transactions, and refuse later ones."""
        with self._lock:
            self._is_closed = True
            return self._removed(self._waiting.values())

    def send(self, deadline: Deadline) -> Sent | None:
        """Commit together as many of the waiting transactions as the store packs; None if none wait."""
        with self._lock:
            waiting = [*self._waiting.values()]
        if not waiting:
            return None
        try:
            indexes = self._store.pack([each.commit for each in waiting], patience=deadline.patience)
            # a store that packs nothing must not keep the batch here for ever
            pack = [waiting[index] for index in indexes] or waiting[:1]
            return Sent(pack, is_committed=len(pack) > 1 and self._commit_together(pack, deadline.patience))
        except StoreError as error:
            return Sent(waiting[:1], is_committed=False, error=error)
        except Exception:  # noqa: BLE001  # writes of a shape nobody foresaw: a handler's own doing
            # committed alone, each shows whether it is at fault
            return Sent(waiting[:1], is_committed=False)

    def commit_alone(self, waiting: Waiting, patience: timedelta) -> Exception | None:
        """Commit one transaction, and return what went wrong. A mark that exists already is as good."""
        try:
            self._store.commit(waiting.commit.mark, waiting.commit.transaction, patience=patience)
        except Exception as error:  # noqa: BLE001  # the writes are a handler's own, and so is what they raise
            return error
        return None

    def _commit_together(self, pack: Iterable[Waiting], patience: timedelta) -> bool:
        return self._store.commit_together([each.commit for each in pack], patience=patience)

    def _removed(self, dropped: Iterable[Waiting]) -> Sequence[Waiting]:
        removed = [*dropped]
        for waiting in removed:
            del self._waiting[waiting.commit.mark]
        return removed
