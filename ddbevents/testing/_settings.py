"""The settings of an event source mapping, and which of them AWS takes.

Contract: https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple

from .._errors import ConfigurationError
from ._patterns import Pattern

_MOST_RECORDS: Final = 10_000
_LONGEST_WINDOW: Final = timedelta(seconds=300)
_MOST_RETRIES: Final = 10_000
_LOWEST_AGE: Final = timedelta(seconds=60)
_HIGHEST_AGE: Final = timedelta(days=7)
_MOST_LANES: Final = 10


class Settings(NamedTuple):
    """The settings, in the words of `EventSourceMapping`."""

    batch_size: int
    window: timedelta
    retries: int
    max_age: timedelta | None
    bisect: bool
    report_failures: bool
    parallelization: int
    filters: tuple[Pattern, ...]

    def check(self) -> None:
        """Refuse what AWS would refuse.

        Raises:
            ConfigurationError: A setting is out of AWS's range.
        """
        if not 1 <= self.batch_size <= _MOST_RECORDS:
            raise ConfigurationError(f"batch_size is 1 to {_MOST_RECORDS}")
        if not timedelta(0) <= self.window <= _LONGEST_WINDOW:
            raise ConfigurationError("window is 0 to 300 seconds")
        if not -1 <= self.retries <= _MOST_RETRIES:
            raise ConfigurationError(f"retries is 0 to {_MOST_RETRIES}, or -1 for no end")
        if self.max_age is not None and not _LOWEST_AGE <= self.max_age <= _HIGHEST_AGE:
            raise ConfigurationError("max_age is 60 seconds to 7 days, or None for no end")
        if not 1 <= self.parallelization <= _MOST_LANES:
            raise ConfigurationError(f"parallelization is 1 to {_MOST_LANES}")
