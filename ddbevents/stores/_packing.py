"""Which transactions can share one request: an item at most once, sums of counters excepted."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Final, TypeGuard

from .._engine import Commit
from .._errors import InvalidItemError, TransactionError
from .._transaction import Update, Write
from ._limits import MOST_BYTES, MOST_WRITES, KeyNames, check_limits, item_of, size_of
from ._numbers import add_numbers

MOST_ACTIONS: Final = MOST_WRITES + 1


def choose(commits: Sequence[Commit], take: Callable[[Commit], bool]) -> list[int]:
    """The commits for one request, greedily and in order; one that is left out closes its lane.

    Args:
        commits: All that wait.
        take: Takes a commit into the request, or returns False.
    """
    chosen: list[int] = []
    closed: set[Hashable] = set()
    for index, commit in enumerate(commits):
        if commit.lane is None and closed:
            break  # it may be of a closed lane
        if commit.lane not in closed and take(commit):
            chosen.append(index)
        elif index == 0:
            return [0]
        elif commit.lane is None:
            break  # any later one may be of its lane
        else:
            closed.add(commit.lane)
    return chosen


class Pack:
    """The writes of one request, of several commits."""

    def __init__(self, key_names: KeyNames) -> None:
        self._key_names = key_names
        self._writes: list[Write] = []
        self._places: dict[Hashable, int] = {}
        self._tables: set[str] = set()
        self._unclear: set[str] = set()  # tables with a write of which nobody can tell the item
        self._bytes = 0

    @property
    def writes(self) -> tuple[Write, ...]:
        """What the request is to do."""
        return tuple(self._writes)

    def take(self, mark: Write, writes: Sequence[Write]) -> bool:
        """Add the writes of a commit, all or none of them."""
        if len(self._writes) == MOST_ACTIONS or not _is_possible(writes, self._key_names):
            return False
        fresh: list[tuple[Hashable | None, Write]] = []
        sums: dict[int, Update] = {}
        for write in (mark, *writes):
            item = item_of(write, self._key_names)
            place = self._places.get(item)
            if place is None and self._is_apart(write, item):
                fresh.append((item, write))
            elif place is not None and (together := add_up(self._writes[place], write)):
                sums[place] = together
            else:
                return False
        size = self._bytes + sum(map(size_of, (mark, *writes)))
        if len(self._writes) + len(fresh) > MOST_ACTIONS or size > MOST_BYTES:
            return False
        self._bytes = size
        self._add(fresh, sums)
        return True

    def _is_apart(self, write: Write, item: Hashable | None) -> bool:
        """Whether the item, of which the pack knows no write, can be none that it writes all the same."""
        return write.table not in (self._unclear if item is not None else self._tables)

    def _add(self, fresh: Sequence[tuple[Hashable | None, Write]], sums: Mapping[int, Update]) -> None:
        for place, together in sums.items():
            self._writes[place] = together
        for item, write in fresh:
            if item is None:
                self._unclear.add(write.table)
            else:
                self._places[item] = len(self._writes)
            self._tables.add(write.table)
            self._writes.append(write)


def add_up(first: Write, second: Write) -> Update | None:
    """One update that does what two do to the same item, if both only add numbers and the sums are exact."""
    if not (_only_adds(first) and _only_adds(second)):
        return None
    try:
        shared = first.add.keys() & second.add.keys()
        sums = {name: add_numbers(first.add[name], second.add[name]) for name in shared}
    except InvalidItemError:
        return None
    return first._replace(add={**first.add, **second.add, **sums})


def _only_adds(write: Write) -> TypeGuard[Update]:
    return (
        isinstance(write, Update)
        and not (write.set or write.remove or write.delete)
        and write.when is None
        and all("N" in value for value in write.add.values())
    )


def _is_possible(writes: Sequence[Write], key_names: KeyNames) -> bool:
    """Whether they could be committed at all: what could not would take others with it."""
    try:
        check_limits(writes, key_names)
    except TransactionError:
        return False
    return True
