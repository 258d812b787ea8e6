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
    """The writes of several commits, gathered for one request.

    Attributes:
        commits: The commits that it has taken.
    """

    def __init__(self, key_names: KeyNames, write: Callable[[str], Write]) -> None:
        """Begin with nothing.

        Args:
            key_names: Returns the names of a table's key attributes.
            write: Returns the write of a mark.
        """
        self.commits: Final[list[Commit]] = []
        self._key_names = key_names
        self._write = write
        self._writes: list[Write] = []
        self._places: dict[Hashable, int] = {}
        self._tables: set[str] = set()
        self._unclear: set[str] = set()  # tables with a write whose item is unknown
        self._bytes = 0

    @property
    def writes(self) -> tuple[Write, ...]:
        """The writes of the request, with those to one counter merged."""
        return tuple(self._writes)

    def take(self, commit: Commit) -> bool:
        """Add all writes of a commit, or none and return False."""
        if len(self._writes) == MOST_ACTIONS:
            return False
        writes = commit.transaction.writes
        if len(writes) > 1 and not _are_apart(writes, self._key_names):
            return False
        size = self._bytes
        fresh: list[tuple[Hashable | None, Write]] = []
        sums: dict[int, Update] = {}
        for write in (self._write(commit.mark), *writes):
            size += size_of(write)
            item = item_of(write, self._key_names)
            place = self._places.get(item)
            if place is None and self._is_apart(write, item):
                fresh.append((item, write))
            elif place is not None and (merged := merge_updates(self._writes[place], write)):
                sums[place] = merged
            else:
                return False
        if len(self._writes) + len(fresh) > MOST_ACTIONS or size > MOST_BYTES:
            return False
        self._bytes = size
        self._add(fresh, sums)
        self.commits.append(commit)
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


def _are_apart(writes: Sequence[Write], key_names: KeyNames) -> bool:
    """Return whether no two writes are to one item. Otherwise they would fail the whole request."""
    try:
        check_limits(writes, key_names)
    except TransactionError:
        return False
    return True
