"""When a record is dead-lettered, and where its dead letter goes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, Protocol, runtime_checkable

from .._errors import ConfigurationError, InvalidRecordError, Reject
from .._records import AnyRecord, DeadLetter, StreamRecord
from ._deadline import check_patience
from ._stores import utc_now


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
_RETENTION: Final = timedelta(hours=24)  # of a table's stream


class DeadLetters:
    """When a record is dead-lettered, and where it goes.

    A dead-lettered record counts as handled: it holds back neither its item nor the shard.

    Attributes:
        sink: Where dead letters go.
        min_age: How old a record must be before `after` failed attempts dead-letter it.
        clock: Returns the current time, in UTC.
    """

    def __init__(
        self,
        sink: DeadLetterSink,
        *,
        after: int = 5,
        after_invalid: int = 1,
        min_age: timedelta = timedelta(0),
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """Choose where and when.

        Args:
            sink: Where dead letters go.
            after: The number of failed attempts after which a record is dead-lettered. Lambda has to deliver
                it that often: with a `MaximumRetryAttempts` other than -1 that is not greater than this, it
                may discard the record before.
            after_invalid: The same for a record that cannot be read or whose item is invalid: another
                attempt would not help.
            min_age: How old a record must be, counted from the change of its item, before `after` failed
                attempts dead-letter it. Younger ones are retried, so that an outage that ends in this time
                dead-letters nothing. `Reject` and `after_invalid` do not wait, and neither does a record
                without a creation time.
            clock: Returns the current time, in UTC.

        Raises:
            ConfigurationError: A number is less than 1, `min_age` is negative or not shorter than the 24
                hours for which a stream keeps a record, or the sink has no `send` that takes `patience`.
        """
        if isinstance(sink, type) or not callable(getattr(sink, "send", None)):
            raise ConfigurationError("sink must be an instance of a class with the method of DeadLetterSink")
        check_patience("sink", sink, _SEND)
        _check_number("after", after)
        _check_number("after_invalid", after_invalid)
        _check_min_age(min_age)
        self.sink: Final = sink
        self.min_age: Final = min_age
        self.clock: Final = clock
        self._after = after
        self._after_invalid = after_invalid

    def with_sink(self, sink: DeadLetterSink) -> DeadLetters:
        """Return the same policy with another sink.

        Raises:
            ConfigurationError: The sink has no `send` that takes `patience`.
        """
        return DeadLetters(
            sink,
            after=self._after,
            after_invalid=self._after_invalid,
            min_age=self.min_age,
            clock=self.clock,
        )

    def max_attempts(self, error: BaseException, *, is_invalid: bool) -> int:
        """Return the number of failed attempts after which the record is dead-lettered.

        Args:
            error: Why it failed this time.
            is_invalid: Whether the record itself is invalid.
        """
        if isinstance(error, Reject):
            return 1
        return self._after_invalid if is_invalid else self._after

    def is_too_young(self, record: AnyRecord, error: BaseException, *, is_invalid: bool) -> bool:
        """Return whether the record is younger than `min_age`, and so retried also after its last attempt.

        Args:
            record: The record.
            error: Why it failed this time.
            is_invalid: Whether the record itself is invalid.
        """
        if (
            not self.min_age
            or is_invalid
            or isinstance(error, Reject)
            or not isinstance(record, StreamRecord)
        ):
            return False
        created_at = _created_at(record)
        # clocks differ by a little, and a moment far in the future says nothing about the age
        return created_at is not None and abs(self.clock() - created_at) < self.min_age


def _created_at(record: StreamRecord) -> datetime | None:
    try:
        return record.created_at
    except InvalidRecordError:
        return None


def _check_min_age(min_age: object) -> None:
    if not isinstance(min_age, timedelta) or min_age < timedelta(0):
        raise ConfigurationError(
            "min_age must be a timedelta, and not negative: write timedelta(seconds=...)"
        )
    if min_age >= _RETENTION:
        raise ConfigurationError(
            "min_age must be shorter than the 24 hours for which a stream keeps a record: timedelta(1) is a"
            " day, so write timedelta(seconds=...)"
        )


def _check_number(name: str, number: object) -> None:
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ConfigurationError(f"{name} must be a whole number of attempts, at least 1")
