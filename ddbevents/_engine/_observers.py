"""Observers: what an app runs around its batches and the calls of its handlers. They can change neither.

Imported by apps that are observed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from types import TracebackType
from typing import Any, Final, Generic, TypeVar

from .._async import is_failure
from .._logs import describe, logger
from .._records import Columns, Event, StreamRecord
from .._transaction import Transaction
from ._batch import process_batch
from ._entries import Bulk, Dispatch, Handler
from ._report import BatchRun
from ._settings import Settings
from ._watch import CallObserver, HandlerCall, ObservedBatch, Observer

_FETCHED: Final = frozenset({"queue", "topic", "bucket"})
SeenT = TypeVar("SeenT")
ValueT = TypeVar("ValueT")


def process_observed(
    observers: Iterable[Observer], event: Event, dispatch: Dispatch, settings: Settings
) -> BatchRun:
    """Run a batch within its observers, the first outermost."""
    ended: list[BatchRun] = []
    batch = ObservedBatch(settings.app, event.delivery, len(event.raws), _first_of(event), ended)
    with ExitStack() as stack:
        observed = [stack.enter_context(_Guard(observer, batch)) for observer in observers]
        watching = [_Calls(calls) for calls in observed if calls is not None]
        observed_dispatch = _ObservedDispatch(dispatch, watching) if watching else dispatch
        run = process_batch(event, observed_dispatch, settings)
        ended.append(run)
    return run


def _first_of(event: Event) -> StreamRecord | None:
    """Return the first record if it is readable, unless it may have to be fetched."""
    if event.delivery in _FETCHED:
        return None
    records = event.read_raws(event.raws[:1])  # the others are read when they run
    return next((record for record in records if isinstance(record, StreamRecord)), None)


class _Guard(Generic[SeenT, ValueT]):
    """A context manager of an observer, whose failures are logged and which suppresses nothing."""

    __slots__ = ("_manager", "_note_failure", "_observer", "_seen")

    def __init__(
        self,
        observer: Callable[[SeenT], AbstractContextManager[ValueT]],
        seen: SeenT,
        note_failure: Callable[[], None] | None = None,
    ) -> None:
        self._observer = observer
        self._seen = seen
        self._note_failure = note_failure
        self._manager: AbstractContextManager[ValueT] | None = None

    def __enter__(self) -> ValueT | None:
        try:
            manager = self._observer(self._seen)
            value = manager.__enter__()
        except BaseException as error:
            # an observer is the user's own code
            if not is_failure(error):
                raise
            self._log(error)
            return None
        self._manager = manager
        return value

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._manager is None:
            return
        try:
            self._manager.__exit__(kind, error, traceback)
        except BaseException as failure:
            # an observer is the user's own code
            if not is_failure(failure):
                raise
            # it may raise again what passes through it
            if failure is not error:
                self._log(failure)

    def _log(self, error: BaseException) -> None:
        if self._note_failure is not None:
            self._note_failure()
        logger().error("an observer failed, so it sees no more of the batch: %s", describe(error))


class _Calls:
    """The observer of a batch's calls, up to its first failure."""

    def __init__(self, observer: CallObserver) -> None:
        self._observer: CallObserver | None = observer

    def around(self, call: HandlerCall) -> Iterable[_Guard[HandlerCall, object]]:
        """Return what a call runs within."""
        observer = self._observer
        return () if observer is None else (_Guard(observer, call, self._stop),)

    def _stop(self) -> None:
        self._observer = None


class _ObservedDispatch:
    """The handlers of an app, each within the observers of calls. None of them goes the straight path."""

    def __init__(self, dispatch: Dispatch, watching: Sequence[_Calls]) -> None:
        self._dispatch = dispatch
        self._watching = watching

    def taking(self, record: StreamRecord) -> Sequence[Handler]:
        """Return the handlers that take a record, observed."""
        return [_ObservedHandler(handler, self._watching) for handler in self._dispatch.taking(record)]

    def bulk_handlers(self) -> Mapping[str, Bulk]:
        """Return the handlers of the second pass by name."""
        return self._dispatch.bulk_handlers()

    def following(self, handler: str, record: StreamRecord) -> Handler | None:
        """Return a handler of the last states of items, observed."""
        following = self._dispatch.following(handler, record)
        return None if following is None else _ObservedHandler(following, self._watching)

    def steps_of(self, columns: Columns) -> None:
        """Say that no handler is plain, since something runs around each."""


class _ObservedHandler:
    """A handler within the observers of calls."""

    __slots__ = ("_handler", "_watching", "bulk", "name", "transactional")

    def __init__(self, handler: Handler, watching: Sequence[_Calls]) -> None:
        self._handler = handler
        self._watching = watching
        self.name: Final = handler.name
        self.transactional: Final = handler.transactional
        self.bulk: Final = handler.bulk

    def run(self, record: StreamRecord, transaction: Transaction | None = None) -> bool:
        """Call the handler with a record."""
        return self._observe((record,), partial(self._handler.run, record, transaction))

    def read(self, records: Sequence[StreamRecord]) -> Any:
        """Return the change that the handler gets of records."""
        return self._handler.read(records)

    def call(self, change: Any) -> bool:
        """Call the handler with a change, or a list of them."""
        changes = change if self.bulk is not None and self.bulk.takes_list else [change]
        records = tuple([record for each in changes for record in _records_of(each)])
        return self._observe(records, partial(self._handler.call, change))

    def _observe(self, records: tuple[StreamRecord, ...], run: Callable[[], bool]) -> bool:
        call = HandlerCall(self.name, records)
        guards = [guard for watching in self._watching for guard in watching.around(call)]
        if len(guards) == 1:
            with guards[0]:
                return run()
        with ExitStack() as stack:
            for guard in guards:
                stack.enter_context(guard)
            return run()


def _records_of(change: Any) -> Iterable[StreamRecord]:
    """Return the records that a change stands for: of a `Latest` several of one item."""
    records: Iterable[StreamRecord] | None = getattr(change, "records", None)
    return (change.record,) if records is None else records
