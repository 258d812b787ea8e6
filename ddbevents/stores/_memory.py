"""Marks in memory: for tests, gone with the process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from .._idempotency import KEEP, check_keep, utc_now


class MemoryStore:
    """Keeps marks in this process only. Safe to share between threads.

    In Lambda it would forget everything with each new execution environment: use it in tests.
    """

    def __init__(self, *, keep: timedelta = KEEP, clock: Callable[[], datetime] = utc_now) -> None:
        """Make an empty store.

        Args:
            keep: How long a mark counts.
            clock: Gives the present moment, in UTC.

        Raises:
            ConfigurationError: Marks would not be kept as long as a stream delivers records, or for ever.
        """
        check_keep(keep)
        self._keep = keep
        self._clock = clock
        self._expirations: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def handled(self, marks: Collection[str]) -> AbstractSet[str]:
        """Those of the marks that are there and have not expired."""
        now = self._clock()
        with self._lock:
            return {mark for mark in marks if mark in self._expirations and self._expirations[mark] > now}

    def add(self, marks: Collection[str]) -> None:
        """Write marks."""
        expiration = self._clock() + self._keep
        with self._lock:
            self._expirations.update(dict.fromkeys(marks, expiration))
