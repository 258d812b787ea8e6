"""Several transactions packed into one request that writes each item once; counters are merged."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Final

from .._engine import Commit
from .._errors import TransactionError
from .._transaction import Update, Write
from ._limits import MOST_BYTES, MOST_WRITES, KeyNames, check_limits, item_of, size_of
from ._updates import merge_updates

MOST_ACTIONS: Final = MOST_WRITES + 1


def choose(commits: Sequence[Commit], take: Callable[[Commit], bool]) -> list[int]:
    """Choose commits for one request greedily, in order; one that does not fit closes its lane.

    Args:
        commits: All waiting commits.
        take: Takes a commit into the request, or returns False.

    Returns:
        The indexes of the chosen commits. The first commit is always chosen.
    """
    chosen: list[int] = []
    closed: set[Hashable] = set()
    for index, commit in enumerate(commits):
        if commit.lane is None and closed:
            break  # it may belong to a closed lane
        if commit.lane not in closed and take(commit):
            chosen.append(index)
        elif index == 0:
            return [0]
        elif commit.lane is None:
            break  # any later commit may belong to its lane
        else:
            closed.add(commit.lane)
    return chosen


class Pack:
    """The writes of several commits, gathered for one request."""

    def __init__(self, key_names: KeyNames) -> None:
        self._key_names = key_names
        self._writes: list[Write] = []
        self._places: dict[Hashable, int] = {}
        self._tables: set[str] = set()
        self._unclear: set[str] = set()  # tables with a write whose item is unknown
        self._bytes = 0

    @property
    def writes(self) -> tuple[Write, ...]:
        """The writes of the request, with those to one counter merged."""
        return tuple(self._writes)

    def take(self, mark: Write, writes: Sequence[Write]) -> bool:
        """Add all writes of a commit, or none and return False."""
        if len(self._writes) == MOST_ACTIONS or not _is_within_limits(writes, self._key_names):
            return False
        fresh: list[tuple[Hashable | None, Write]] = []
        sums: dict[int, Update] = {}
        for write in (mark, *writes):
            item = item_of(write, self._key_names)
            place = self._places.get(item)
            if place is None and self._is_apart(write, item):
                fresh.append((item, write))
            elif place is not None and (merged := merge_updates(self._writes[place], write)):
                sums[place] = merged
            else:
                return False
        size = self._bytes + sum(map(size_of, (mark, *writes)))
        if len(self._writes) + len(fresh) > MOST_ACTIONS or size > MOST_BYTES:
            return False
        self._bytes = size
        self._add(fresh, sums)
        return True

    def _is_apart(self, write: Write, item: Hashable | None) -> bool:
        """Return whether no write of the pack can be to this item, which may be unknown."""
        return write.table not in (self._unclear if item is not None else self._tables)

    def _add(self, fresh: Sequence[tuple[Hashable | None, Write]], sums: Mapping[int, Update]) -> None:
        for place, merged in sums.items():
            self._writes[place] = merged
        for item, write in fresh:
            if item is None:
                self._unclear.add(write.table)
            else:
                self._places[item] = len(self._writes)
            self._tables.add(write.table)
            self._writes.append(write)


def _is_within_limits(writes: Sequence[Write], key_names: KeyNames) -> bool:
    """Return whether the writes could be committed alone; if not, they would fail the whole request."""
    try:
        check_limits(writes, key_names)
    except TransactionError:
        return False
    return True
