"""The settings of an event source mapping, and the values that AWS accepts.

Contract: https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple, get_args

from ..._errors import ConfigurationError
from ._arrivals import Source
from ._patterns import Filter

_MOST_RECORDS: Final = 10_000
_LONGEST_WINDOW: Final = timedelta(seconds=300)
_MOST_RETRIES: Final = 10_000
_LONGEST_TIMEOUT: Final = timedelta(minutes=90)  # on Managed Instances
_LOWEST_AGE: Final = timedelta(seconds=60)
_HIGHEST_AGE: Final = timedelta(days=7)
_MOST_PARALLEL_BATCHES: Final = 10


class Settings(NamedTuple):
    """The settings, named as in `EventSourceMapping`."""

    batch_size: int
    window: timedelta
    retries: int
    max_age: timedelta | None
    bisect: bool
    report_failures: bool
    parallelization: int
    filters: tuple[Filter, ...]
    source: Source

    def check(self) -> None:
        """Refuse values that AWS would refuse.

        Raises:
            ConfigurationError: A setting has a wrong type or is out of AWS's range.
        """
        if not _is_count(self.batch_size, 1, _MOST_RECORDS):
            raise ConfigurationError(f"batch_size must be 1 to {_MOST_RECORDS}")
        if not _is_time(self.window, timedelta(0), _LONGEST_WINDOW):
            raise ConfigurationError("window must be a timedelta of 0 to 300 seconds")
        if not _is_count(self.retries, -1, _MOST_RETRIES):
            raise ConfigurationError(f"retries must be 0 to {_MOST_RETRIES}, or -1 for no limit")
        if self.max_age is not None and not _is_time(self.max_age, _LOWEST_AGE, _HIGHEST_AGE):
            raise ConfigurationError(
                "max_age must be a timedelta of 60 seconds to 7 days, or None for no limit"
            )
        if self.source not in get_args(Source):
            raise ConfigurationError(f"source must be one of {', '.join(map(repr, get_args(Source)))}")
        if not _is_count(self.parallelization, 1, _MOST_PARALLEL_BATCHES):
            raise ConfigurationError(f"parallelization must be 1 to {_MOST_PARALLEL_BATCHES}")


def _is_count(setting: object, lowest: int, highest: int) -> bool:
    return isinstance(setting, int) and lowest <= setting <= highest


def _is_time(setting: object, lowest: timedelta, highest: timedelta) -> bool:
    return isinstance(setting, timedelta) and lowest <= setting <= highest


def check_function(handler: object, timeout: object) -> None:
    """Refuse what is no Lambda handler, and what is no timeout.

    Raises:
        ConfigurationError: Lambda could not run it.
    """
    if not callable(handler):
        raise ConfigurationError("handler must be a Lambda handler, such as the app: records come with put()")
    if not _is_time(timeout, timedelta(milliseconds=1), _LONGEST_TIMEOUT):
        raise ConfigurationError("timeout must be a timedelta of up to 90 minutes, as timedelta(seconds=3)")
