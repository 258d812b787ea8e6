"""The consequences of a failure: a line in the log, a counted attempt, and in the end a dead letter."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from .._async import finish, is_failure
from .._errors import ConfigurationError, DeadLetterError, InvalidRecordError, PartialFailure, format_path
from .._logs import NOT_DEAD_LETTERED, describe, describe_beside, is_about, logger
from .._records import AnyRecord, DeadLetter, UnreadableRecord, shown_table
from .._tuples import NamedTuple
from ._dead_letters import DeadLetters, DeadLetterSink
from ._entries import OF_RECORD, Entry
from ._journal import Journal
from ._report import Outcome
from ._settings import Settings


class Failure(NamedTuple):
    """A failure of one handler for one record, or for the records of one item of which it takes the last.

    Attributes:
        entries: The records. Attempts are counted by the first, and the dead letter has the last.
        handler: The handler's name; `OF_RECORD` if the record failed before any ran.
        error: Why.
        of_store: Whether the app's store failed, which is no attempt of the handler's.
    """

    entries: Sequence[Entry]
    handler: str
    error: BaseException
    of_store: bool = False

    @property
    def entry(self) -> Entry:
        """The first record's entry."""
        return self.entries[0]

    @property
    def record(self) -> AnyRecord:
        """The first record."""
        return self.entry.record

    @property
    def is_invalid(self) -> bool:
        """Whether one of the records itself is invalid."""
        return any(is_about(self.error, entry.record) for entry in self.entries)


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


_MOST_NAMED: Final = 5  # records in a line of the log


def of_single(error: BaseException) -> BaseException:
    """Return the error of a handler of one change: a `PartialFailure` is none of it."""
    if not isinstance(error, PartialFailure):
        return error
    mistake = ConfigurationError(
        "the handler raised PartialFailure, but it takes one change a call: raise the error itself, or"
        " register it with bulk()"
    )
    mistake.__cause__ = error
    return mistake


def retry_or_dead_letter(
    failures: Sequence[Failure], settings: Settings, journal: Journal
) -> Sequence[Outcome]:
    """Log failures of one handler and count the attempts; after the last one, dead-letter the record.

    If the attempts cannot be counted or a letter cannot be sent, the record stays failed and is retried.
    Failures of the store count as nobody's attempt.

    Returns:
        DEAD_LETTERED or FAILED for each.
    """
    dead_letters, deadline = settings.dead_letters, settings.deadline
    attempts: list[Attempt | None] = [None] * len(failures)
    if dead_letters is not None and not failures[0].of_store:
        attempts = _count(failures, dead_letters, journal, deadline.patience)
        for place, attempt in enumerate(attempts):
            if attempt is None or not attempt.is_last:
                continue
            # sending hundreds of letters takes a while
            has_time = place == 0 or not deadline.is_near()
            if not (has_time and _send_letter(failures[place], attempt, settings, dead_letters)):
                attempts[place] = None
                continue
            for entry in failures[place].entries:
                journal.note_dead_letter(entry, failures[place].handler)
    is_dead = [attempt is not None and attempt.is_last for attempt in attempts]
    alive = zip(failures, attempts, strict=True)
    _log_failed([each for each, dead in zip(alive, is_dead, strict=True) if not dead])
    return [Outcome.DEAD_LETTERED if each else Outcome.FAILED for each in is_dead]


def _count(
    failures: Sequence[Failure], dead_letters: DeadLetters, journal: Journal, patience: timedelta
) -> list[Attempt | None]:
    """Return which attempt of each has failed, and note those that are not the last.

    Returns:
        None for each if they cannot be counted, which is logged.
    """
    try:
        last = [_last_attempt(failure, dead_letters) for failure in failures]
        asked = [(each.entry, most - 1) for each, most in zip(failures, last, strict=True)]
        earlier = journal.failed_attempts(asked, failures[0].handler, patience)
        return [
            _note_attempt(failure, Attempt(number + 1, most), dead_letters, journal)
            for failure, number, most in zip(failures, earlier, last, strict=True)
        ]
    except BaseException as problem:
        # a clock may be the user's own code
        if not is_failure(problem):
            raise
        _log_not_dead_lettered(failures, None, problem)
        return [None] * len(failures)


def _last_attempt(failure: Failure, dead_letters: DeadLetters) -> int:
    """Return the number of the last attempt; 1 for a record without an identity, which cannot be counted."""
    if failure.entry.identity is None:
        return 1
    return dead_letters.max_attempts(failure.error, is_invalid=failure.is_invalid)


def _note_attempt(failure: Failure, attempt: Attempt, dead_letters: DeadLetters, journal: Journal) -> Attempt:
    """Note an attempt that is not the last, and return it.

    Those that a record has after the last because it is too young are not counted: they add no marks.
    """
    if not attempt.is_last:
        journal.note_attempt(failure.entry, failure.handler, attempt.number)
    elif dead_letters.is_too_young(failure.record, failure.error, is_invalid=failure.is_invalid):
        return attempt._replace(wait_until=dead_letters.min_age)
    return attempt


def _send_letter(failure: Failure, attempt: Attempt, settings: Settings, dead_letters: DeadLetters) -> bool:
    """Send a dead letter, and log that; False if it cannot be sent."""
    try:
        letter = _letter_of(failure, settings.app, attempt, dead_letters.clock())
        _send(dead_letters.sink, letter, settings.deadline.patience)
    except BaseException as problem:
        # a sink may be the user's own code
        if not is_failure(problem):
            raise
        _log_not_dead_lettered([failure], attempt, problem)
        return False
    _log_dead_lettered(failure, attempt, type(dead_letters.sink).__name__)
    return True


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
        record=failure.entries[-1].record.raw,
    )


def _message_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  # the __str__ of a handler's own exception may raise
        return ""


def log_untried(failures: Iterable[Failure]) -> None:
    """Log failures that are nobody's attempt."""
    _log_failed([(failure, None) for failure in failures])


def _log_failed(failed: Iterable[tuple[Failure, Attempt | None]]) -> None:
    """Log which records failed in which handler, with what kind of error and where in the code.

    Records that failed for the same reason share a line.
    """
    lines: dict[str, list[tuple[Failure, Attempt | None]]] = {}
    for failure, attempt in failed:
        counted = f", {_shown(attempt)}" if attempt else ""
        why = describe_beside(failure.record, failure.error)
        lines.setdefault(f"{counted}: {why}", []).append((failure, attempt))
    for why, each in lines.items():
        failure, attempt = each[0]
        what = f"{_names_of([failure for failure, _ in each])} failed {_place_of(failure)}"
        logger().error("%s%s", what, why, extra=_extra(failure, attempt))
        if failure.handler != OF_RECORD:
            # the message of a handler's own exception may contain an item's values: only for who asks
            logger().debug("%s", what, exc_info=failure.error)


def _log_dead_lettered(failure: Failure, attempt: Attempt, sink: str) -> None:
    what = f"{_name_of(failure.record)} was dead-lettered to {sink} after it failed {_place_of(failure)}"
    why = describe_beside(failure.record, failure.error)
    logger().warning("%s, %s: %s", what, _shown(attempt), why, extra=_extra(failure, attempt))


def _log_not_dead_lettered(
    failures: Sequence[Failure], attempt: Attempt | None, problem: BaseException
) -> None:
    names = _names_of(failures)
    logger().error(NOT_DEAD_LETTERED, names, describe(problem), extra=_extra(failures[0], attempt))


def _names_of(failures: Sequence[Failure]) -> str:
    if len(failures) == 1:
        return _name_of(failures[0].record)
    known = [str(failure.record.identifier) for failure in failures[:_MOST_NAMED]]
    more = len(failures) - len(known)
    return f"{len(failures)} records ({', '.join(known)}{f' and {more} more' if more else ''})"


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
