"""Time that passes only when a test says so."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from ..._errors import ConfigurationError

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When virtual time begins, and when records are made unless a test says otherwise."""


class FunctionTimeoutError(BaseException):
    """Lambda ended the function. No `Exception`, so that a handler's own `except` does not take it.

    Code in a `finally` still runs here; in Lambda the process is simply gone.
    """


class VirtualClock:
    """A clock that stands still until it is advanced.

    It is also a function that gives the present moment, as `MemoryStore(clock=...)` takes one.
    """

    def __init__(self, now: datetime = START) -> None:
        """Make a clock.

        Args:
            now: The moment at which it begins, with a time zone.

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
        """The present moment."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Let time pass.

        Raises:
            FunctionTimeoutError: The function that is running has no more time than this; it ends at once.
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
        """Let time pass up to a moment; do nothing if it is past."""
        self.advance(max(moment - self._now, timedelta(0)))

    @contextmanager
    def ending_at(self, deadline: datetime) -> Generator[None]:
        """Whoever advances the clock to the deadline is ended there."""
        self._deadline = deadline
        try:
            yield
        finally:
            self._deadline = None


def aware(moment: datetime) -> datetime:
    """The moment, if it is one.

    Raises:
        ConfigurationError: It has no time zone, so that it is another moment on another machine.
    """
    if moment.tzinfo is None:
        raise ConfigurationError("a moment needs a time zone: datetime(2026, 1, 1, tzinfo=UTC)")
    return moment
