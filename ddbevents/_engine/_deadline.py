"""How much time a batch has left, and whether that is enough to begin another record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from math import inf
from typing import Final

_LONGEST_PATIENCE: Final = 5.0


class Deadline:
    """Learns from the batch how long a record may take.

    Measured on the real runtime client: a function that dies of its time-out checkpoints nothing, and runs
    everything again.
    """

    def __init__(self, milliseconds_left: Callable[[], int] | None, reserve: timedelta) -> None:
        """Begin with what is known before the first record.

        Args:
            milliseconds_left: Asks Lambda's context; None if there is no deadline.
            reserve: The least to keep in hand.
        """
        self._milliseconds_left = milliseconds_left
        self._reserve = reserve.total_seconds()
        self._slowest_record = 0.0
        self._slowest_flush = 0.0

    def note_record(self, seconds: float) -> None:
        """Learn how long a record took."""
        self._slowest_record = max(self._slowest_record, seconds)

    def note_flush(self, seconds: float) -> None:
        """Learn how long it took to write marks."""
        self._slowest_flush = max(self._slowest_flush, seconds)

    def is_near(self) -> bool:
        """Whether another record might not come to its end, by twice the slowest so far."""
        if self._milliseconds_left is None:
            return False
        return self._seconds_left() < max(self._reserve, 2 * self._slowest_record + self._slowest_flush)

    @property
    def patience(self) -> timedelta:
        """How long a store may go on trying: a share of what is left, and never for ever."""
        return timedelta(seconds=max(0.0, min(_LONGEST_PATIENCE, self._seconds_left() / 2)))

    def _seconds_left(self) -> float:
        return inf if self._milliseconds_left is None else self._milliseconds_left() / 1000
