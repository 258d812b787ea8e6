"""Pauses between tries: growing, random, and over when patience is."""

from __future__ import annotations

from datetime import timedelta
from random import SystemRandom
from time import monotonic, sleep
from typing import Final

_FIRST_SECONDS: Final = 0.025
_LONGEST_SECONDS: Final = 1.0
_random: Final = (
    SystemRandom()
)  # functions that start from one SnapStart image would share any other's numbers


class Backoff:
    """The pauses of one undertaking. Full jitter, as in AWS's "Exponential Backoff And Jitter"."""

    def __init__(self, patience: timedelta, *, most: int | None = None) -> None:
        """Start the clock.

        Args:
            patience: How long from now pauses may go on.
            most: How many pauses there may be; by default as many as the time allows.
        """
        self._deadline = monotonic() + patience.total_seconds()
        self._most = most
        self._waited = 0

    def wait(self) -> bool:
        """Pause before another try, or return False at once if there should be none."""
        left = self._deadline - monotonic()
        if left <= 0 or self._waited == self._most:
            return False
        longest = min(_FIRST_SECONDS * 2 ** min(self._waited, 10), _LONGEST_SECONDS)
        self._waited += 1
        sleep(min(_random.uniform(0, longest), left))
        return True
