"""Which records may still run in a batch: none behind a failure of its item, and none when time is short."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from .._records import lane_of
from ._entries import Entry
from ._settings import Settings


class Gate:
    """Lets records through until time is short, or a failure holds them back. Lanes may ask it at once.

    A batch may go through several passes. Each begins with all lanes open, unless the store is down.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings: Final = settings
        self._deadline: Final = settings.deadline
        self._closed_lanes: set[Hashable] = set()
        self._has_begun = False
        self._has_called = False
        self._is_stopped = False  # this pass is over
        self._is_halted = False  # a further pass would fail too

    def resume(self, *, has_begun: bool, is_stopped: bool) -> None:
        """Go on with a batch of which a record was tried already, or which is stopped."""
        self._has_begun, self._is_stopped = has_begun, is_stopped

    def resume_calls(self, *, has_called: bool) -> None:
        """Go on with a batch of which a bulk handler was called already."""
        self._has_called = has_called

    def may_begin(self, entry: Entry, *, fails_at_once: bool = False) -> bool:
        """Return whether a record may begin now.

        Args:
            entry: The record.
            fails_at_once: Whether it fails without taking time, so that the time does not matter.
        """
        # finding a record's lane takes time, so ask for it only once a lane is closed
        if self._is_stopped or (self._closed_lanes and lane_of(entry.record) in self._closed_lanes):
            return False
        if fails_at_once:
            return True
        # the first record is tried even if time is short, or a batch might never get anywhere
        if self._has_begun and self._deadline.is_near():
            self.stop()
            return False
        self._has_begun = True
        return True

    def may_call(self) -> bool:
        """Return whether there is time for a call of a bulk handler. The first one is always made."""
        if self._is_stopped or (self._has_called and self._deadline.is_near()):
            return False
        self._has_called = True
        return True

    def is_held_back(self, entry: Entry) -> bool:
        """Return whether a record is left to a retry, behind a failure in this pass."""
        closed = self._closed_lanes
        return self._is_stopped or (bool(closed) and lane_of(entry.record) in closed)

    def hold_back_after(self, entry: Entry) -> None:
        """Let nothing through that comes after a failed record, as far as it may run only after that."""
        lane = lane_of(entry.record)
        if self._settings.is_ordered and (lane is None or not self._settings.has_store):
            # it may be of any item; or, without a store, all that runs after it would run again
            self.stop()
        elif lane is not None:
            self._closed_lanes.add(lane)

    def stop(self) -> None:
        """Let no further record through in this pass: a retry runs the rest."""
        self._is_stopped = True

    def halt(self) -> None:
        """Let no further record through in any pass."""
        self._is_stopped = self._is_halted = True

    def begin_pass(self) -> bool:
        """Begin a further pass over the batch, for which what has failed so far is not held back.

        Returns:
            False if there is none, since the store cannot be reached.
        """
        self._closed_lanes.clear()
        self._is_stopped = self._is_halted
        return not self._is_halted
