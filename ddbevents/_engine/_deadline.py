"""The time that a batch has left, and whether it is enough to begin another record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from inspect import Parameter, signature
from math import inf
from typing import Final

from .._errors import ConfigurationError

_LONGEST_PATIENCE: Final = 5.0
_BY_NAME: Final = frozenset({Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY})


class Deadline:
    """Learns from the batch how long a record may take.

    Measured on the real runtime client: a function that runs into its timeout checkpoints nothing, so Lambda
    runs the whole batch again.
    """

    def __init__(self, milliseconds_left: Callable[[], int] | None, reserve: timedelta) -> None:
        """Begin with what is known before the first record.

        Args:
            milliseconds_left: Asks Lambda's context; None if there is no deadline.
            reserve: The time to keep in hand at least.
        """
        self._milliseconds_left = milliseconds_left
        self._reserve = reserve.total_seconds()
        self._slowest_record = 0.0
        self._slowest_flush = 0.0

    def note_record(self, seconds: float) -> None:
        """Learn how long a record took."""
        self._slowest_record = max(self._slowest_record, seconds)

    def note_flush(self, seconds: float) -> None:
        """Learn how long it took to write to the store."""
        self._slowest_flush = max(self._slowest_flush, seconds)

    def is_near(self) -> bool:
        """Return whether another record might not end in time, if it took twice as long as the slowest."""
        if self._milliseconds_left is None:
            return False
        return self._seconds_left() < max(self._reserve, 2 * self._slowest_record + self._slowest_flush)

    @property
    def patience(self) -> timedelta:
        """How long a store or a sink may take: half of the time left, and at most five seconds."""
        return timedelta(seconds=max(0.0, min(_LONGEST_PATIENCE, self._seconds_left() / 2)))

    def _seconds_left(self) -> float:
        return inf if self._milliseconds_left is None else self._milliseconds_left() / 1000


def check_patience(argument: str, given: object, methods: Mapping[str, str]) -> None:
    """Refuse a store or a sink with a method that cannot be told how long it may take.

    Args:
        argument: The name of the argument that it was given as.
        given: The store or the sink.
        methods: The names of its methods, each with its other parameters as text. It need not have them all.

    Raises:
        ConfigurationError: A method does not take `patience` by name.
    """
    for name, parameters in methods.items():
        method = getattr(given, name, None)
        if callable(method) and not _takes_patience(method):
            raise ConfigurationError(
                f"{argument}: {type(given).__name__}.{name} does not take `patience`, the time that it may"
                f" take: write `def {name}(self, {parameters}, *, patience: timedelta)`, and end within it"
            )


def _takes_patience(method: Callable[..., object]) -> bool:
    try:
        parameters = signature(method).parameters
    except ValueError:
        return True  # it is written in C and does not say
    found = parameters.get("patience")
    if found is not None and found.kind in _BY_NAME:
        return True
    return any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values())
