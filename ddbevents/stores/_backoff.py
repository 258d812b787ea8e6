"""Growing, random pauses between tries, until a time limit."""

from __future__ import annotations

import time
from random import SystemRandom
from typing import Final

from .._patience import TimeLeft

_FIRST_SECONDS: Final = 0.025
_LONGEST_SECONDS: Final = 1.0
_TRY_SECONDS: Final = 0.05  # left for the try after the last pause, so that it gets its answer
# functions that start from one SnapStart image would all draw the same numbers from any other generator
_random: Final = SystemRandom()


class Backoff:
    """Pauses with full jitter.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    def __init__(self, time_left: TimeLeft, *, most: int | None = None) -> None:
        """Begin with short pauses.

        Args:
            time_left: The time in which pauses may begin; no pause lasts longer.
            most: The most pauses; by default as many as the time allows.
        """
        self._time_left = time_left
        self._most = most
        self._waited = 0

    def wait(self) -> bool:
        """Pause before another try, or return False if time or pauses are used up."""
        left = self._time_left.seconds - _TRY_SECONDS
        if left <= 0 or self._waited == self._most:
            return False
        longest = min(_FIRST_SECONDS * 2 ** min(self._waited, 10), _LONGEST_SECONDS)
        self._waited += 1
        time.sleep(min(_random.uniform(0, longest), left))
        return True
