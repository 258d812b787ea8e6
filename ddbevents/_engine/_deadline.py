"""The time that a batch has left, and whether it is enough to begin another record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from math import inf
from typing import Final

_LONGEST_PATIENCE: Final = 5.0


class Deadline:
    """Learns from the batch how long a record may take.

    Measured on the real runtime client: a function that runs into its timeout checkpoints nothing, so Lambda
    runs the whole batch again.
    """

    def __init__(self, milliseconds_left: Callable[[], int] | None, reserve: timedelta) -> None:
        """Begin with what is known before the first record.

        Args:
            milliseconds_left: Asks Lambda's context; None if there is no deadline.
            reserve: The time to keep in hand at least.
        """
        self._milliseconds_left = milliseconds_left
        self._reserve = reserve.total_seconds()
        self._slowest_record = 0.0
        self._slowest_flush = 0.0

    def note_record(self, seconds: float) -> None:
        """Learn how long a record took."""
        self._slowest_record = max(self._slowest_record, seconds)

    def note_flush(self, seconds: float) -> None:
        """Learn how long it took to write to the store."""
        self._slowest_flush = max(self._slowest_flush, seconds)

    def is_near(self) -> bool:
        """Return whether another record might not end in time, if it took twice as long as the slowest."""
        if self._milliseconds_left is None:
            return False
        return self._seconds_left() < max(self._reserve, 2 * self._slowest_record + self._slowest_flush)

    @property
    def patience(self) -> timedelta:
        """How long a store may keep trying: half of the time left, and at most five seconds."""
        return timedelta(seconds=max(0.0, min(_LONGEST_PATIENCE, self._seconds_left() / 2)))

    def _seconds_left(self) -> float:
        return inf if self._milliseconds_left is None else self._milliseconds_left() / 1000
