"""Growing, random pauses between tries, until a time limit."""

from __future__ import annotations

import time
from datetime import timedelta
from random import SystemRandom
from typing import Final

_FIRST_SECONDS: Final = 0.025
_LONGEST_SECONDS: Final = 1.0
# functions that start from one SnapStart image would all draw the same numbers from any other generator
_random: Final = SystemRandom()


class Backoff:
    """Pauses with full jitter.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    def __init__(self, patience: timedelta, *, most: int | None = None) -> None:
        """Start the clock.

        Args:
            patience: How long from now pauses may go on.
            most: The most pauses; by default as many as the time allows.
        """
        self._deadline = time.monotonic() + patience.total_seconds()
        self._most = most
        self._waited = 0

    def wait(self) -> bool:
        """Pause before another try, or return False at once if time or pauses are used up."""
        left = self._deadline - time.monotonic()
        if left <= 0 or self._waited == self._most:
            return False
        longest = min(_FIRST_SECONDS * 2 ** min(self._waited, 10), _LONGEST_SECONDS)
        self._waited += 1
        time.sleep(min(_random.uniform(0, longest), left))
        return True
