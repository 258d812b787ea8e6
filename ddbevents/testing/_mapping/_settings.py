"""The settings of an event source mapping, and which of them AWS takes.

Contract: https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple

from ..._errors import ConfigurationError
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
            ConfigurationError: A setting is out of AWS's range, or of another type.
        """
        if not _is_count(self.batch_size, 1, _MOST_RECORDS):
            raise ConfigurationError(f"batch_size must be 1 to {_MOST_RECORDS}")
        if not _is_time(self.window, timedelta(0), _LONGEST_WINDOW):
            raise ConfigurationError("window must be a timedelta of 0 to 300 seconds")
        if not _is_count(self.retries, -1, _MOST_RETRIES):
            raise ConfigurationError(f"retries must be 0 to {_MOST_RETRIES}, or -1 for no end")
        if self.max_age is not None and not _is_time(self.max_age, _LOWEST_AGE, _HIGHEST_AGE):
            raise ConfigurationError(
                "max_age must be a timedelta of 60 seconds to 7 days, or None for no end"
            )
        if not _is_count(self.parallelization, 1, _MOST_LANES):
            raise ConfigurationError(f"parallelization must be 1 to {_MOST_LANES}")


def _is_count(setting: object, lowest: int, highest: int) -> bool:
    return isinstance(setting, int) and lowest <= setting <= highest


def _is_time(setting: object, lowest: timedelta, highest: timedelta) -> bool:
    return isinstance(setting, timedelta) and lowest <= setting <= highest
