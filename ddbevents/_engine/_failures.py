"""What a failure leads to: a line in the log, a counted attempt, and in the end a dead letter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple, TypeGuard

from .._async import finish, is_failure
from .._errors import InvalidRecordError, format_path
from .._logs import describe, logger
from .._records import DeadLetter, StreamRecord, UnreadableRecord, table_of
from ._dead_letters import DeadLetters
from ._ledger import Ledger, Task
from ._report import Outcome


class Failure(NamedTuple):
    """A record that failed, in one of its handlers or before.

    Attributes:
        place: The record's place in the batch.
        record: The record.
        handler: The handler's name; None if none ran.
        error: Why.
        of_store: Whether it is the app's store that failed, and no attempt of the handler's.
    """

    place: int
    record: StreamRecord | UnreadableRecord
    handler: str | None
    error: BaseException
    of_store: bool = False

    @property
    def task(self) -> Task | None:
        """What failed, as the ledger knows it; None for a record without identity."""
        if self.handler is not None and isinstance(self.record, StreamRecord):
            return self.handler, self.record.event_id
        return None if self.record.identifier is None else ("", self.record.identifier)


def give_up(failure: Failure, app: str, dead_letters: DeadLetters | None, ledger: Ledger) -> Outcome:
    """Count a failure and log it; put the record aside after the last attempt there may be.

    A store or a sink that fails, in whatever way, leaves the record failed, to be delivered again. The
    store's own failures are nobody's attempts.

    Returns:
        DEAD_LETTERED or FAILED.
    """
    if dead_letters is None or failure.of_store:
        _log_failed(failure, None)
        return Outcome.FAILED
    attempt = None
    try:
        attempt = _count(failure, _max_attempts(failure, dead_letters), ledger)
        if attempt.is_last:
            finish(dead_letters.sink.send(_letter(failure, app, attempt.number)))
    except BaseException as problem:
        # a sink may be the user's own code
        if not is_failure(problem):
            raise
        said = "%s cannot be dead-lettered, and is delivered again: %s"
        logger().error(said, _named(failure), describe(problem), extra=_extra(failure, attempt))
        attempt = None
    if attempt is None or not attempt.is_last:
        _log_failed(failure, attempt)
        return Outcome.FAILED
    if failure.task is not None:
        ledger.put_aside(failure.place, failure.task)
    _log_dead_lettered(failure, attempt, type(dead_letters.sink).__name__)
    return Outcome.DEAD_LETTERED


def _max_attempts(failure: Failure, dead_letters: DeadLetters) -> int:
    is_invalid = _is_about(failure.error, failure.record)
    return dead_letters.max_attempts(failure.error, is_invalid=is_invalid)


class _Attempt(NamedTuple):
    number: int
    most: int

    @property
    def is_last(self) -> bool:
        return self.number >= self.most

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.most}"


def _count(failure: Failure, most: int, ledger: Ledger) -> _Attempt:
    """Which attempt failed; it is noted if there are more to come.

    A record without identity cannot be counted, and has one.
    """
    if most == 1 or failure.task is None:
        return _Attempt(1, 1)
    attempt = _Attempt(ledger.failed_attempts(failure.task, most - 1) + 1, most)
    if not attempt.is_last:
        ledger.add_attempt(failure.place, failure.task, attempt.number)
    return attempt


def _letter(failure: Failure, app: str, attempts: int) -> DeadLetter:
    error = failure.error
    return DeadLetter(
        app=app,
        handler=failure.handler,
        attempts=attempts,
        error=type(error).__name__,
        message=_message(error),
        path=(format_path(error.path) or None) if isinstance(error, InvalidRecordError) else None,
        failed_at=datetime.now(UTC),
        record=failure.record.raw,
    )


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  # an exception of the user's may not be able to tell itself
        return ""


def describe_beside(record: StreamRecord | UnreadableRecord, error: BaseException) -> str:
    """What can be said of an exception, without the record that it names where that is the one beside it."""
    if not _is_about(error, record):
        return describe(error)
    return ": ".join(filter(None, (type(error).__name__, format_path(error.path), error.reason)))


def _is_about(error: BaseException, record: StreamRecord | UnreadableRecord) -> TypeGuard[InvalidRecordError]:
    """Whether the record itself is invalid, rather than another that its handler read or wrote."""
    if not isinstance(error, InvalidRecordError):
        return False
    return isinstance(record, UnreadableRecord) or error.sequence_number == record.sequence_number


def _log_failed(failure: Failure, attempt: _Attempt | None) -> None:
    """One line for who is on call: which record, which handler, what kind of error and where it was."""
    said = f"{_named(failure)} failed {_where(failure)}"
    counted = f", {attempt}" if attempt else ""
    logger().error(
        "%s%s: %s",
        said,
        counted,
        describe_beside(failure.record, failure.error),
        extra=_extra(failure, attempt),
    )
    if failure.handler is not None:
        # the message of a handler's own exception may hold an item's values: only for who asks
        logger().debug("%s", said, exc_info=failure.error)


def _log_dead_lettered(failure: Failure, attempt: _Attempt, sink: str) -> None:
    said = f"{_named(failure)} is dead-lettered to {sink}, for it failed {_where(failure)}, {attempt}"
    logger().warning(
        "%s: %s", said, describe_beside(failure.record, failure.error), extra=_extra(failure, attempt)
    )


def _named(failure: Failure) -> str:
    record = failure.record
    named = "a record" if record.identifier is None else f"record {record.identifier}"
    if isinstance(record, UnreadableRecord):
        return named
    table = table_of(record.raw.get("eventSourceARN"))
    return f"{named} ({record.kind} of {table})" if table else f"{named} ({record.kind})"


def _where(failure: Failure) -> str:
    return "before any handler ran" if failure.handler is None else f"in {failure.handler}"


def _extra(failure: Failure, attempt: _Attempt | None) -> dict[str, object]:
    return {
        "sequence_number": failure.record.identifier,
        "handler": failure.handler,
        "error_type": type(failure.error).__name__,
        "attempt": attempt.number if attempt else None,
    }
