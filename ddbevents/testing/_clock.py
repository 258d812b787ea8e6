"""Virtual time, which passes only when a test or a simulation advances it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from .._errors import ConfigurationError

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When virtual time begins, and the creation time of records unless a test gives another."""


class FunctionTimeoutError(BaseException):
    """Lambda ended the function at its timeout.

    It is not an `Exception`, so a handler's own `except Exception` does not catch it. Code in a `finally`
    still runs here; in Lambda the process is simply gone.
    """


class VirtualClock:
    """A clock that stands still until it is advanced.

    Calling it returns the present moment, so it can be passed as `MemoryStore(clock=...)`.
    """

    def __init__(self, now: datetime = START) -> None:
        """Make a clock.

        Args:
            now: The moment it starts at, with a time zone.

        Raises:
            ConfigurationError: The moment has no time zone.
        """
        self._now = aware(now)
        self._deadline: datetime | None = None

    @property
    def now(self) -> datetime:
        """The present moment."""
        return self._now

    def __call__(self) -> datetime:
        """Return the present moment."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Let time pass.

        Raises:
            FunctionTimeoutError: The running function has no more time than this; it ends at once.
            ConfigurationError: The time is negative.
        """
        if by < timedelta(0):
            raise ConfigurationError("time does not run backwards: advance by a positive timedelta")
        moment = self._now + by
        if self._deadline is not None and moment >= self._deadline:
            self._now = self._deadline
            raise FunctionTimeoutError("the function ran into its timeout")
        self._now = moment

    def wait_until(self, moment: datetime) -> None:
        """Let time pass up to a moment; do nothing if it is in the past."""
        self.advance(max(moment - self._now, timedelta(0)))

    @contextmanager
    def ending_at(self, deadline: datetime) -> Generator[None]:
        """Raise FunctionTimeoutError in whoever advances the clock to the deadline.

        Functions that run at the same time have one deadline each, and the one that began last runs.
        """
        outer, self._deadline = self._deadline, deadline
        try:
            yield
        finally:
            self._deadline = outer


def aware(moment: object) -> datetime:
    """Return the moment if it has a time zone.

    Raises:
        ConfigurationError: It has none, so it would be another moment on another machine, or it is no moment.
    """
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise ConfigurationError(
            "a moment must be a datetime with a time zone: datetime(2026, 1, 1, tzinfo=UTC)"
        )
    return moment
