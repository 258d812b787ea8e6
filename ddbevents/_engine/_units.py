"""The records that wait for the second pass of a batch, and what of them becomes one change."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from .._records import StreamRecord, lane_of
from .._tuples import NamedTuple
from ._entries import Bulk, Dispatch, Entry, Handler
from ._report import Outcome
from ._settings import Settings

_OPEN: Final = (Outcome.FAILED, Outcome.NOT_RUN)


class Unit(NamedTuple):
    """What becomes one change of a handler.

    Attributes:
        entries: A record; for a handler that takes the last state, all records of the item, in order.
        handler: The handler.
        bulk: How it takes changes.
    """

    entries: Sequence[Entry]
    handler: Handler
    bulk: Bulk

    @property
    def first(self) -> Entry:
        """The first record, which stands for all of them: failures are counted by it."""
        return self.entries[0]

    def took(self, seconds: float) -> None:
        """Note how long its part of a call took."""
        for entry in self.entries:
            entry.seconds += seconds / len(self.entries)

    @property
    def identities(self) -> AbstractSet[str | None]:
        """What marks know the records by."""
        return {entry.identity for entry in self.entries}


class BegunCall(NamedTuple):
    """The call of a bulk handler with which the general engine goes on.

    Attributes:
        handler: The handler's name.
        has_time: Whether there is time for it.
        changes: The changes that it was called with; None if it was not.
        error: Why it failed.
        seconds: How long it took.
    """

    handler: str
    has_time: bool = True
    changes: Sequence[Any] | None = None
    error: BaseException | None = None
    seconds: float = 0.0


def set_aside(entries: Iterable[Entry], dispatch: Dispatch, settings: Settings) -> bool:
    """Set the handlers of the second pass aside, so that the first one runs the others alone.

    Args:
        entries: The records.
        dispatch: The app's handlers.
        settings: The settings of the batch.

    Returns:
        Whether any record waits for the second pass.
    """
    taken: dict[Hashable, set[str]] = {}
    is_any = False
    for entry in entries:
        entry.bulk = [(handler, handler.bulk) for handler in entry.handlers if handler.bulk is not None]
        if entry.bulk:
            entry.handlers = [handler for handler in entry.handlers if handler.bulk is None]
        # a queue's messages go to the handlers that they name
        if settings.is_ordered and entry.invalid is None:
            _follow(entry, taken, dispatch)
        is_any = is_any or bool(entry.bulk)
    return is_any


def _follow(entry: Entry, taken: dict[Hashable, set[str]], dispatch: Dispatch) -> None:
    """Let handlers that take an item's last state have all its records after the first that they take.

    Args:
        entry: A record.
        taken: The items of earlier records, each with the handlers that take it.
        dispatch: The app's handlers.
    """
    taking = [handler.name for handler, bulk in entry.bulk if bulk.is_latest]
    if not taking and not taken:
        return
    names = taken.setdefault(lane_of(entry.record), set())
    for name in sorted(names - entry.outcomes.keys()):
        handler = dispatch.following(name, entry.record) if isinstance(entry.record, StreamRecord) else None
        if handler is not None and handler.bulk is not None:
            entry.outcomes[name] = Outcome.NOT_RUN
            entry.bulk = [*entry.bulk, (handler, handler.bulk)]
    names.update(taking)


def not_held_back(entries: Iterable[Entry], to_come: AbstractSet[str], *, by_item: bool) -> list[Entry]:
    """Return the records that are done so far, and come after no open one that may be of the same item.

    Args:
        entries: The records, in order.
        to_come: The handlers whose turn is still to come.
        by_item: Whether an open record holds back those of its item only, not all that come after it.
    """
    done: list[Entry] = []
    held: set[Hashable] = set()
    for entry in entries:
        is_open = any(outcome in _OPEN for name, outcome in entry.outcomes.items() if name not in to_come)
        if is_open or (held and lane_of(entry.record) in held):
            lane = lane_of(entry.record)
            if lane is None or not by_item:
                break
            held.add(lane)
        else:
            done.append(entry)
    return done


def units_of(entries: Iterable[Entry], name: str) -> list[Unit]:
    """Return what a handler is to be called for, in the order of the last record of each.

    A copy of a record is no later state of its item: it becomes a change of its own, which follows it.
    """
    units: dict[Hashable, tuple[list[Entry], list[Unit], Handler, Bulk]] = {}
    seen: set[str | None] = set()
    for place, entry in enumerate(entries):
        for handler, bulk in entry.bulk:
            if handler.name != name:
                continue
            key = lane_of(entry.record) if bulk.is_latest else place
            # taken out and put in again, since the last record says where it stands
            own, copies, *_ = units.pop(key, ([], []))
            if own and entry.identity in seen:
                copies.append(Unit([entry], handler, bulk))
            else:
                own.append(entry)
            seen.add(entry.identity)
            units[key] = own, copies, handler, bulk
    return [
        unit
        for own, copies, handler, bulk in units.values()
        for unit in (Unit(sorted(own, key=_place_in_stream), handler, bulk), *copies)
    ]


def _place_in_stream(entry: Entry) -> int:
    """Return what tells which of an item's records is newer: in a batch they may be mixed up."""
    record = entry.record
    return int(record.sequence_number or 0) if isinstance(record, StreamRecord) else 0
