"""The work of a batch: its records, the handlers that take them, and what has happened to each so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final, NoReturn, Protocol, TypeAlias

from .._errors import InvalidRecordError, SourceError
from .._records import AnyRecord, Columns, StreamRecord, UnreadableRecord
from .._transaction import Transaction
from ._report import BatchReport, IgnoredRecord, Outcome, RecordReport, WhyNot, worst_of
from ._settings import Settings

Task: TypeAlias = tuple[str, str | None]
"""A handler's name and the identity of the record that it handles."""

OF_RECORD: Final = ""
"""Stands for a handler's name where the record itself fails, before any handler runs."""

_NAME: Final = attrgetter("name")
_NOT_RUN: Final = Outcome.NOT_RUN  # a global is found sooner than an enum's member, for each record
_FAILED: Final = Outcome.FAILED


class Bulk(Protocol):
    """How a handler takes changes in the second pass of a batch."""

    @property
    def most(self) -> int:
        """The largest number of changes a call."""
        ...

    @property
    def isolate(self) -> bool:
        """Whether a call that fails is halved until the change is found that makes it fail."""
        ...

    @property
    def takes_list(self) -> bool:
        """Whether it takes a list. If not, it is called with each change alone."""
        ...

    @property
    def is_latest(self) -> bool:
        """Whether it takes each item once, in its last state."""
        ...


class Handler(Protocol):
    """A handler as the engine knows it."""

    @property
    def name(self) -> str:
        """Its name, which its marks contain."""
        ...

    @property
    def transactional(self) -> bool:
        """Whether it takes a transaction, which is committed together with its mark."""
        ...

    @property
    def bulk(self) -> Bulk | None:
        """How it takes changes in the second pass; None if it takes one record after the other."""
        ...

    def run(self, record: Any, transaction: Transaction | None = None, /) -> bool:
        """Call it with the record of its entry, and wait for its end.

        Returns:
            False if a middleware suppressed its exception.
        """
        ...

    def read(self, records: Sequence[Any], /) -> Any:
        """Return the change that it gets of a record; a `Latest` of several records of one item.

        Raises:
            InvalidRecordError: One of them lacks what it needs, or holds no such item.
        """
        ...

    def call(self, change: Any, /) -> bool:
        """Call it with a change, or a list of them, and wait for its end, as `run` does."""
        ...


Step: TypeAlias = tuple[str, Callable[..., Any], Callable[..., object], Callable[[Any], None]]
"""A plain handler of a usual record: its name, what reads the change, given the record and its `dynamodb`
object, the function, and what is called with its result unless that is None. Handlers with the same reader
share the change."""

Steps: TypeAlias = Sequence[Step]
"""The handlers that take one record, in order."""


class Dispatch(Protocol):
    """How records find their handlers."""

    def taking(self, record: StreamRecord) -> Sequence[Handler]:
        """Return the handlers that take a record, in order of registration, each once.

        Raises:
            InvalidRecordError: That is undecidable.
        """
        ...

    def bulk_handlers(self) -> Mapping[str, Bulk]:
        """Return the handlers of the second pass by name, in order of registration."""
        ...

    def following(self, handler: str, record: StreamRecord) -> Handler | None:
        """Return a handler of the last states of items, for a record of an item that it takes in the batch.

        Returns:
            None if the record says nothing about the item as the handler sees it.
        """
        ...

    def steps_of(self, columns: Columns) -> Sequence[Steps] | None:
        """Return the handlers of each record of a usual batch.

        Returns:
            None if one goes to other handlers than plain ones, or it is undecidable where it goes.
        """
        ...


class _Invalid:
    """In place of the handlers of an invalid record: raises the reason as soon as it runs."""

    __slots__ = ("_error",)

    def __init__(self, error: InvalidRecordError | SourceError) -> None:
        self._error = error

    @property
    def name(self) -> str:
        return OF_RECORD

    @property
    def transactional(self) -> bool:
        return False

    @property
    def bulk(self) -> None:
        return None

    def run(self, *_: object) -> NoReturn:
        raise self._error

    read = call = run


class Entry:
    """A record with its handlers, and the facts about them as they become known.

    Nothing is reported while the batch runs: a flush or a transaction that fails later still changes the
    facts. `report` derives what users see from them, once, at the end.

    Attributes:
        record: The record.
        handlers: The handlers that take it. Emptied when they are through, since they share decoded items.
        bulk: Those that take it in the second pass, each with how it takes changes.
        identity: What marks know the record by; None if nothing in it is readable enough.
        invalid: Why the record fails before any handler can run; None if it is valid.
        outcomes: By handler, in order of registration; all begin as NOT_RUN.
        error: The error to report: of the first handler that failed, else of the last that was dead-lettered.
        seconds: How long the handlers took.
    """

    __slots__ = ("bulk", "error", "handlers", "identity", "invalid", "outcomes", "record", "seconds")

    def __init__(
        self,
        record: AnyRecord,
        handlers: Sequence[Handler],
        identity: str | None,
        invalid: InvalidRecordError | SourceError | None = None,
    ) -> None:
        self.record = record
        self.handlers = handlers
        self.bulk: Sequence[tuple[Handler, Bulk]] = ()
        self.identity = identity
        self.invalid = invalid
        self.outcomes: dict[str, Outcome] = dict.fromkeys(map(_NAME, handlers), _NOT_RUN)
        self.error: BaseException | None = None
        self.seconds = 0.0

    @property
    def is_letter(self) -> bool:
        """Whether the record came in a dead letter."""
        return isinstance(self.record, StreamRecord) and self.record.letter is not None

    def fail(self, handler: str, outcome: Outcome, error: BaseException) -> None:
        """Note that a handler failed, or was dead-lettered."""
        if _FAILED not in self.outcomes.values():
            self.error = error
        self.outcomes[handler] = outcome

    def report(self, why_not: WhyNot | None) -> RecordReport:
        """Return the record's report, as the facts are now.

        Args:
            why_not: Returns why no handler takes the record, if somebody asks.
        """
        outcomes = self.outcomes
        handlers = tuple(outcomes.items())
        if not handlers:
            return IgnoredRecord.of(self.record, why_not)
        outcome = handlers[0][1] if len(handlers) == 1 else worst_of(outcomes.values())
        if OF_RECORD in outcomes:
            handlers = tuple([pair for pair in handlers if pair[0] != OF_RECORD])
        return RecordReport(self.record, outcome, handlers, self.error, self.seconds)


def entry_of(record: AnyRecord, dispatch: Dispatch) -> Entry:
    """Return a record's entry; if it is unreadable or cannot be routed, one that fails for that reason."""
    if isinstance(record, UnreadableRecord):
        return _invalid_entry(record, record.error)
    try:
        return Entry(record, dispatch.taking(record), record.event_id)
    except InvalidRecordError as error:
        return _invalid_entry(record, error)


def all_transactional(handlers: Iterable[Handler]) -> bool:
    """Return whether all of a record's handlers take a transaction."""
    return all(handler.transactional for handler in handlers)


def tasks_of(entries: Iterable[Entry]) -> Mapping[Task, None]:
    """Return the tasks of entries, each once, in order."""
    return {(name, entry.identity): None for entry in entries for name in entry.outcomes}


def report_of(
    entries: Iterable[Entry], settings: Settings, seconds: float, finished_at: float
) -> BatchReport:
    """Return the report of a batch, as the facts are now.

    Args:
        entries: Its records.
        settings: Its settings.
        seconds: How long it took.
        finished_at: When it ended, in seconds since 1970.
    """
    reports = tuple([entry.report(settings.why_not) for entry in entries])
    return BatchReport(reports, seconds, datetime.fromtimestamp(finished_at, UTC), settings.delivery)


def _invalid_entry(record: AnyRecord, error: InvalidRecordError | SourceError) -> Entry:
    return Entry(record, (_Invalid(error),), record.identifier, error)
