"""Records that are put aside: when, and what is kept of them."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, Protocol, runtime_checkable

from .._errors import ConfigurationError, Reject
from .._records import DeadLetter


@runtime_checkable
class DeadLetterSink(Protocol):
    """Where dead letters go. May be called from several threads."""

    def send(self, letter: DeadLetter) -> Awaitable[None] | None:
        """Keep a letter; when this returns, or what it returns was awaited, it lasts.

        Raises:
            DeadLetterError: It cannot be kept; its record then fails, and nothing is lost.
        """
        ...


class DeadLetters:
    """When a record is put aside, and where.

    A record that is put aside counts as handled: it holds back neither its item nor the shard.
    """

    def __init__(self, sink: DeadLetterSink, *, after: int = 5, after_invalid: int = 1) -> None:
        """Choose where and when.

        Args:
            sink: Where dead letters go.
            after: The number of failed attempts after which a record is put aside. Lambda has to deliver it
                so often: with a `MaximumRetryAttempts` that is not -1 and not more than this number, it may
                discard the record before.
            after_invalid: The same for a record that cannot be read or whose item is invalid, which another
                attempt does not mend.

        Raises:
            ConfigurationError: A number is less than 1, or the sink has no `send`.
        """
        if isinstance(sink, type) or not isinstance(sink, DeadLetterSink):
            raise ConfigurationError("sink must be an instance of a class with the method of DeadLetterSink")
        _check_number("after", after)
        _check_number("after_invalid", after_invalid)
        self.sink: Final = sink
        self._after = after
        self._after_invalid = after_invalid

    def with_sink(self, sink: DeadLetterSink) -> DeadLetters:
        """The same policy with another sink.

        Raises:
            ConfigurationError: The sink has no `send`.
        """
        return DeadLetters(sink, after=self._after, after_invalid=self._after_invalid)

    def max_attempts(self, error: BaseException, *, is_invalid: bool) -> int:
        """How many failed attempts there may be: by the error, and whether the record itself is invalid."""
        if isinstance(error, Reject):
            return 1
        return self._after_invalid if is_invalid else self._after


def _check_number(name: str, number: object) -> None:
    if not isinstance(number, int) or number < 1:
        raise ConfigurationError(f"{name} must be a whole number of attempts, at least 1")
