"""What a failure leads to: a line in the log, a counted attempt, and in the end a dead letter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from ._dead_letter import DeadLetter, DeadLetters
from ._errors import StoreError, describe, format_path
from ._ledger import Ledger, Task
from ._records import StreamRecord, UnreadableRecord

if TYPE_CHECKING:
    from logging import Logger


class Failure(NamedTuple):
    """A record that failed, in one of its handlers or before.

    Attributes:
        place: The record's place in the batch.
        record: The record.
        handler: The handler's name; None if none ran.
        error: Why.
    """

    place: int
    record: StreamRecord | UnreadableRecord
    handler: str | None
    error: BaseException

    @property
    def task(self) -> Task | None:
        """What failed, as the ledger knows it; None for a record without identity."""
        if self.handler is not None and isinstance(self.record, StreamRecord):
            return self.handler, self.record.event_id
        return None if self.record.identifier is None else ("", self.record.identifier)


def put_aside_if_last(failure: Failure, app: str, dead_letters: DeadLetters | None, ledger: Ledger) -> bool:
    """Count a failure, and put the record aside after the last attempt there may be.

    A store or a sink that fails, in whatever way, leaves the record failed, to be delivered again. The
    store's own failures are nobody's attempts.
    """
    if dead_letters is None or isinstance(failure.error, StoreError):
        return False
    try:
        attempts = _note_attempt(failure, dead_letters.max_attempts(failure.error), ledger)
        if attempts is None:
            return False
        dead_letters.sink.send(_letter(failure, app, attempts))
    except Exception as problem:  # noqa: BLE001  # a sink may be the user's own code
        said = "%s cannot be put aside, and is delivered again: %s"
        logger().error(said, _named(failure), describe(problem), extra=_extra(failure))
        return False
    if failure.task is not None:
        ledger.put_aside(failure.place, failure.task)
    said = "%s is put aside, for it failed %s: %s"
    logger().warning(said, _named(failure), _where(failure), describe(failure.error), extra=_extra(failure))
    return True


def _note_attempt(failure: Failure, most: int, ledger: Ledger) -> int | None:
    """How many attempts failed, this one included, if no more are left.

    A record without identity cannot be counted, and has one.
    """
    if most == 1 or failure.task is None:
        return 1
    attempts = ledger.failed_attempts(failure.task, most - 1) + 1
    if attempts >= most:
        return attempts
    ledger.add_attempt(failure.place, failure.task, attempts)
    return None


def _letter(failure: Failure, app: str, attempts: int) -> DeadLetter:
    error = failure.error
    return DeadLetter(
        app=app,
        handler=failure.handler,
        attempts=attempts,
        error=type(error).__name__,
        message=str(error),
        path=format_path(getattr(error, "path", ())) or None,
        failed_at=datetime.now(UTC),
        record=failure.record.raw,
    )


def log_failure(failure: Failure) -> None:
    """One line for who is on call: which record, which handler, what kind of error and where it was."""
    record, where, error = _named(failure), _where(failure), failure.error
    logger().error("%s failed %s: %s", record, where, describe(error), extra=_extra(failure))
    if failure.handler is not None:
        # the message of a handler's own exception may hold an item's values: only for who asks
        logger().debug("%s failed %s", record, where, exc_info=error)


def _named(failure: Failure) -> str:
    number = failure.record.identifier
    return "a record" if number is None else f"record {number}"


def _where(failure: Failure) -> str:
    return "before any handler ran" if failure.handler is None else f"in {failure.handler}"


def _extra(failure: Failure) -> dict[str, str | None]:
    return {
        "sequence_number": failure.record.identifier,
        "handler": failure.handler,
        "error_type": type(failure.error).__name__,
    }


def logger() -> Logger:
    """The library's logger."""
    import logging  # noqa: PLC0415  # cold start: only failures are logged

    return logging.getLogger("ddbevents")
