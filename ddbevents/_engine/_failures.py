"""The consequences of a failure: a line in the log, a counted attempt, and in the end a dead letter."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Final

from .._async import finish, is_failure
from .._errors import DeadLetterError, InvalidRecordError, format_path
from .._logs import NOT_DEAD_LETTERED, describe, describe_beside, is_about, logger
from .._records import AnyRecord, DeadLetter, UnreadableRecord, shown_table
from .._tuples import NamedTuple
from ._dead_letters import DeadLetters, DeadLetterSink
from ._entries import OF_RECORD, Entry
from ._journal import Journal
from ._report import Outcome
from ._settings import Settings


class Failure(NamedTuple):
    """A failure of one handler for one record.

    Attributes:
        entry: The record.
        handler: The handler's name; `OF_RECORD` if the record failed before any ran.
        error: Why.
        of_store: Whether the app's store failed, which is no attempt of the handler's.
    """

    entry: Entry
    handler: str
    error: BaseException
    of_store: bool = False

    @property
    def record(self) -> AnyRecord:
        """The record."""
        return self.entry.record


class Attempt(NamedTuple):
    """A failed attempt.

    Attributes:
        number: Its number, counted from 1 over all deliveries, and not beyond `last`.
        last: The number after which the record is dead-lettered.
        wait_until: The age that the record must reach first; None if it need not.
    """

    number: int
    last: int
    wait_until: timedelta | None = None

    @property
    def is_last(self) -> bool:
        """Whether no further attempt is made."""
        return self.number == self.last and self.wait_until is None


_ONLY_ATTEMPT: Final = Attempt(1, 1)


def retry_or_dead_letter(failure: Failure, settings: Settings, journal: Journal) -> Outcome:
    """Log a failure and count the attempt; after the last one, dead-letter the record.

    If the attempts cannot be counted or the letter cannot be sent, the record stays failed and is retried.
    Failures of the store count as nobody's attempt.

    Returns:
        DEAD_LETTERED or FAILED.
    """
    dead_letters = settings.dead_letters
    if dead_letters is None or failure.of_store:
        _log_failed(failure, None)
        return Outcome.FAILED
    attempt = None
    try:
        attempt = _count(failure, dead_letters, journal, settings.deadline.patience)
        if attempt.is_last:
            letter = _letter_of(failure, settings.app, attempt, dead_letters.clock())
            _send(dead_letters.sink, letter, settings.deadline.patience)
    except BaseException as problem:
        # a sink may be the user's own code
        if not is_failure(problem):
            raise
        _log_not_dead_lettered(failure, attempt, problem)
        attempt = None
    if attempt is None or not attempt.is_last:
        _log_failed(failure, attempt)
        return Outcome.FAILED
    if failure.entry.identity is not None:
        journal.note_dead_letter(failure.entry, failure.handler)
    _log_dead_lettered(failure, attempt, type(dead_letters.sink).__name__)
    return Outcome.DEAD_LETTERED


def _count(failure: Failure, dead_letters: DeadLetters, journal: Journal, patience: timedelta) -> Attempt:
    """Return which attempt has failed, and note it if it is not the last.

    Attempts of a record without an identity cannot be counted, so it has one only. Those that a record has
    after the last because it is too young are not counted: they add no marks.
    """
    entry, handler, error, _ = failure
    is_invalid = is_about(error, entry.record)
    most = dead_letters.max_attempts(error, is_invalid=is_invalid)
    attempt = _ONLY_ATTEMPT
    if most > 1 and entry.identity is not None:
        attempt = Attempt(journal.failed_attempts(entry, handler, most - 1, patience) + 1, most)
    if not attempt.is_last:
        journal.note_attempt(entry, handler, attempt.number)
    elif dead_letters.is_too_young(entry.record, error, is_invalid=is_invalid):
        return attempt._replace(wait_until=dead_letters.min_age)
    return attempt


def _send(sink: DeadLetterSink, letter: DeadLetter, patience: timedelta) -> None:
    try:
        sending = sink.send(letter, patience=patience)
        finish(_within(sending, patience) if isinstance(sending, Awaitable) else sending)
    except DeadLetterError:
        raise
    except Exception as error:  # a sink may be the user's own code
        raise DeadLetterError(f"{type(sink).__name__}.send raised {describe(error)}") from error


async def _within(sending: Awaitable[None], patience: timedelta) -> None:
    """Await an async sink, and cancel it once patience is used up.

    Raises:
        DeadLetterError: It took too long.
    """
    import asyncio  # noqa: PLC0415  # cold start: for async sinks

    limit = asyncio.timeout(patience.total_seconds())
    try:
        async with limit:
            await sending
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise DeadLetterError(
            f"the sink did not end within the {patience.total_seconds():.1f} s that it had: look at what it"
            " waits for, or give the function a longer time-out"
        ) from error


def _letter_of(failure: Failure, app: str, attempt: Attempt, now: datetime) -> DeadLetter:
    error = failure.error
    return DeadLetter(
        app=app,
        handler=failure.handler or None,
        attempts=attempt.number,
        error=type(error).__name__,
        message=_message_of(error),
        path=(format_path(error.path) or None) if isinstance(error, InvalidRecordError) else None,
        failed_at=now,
        record=failure.record.raw,
    )


def _message_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  # the __str__ of a handler's own exception may raise
        return ""


def _log_failed(failure: Failure, attempt: Attempt | None) -> None:
    """Log which record failed in which handler, with what kind of error and where in the code."""
    what = f"{_name_of(failure.record)} failed {_place_of(failure)}"
    counted = f", {_shown(attempt)}" if attempt else ""
    why = describe_beside(failure.record, failure.error)
    logger().error("%s%s: %s", what, counted, why, extra=_extra(failure, attempt))
    if failure.handler != OF_RECORD:
        # the message of a handler's own exception may contain an item's values: only for who asks
        logger().debug("%s", what, exc_info=failure.error)


def _log_dead_lettered(failure: Failure, attempt: Attempt, sink: str) -> None:
    what = f"{_name_of(failure.record)} was dead-lettered to {sink} after it failed {_place_of(failure)}"
    why = describe_beside(failure.record, failure.error)
    logger().warning("%s, %s: %s", what, _shown(attempt), why, extra=_extra(failure, attempt))


def _log_not_dead_lettered(failure: Failure, attempt: Attempt | None, problem: BaseException) -> None:
    name = _name_of(failure.record)
    logger().error(NOT_DEAD_LETTERED, name, describe(problem), extra=_extra(failure, attempt))


def _name_of(record: AnyRecord) -> str:
    name = "a record" if record.identifier is None else f"record {record.identifier}"
    if isinstance(record, UnreadableRecord):
        return name
    table = shown_table(record.raw)
    return f"{name} ({record.kind} of {table})" if table else f"{name} ({record.kind})"


def _place_of(failure: Failure) -> str:
    return f"in {failure.handler}" if failure.handler != OF_RECORD else "before any handler ran"


def _shown(attempt: Attempt) -> str:
    counted = f"attempt {attempt.number} of {attempt.last}"
    if attempt.wait_until is None:
        return counted
    return f"{counted}, retried until the record is {attempt.wait_until.total_seconds():g} s old"


def _extra(failure: Failure, attempt: Attempt | None) -> dict[str, object]:
    return {
        "sequence_number": failure.record.identifier,
        "handler": failure.handler or None,
        "error_type": type(failure.error).__name__,
        "attempt": attempt.number if attempt else None,
    }
