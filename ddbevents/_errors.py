"""Every error of the library, with what a program needs to know as attributes.

    DDBEventsError
    ├── ConfigurationError      wrong wiring, mostly raised when the module is imported
    ├── InvalidEventError       what Lambda passed is no batch of records
    ├── InvalidRecordError      one record cannot be read
    │   └── InvalidItemError    an attribute is malformed, or the model refuses it
    ├── StoreError              the store of marks cannot be read or written
    ├── TransactionError        the writes a handler asked for cannot be one transaction
    ├── DeadLetterError         a record cannot be put aside
    ├── BatchFailedError        what Lambda sees when the head of a batch failed
    └── Reject                  a handler says that another attempt is no use

No message holds an item's value: a log may be read by more people than the table.
"""

from __future__ import annotations

from typing import Final, Self, TypeAlias

AttributePath: TypeAlias = tuple[str | int, ...]

_LONGEST_NAME: Final = 64


class DDBEventsError(Exception):
    """The base of all errors of this library."""


class ConfigurationError(DDBEventsError):
    """The app is wired wrongly. Raised mostly when a handler is registered; the message names the cure."""


class InvalidEventError(DDBEventsError):
    """The event is no batch of stream records, so there is nothing to answer for."""


class InvalidRecordError(DDBEventsError):
    """A record is not as AWS sends it, or lacks what a handler needs.

    Attributes:
        reason: What is wrong and what to do, without where.
        path: Where in the record: AWS's own field names, attribute names and list indexes, outermost first.
        sequence_number: The record's sequence number, or None while it is unknown.
        index: The record's place in the batch, from 0, or None while it is unknown.
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
        """The record, the path and the reason."""
        places = (self._record(), format_path(self.path), self.reason)
        return ": ".join(place for place in places if place)

    def within(self, *places: str | int, sequence_number: str) -> Self:
        """The same error, its path seen from the record that it belongs to."""
        self.path = (*places, *self.path)
        self.sequence_number = sequence_number
        return self

    def _record(self) -> str:
        if self.sequence_number is not None:
            return f"record {self.sequence_number}"
        return "" if self.index is None else f"record at index {self.index}"


class InvalidItemError(InvalidRecordError):
    """An attribute is malformed, or its item's model refuses it.

    Attributes:
        expected: The type tags that would fit, such as `("S",)`, or `()` where the tag is not what is wrong.
        found: The type tag that was there, or None where there was none.
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
    """The store of marks cannot be read or written. No handler runs unprotected because of it."""


class TransactionError(DDBEventsError):
    """The writes a handler asked for cannot be committed as one transaction. Nothing was written.

    Attributes:
        index: The place of the write that cannot be done among the transaction's, from 0, or None if it is
            none in particular.
        table: That write's table, or None.
    """

    def __init__(self, message: str, *, index: int | None = None, table: str | None = None) -> None:
        super().__init__(message)
        self.index = index
        self.table = table


class DeadLetterError(DDBEventsError):
    """A dead letter cannot be kept, so that its record fails and is delivered again; or a text is not one."""


class Reject(DDBEventsError):  # noqa: N818  # said by a handler, not met by a caller
    """Raised by a handler: no other attempt will help, put the record aside now.

    Without dead letters it is a failure like any other.
    """


class BatchFailedError(DDBEventsError):
    """The first record of a batch of several failed, or a failed record cannot be named.

    Lambda has to see an error here: naming the batch's own first record gives
    `BisectBatchOnFunctionError` nothing to cut, and an identifier that is not in the batch fails it
    without saying why.

    Attributes:
        identifier: What the answer would have named, or None if nothing can be named.
        error: The error of the first record that failed, or None if time ran out before any did.
    """

    def __init__(self, message: str, *, identifier: str | None, error: BaseException | None) -> None:
        super().__init__(message)
        self.identifier = identifier
        self.error = error


def format_path(path: AttributePath) -> str:
    """The path as people write it: `NewImage.lines[2].price`, safe to print and to log."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{_printable(part)}" if text else _printable(part)
    return text


def _printable(name: str) -> str:
    shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
    return shown if shown.isprintable() else ascii(shown)
