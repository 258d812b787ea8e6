"""When a record is dead-lettered, and where its dead letter goes."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import timedelta
from typing import Final, Protocol, runtime_checkable

from .._errors import ConfigurationError, Reject
from .._records import DeadLetter
from ._deadline import check_patience


@runtime_checkable
class DeadLetterSink(Protocol):
    """Where dead letters go. May be called from several threads."""

    def send(self, letter: DeadLetter, *, patience: timedelta) -> Awaitable[None] | None:
        """Keep a letter. It must be durable when this returns, or when its result was awaited.

        Args:
            letter: The letter.
            patience: How long sending may take, with all its requests, tries and waits: half of the time that
                the function has left, and 5 seconds at most. An awaitable that takes longer is cancelled.

        Raises:
            DeadLetterError: It cannot be kept. Its record then fails and is retried, so nothing is lost.
        """
        ...


_SEND: Final = {"send": "letter"}


class DeadLetters:
    """When a record is dead-lettered, and where it goes.

    A dead-lettered record counts as handled: it holds back neither its item nor the shard.
    """

    def __init__(self, sink: DeadLetterSink, *, after: int = 5, after_invalid: int = 1) -> None:
        """Choose where and when.

        Args:
            sink: Where dead letters go.
            after: The number of failed attempts after which a record is dead-lettered. Lambda has to deliver
                it that often: with a `MaximumRetryAttempts` other than -1 that is not greater than this, it
                may discard the record before.
            after_invalid: The same for a record that cannot be read or whose item is invalid: another
                attempt would not help.

        Raises:
            ConfigurationError: A number is less than 1, or the sink has no `send` that takes `patience`.
        """
        if isinstance(sink, type) or not callable(getattr(sink, "send", None)):
            raise ConfigurationError("sink must be an instance of a class with the method of DeadLetterSink")
        check_patience("sink", sink, _SEND)
        _check_number("after", after)
        _check_number("after_invalid", after_invalid)
        self.sink: Final = sink
        self._after = after
        self._after_invalid = after_invalid

    def with_sink(self, sink: DeadLetterSink) -> DeadLetters:
        """Return the same policy with another sink.

        Raises:
            ConfigurationError: The sink has no `send` that takes `patience`.
        """
        return DeadLetters(sink, after=self._after, after_invalid=self._after_invalid)

    def max_attempts(self, error: BaseException, *, is_invalid: bool) -> int:
        """Return the number of failed attempts after which the record is dead-lettered.

        Args:
            error: Why it failed this time.
            is_invalid: Whether the record itself is invalid.
        """
        if isinstance(error, Reject):
            return 1
        return self._after_invalid if is_invalid else self._after


def _check_number(name: str, number: object) -> None:
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ConfigurationError(f"{name} must be a whole number of attempts, at least 1")
