"""Records that are put aside: when, and what is kept of them."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from typing import Final, NamedTuple, Protocol, runtime_checkable

from ._errors import ConfigurationError, Reject


class DeadLetter(NamedTuple):
    """A record that failed for good, with all that is needed to look into it and to handle it again.

    Attributes:
        app: The app's name, which begins its marks.
        handler: The name of the handler that failed, or None if the record itself could not be read.
        attempts: How often it failed, this time included.
        error: The type of the last error.
        message: Its message, which may hold values of the item, as the record itself does.
        path: Where in the record, if the error knows.
        failed_at: When, in UTC.
        record: The whole record as AWS sent it.
    """

    app: str
    handler: str | None
    attempts: int
    error: str
    message: str
    path: str | None
    failed_at: datetime
    record: object

    def __repr__(self) -> str:
        """Without the record and the message: a letter may end up in logs."""
        return f"<DeadLetter of {self.app} for {self.handler}: {self.error}, attempt {self.attempts}>"


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
