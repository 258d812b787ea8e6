"""The errors of the library. Their attributes hold what a program needs to know.

    DDBEventsError
    ├── ConfigurationError      wrong wiring, mostly raised when the module is imported
    ├── InvalidEventError       the event is no batch of records
    ├── InvalidRecordError      a record cannot be read
    │   └── InvalidItemError    an attribute is malformed, or the model refuses it
    ├── StoreError              the idempotency store cannot be read or written
    ├── TransactionError        a handler's writes cannot be committed as one transaction
    ├── DeadLetterError         a record cannot be dead-lettered
    ├── SourceError             records cannot be fetched, or an export is damaged
    ├── BatchFailedError        Lambda sees this when the first record of a batch failed
    ├── Reject                  a handler says that another attempt will not help
    └── PartialFailure          a bulk handler says which of its changes failed

No message contains an item's value, since more people may read a log than the table.
"""

from __future__ import annotations

from typing import Final, Self, TypeAlias

AttributePath: TypeAlias = tuple[str | int, ...]

_LONGEST_NAME: Final = 64
LONGEST_LABEL: Final = 255  # of a table's name, and more than a handler's has


class DDBEventsError(Exception):
    """The base of all errors of this library."""


class ConfigurationError(DDBEventsError):
    """The app is wired wrongly. Mostly raised when a handler is registered; the message names the cure."""


class InvalidEventError(DDBEventsError):
    """The event is no batch of records that an app reads, so no partial answer is possible."""


class InvalidRecordError(DDBEventsError):
    """A record is not as AWS sends it, or lacks what a handler needs.

    Attributes:
        reason: What is wrong and what to do.
        path: Where in the record: AWS's field names, attribute names and list indexes, outermost first.
        sequence_number: The record's sequence number, or None if it is unknown.
        index: The record's place in the batch, from 0, or None if it is unknown.
    """

    def __init__(
        self,
        reason: str,
        *,
        path: AttributePath = (),
        sequence_number: str | None = None,
        index: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: AttributePath = path
        self.sequence_number = sequence_number
        self.index = index

    def __str__(self) -> str:
        """Show the record, the path and the reason."""
        places = (self._record(), format_path(self.path), self.reason)
        return ": ".join(place for place in places if place)

    def within(self, *places: str | int, sequence_number: str) -> Self:
        """Return this error with its path extended to begin at the record, and the record's number."""
        self.path = (*places, *self.path)
        self.sequence_number = sequence_number
        return self

    def _record(self) -> str:
        if self.sequence_number:
            return f"record {self.sequence_number}"
        return "" if self.index is None else f"record at index {self.index}"


class InvalidItemError(InvalidRecordError):
    """An attribute is malformed, or its item's model refuses it.

    Attributes:
        expected: The type tags that would fit, for example `("S",)`; `()` if the tag is not the problem.
        found: The type tag that was found, or None if there was none.
    """

    def __init__(
        self,
        reason: str,
        *,
        path: AttributePath = (),
        expected: tuple[str, ...] = (),
        found: str | None = None,
    ) -> None:
        super().__init__(reason, path=path)
        self.expected = expected
        self.found = found


class StoreError(DDBEventsError):
    """The idempotency store cannot be read or written. No handler runs unprotected because of it."""


class TransactionError(DDBEventsError):
    """A handler's writes cannot be committed as one transaction. Nothing was written.

    Attributes:
        index: The place of the offending write in the transaction, from 0, or None if there is no single
            one.
        table: The table of that write, or None.
    """

    def __init__(self, message: str, *, index: int | None = None, table: str | None = None) -> None:
        super().__init__(message)
        self.index = index
        self.table = table


class UnknownKeyError(TransactionError):
    """A local store does not know a table's key. It is the context of a `TransactionError`, never alone."""


class DeadLetterError(DDBEventsError):
    """A dead letter cannot be sent, so its record fails and is retried; or a text is no dead letter."""


class SourceError(DDBEventsError):
    """Records cannot be fetched from where they are, or an export does not match its manifest.

    Attributes:
        place: The shard, object or file at fault, or None if there is no single one.
    """

    def __init__(self, message: str, *, place: str | None = None) -> None:
        super().__init__(message)
        self.place = place


class Reject(DDBEventsError):  # noqa: N818  # raised by handlers, never caught by callers
    """Raised by a handler to dead-letter the record now, since another attempt will not help.

    Without dead letters it is a failure like any other.
    """


class PartialFailure(DDBEventsError):  # noqa: N818  # raised by handlers, never caught by callers
    """Raised by a bulk handler: some of its changes failed, and all the others are done.

    Later changes of the same items in that call count as not done too, so that a retry keeps their order. It
    is true if it has a change, so a handler ends with `if failure: raise failure`.

    Attributes:
        failures: The failed changes, each with its error, in the order in which they were added.
    """

    def __init__(self) -> None:
        super().__init__("some changes of a bulk handler failed")
        self.failures: list[tuple[object, BaseException | None]] = []

    def add(self, change: object, error: BaseException | None = None) -> None:
        """Add a change that failed.

        Args:
            change: The change itself, as the handler got it.
            error: Why, for the log and the dead letter. With a `Reject` the record is dead-lettered now.
        """
        self.failures.append((change, error))

    def __bool__(self) -> bool:
        """Whether a change was added."""
        return bool(self.failures)


class BatchFailedError(DDBEventsError):
    """The first record of a batch of several failed, or a failed record has no identifier.

    Lambda has to see an error here: an answer that names the batch's first record leaves
    `BisectBatchOnFunctionError` nothing to cut, and one with an unknown identifier fails the batch without
    saying why.

    Attributes:
        identifier: The identifier that the answer would have named; None if there is none.
        error: The error of the first failed record; None if time ran out before any failed.
    """

    def __init__(self, message: str, *, identifier: str | None, error: BaseException | None) -> None:
        super().__init__(message)
        self.identifier = identifier
        self.error = error


def format_path(path: AttributePath) -> str:
    """Return the path as people write it, `NewImage.lines[2].price`, safe to print and to log."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{printable(part)}" if text else printable(part)
    return text


def printable(text: str, *, longest: int = _LONGEST_NAME) -> str:
    """Return text from outside so that it can be printed and logged: cut, and escaped if need be.

    A control character would forge lines of a log or move a terminal's cursor, and text may be 6 MB long.
    """
    shown = _cut(text, longest)
    return shown if shown.isprintable() else ascii(shown)


def quoted(text: str, *, longest: int = _LONGEST_NAME) -> str:
    """Return text from outside in quotes, cut and escaped as `printable` does."""
    return repr(_cut(text, longest))


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"
