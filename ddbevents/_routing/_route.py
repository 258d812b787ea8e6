"""A route: a handler with the condition under which it runs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any, Final, Generic, TypeAlias, TypeVar, overload

from .._async import finish
from .._changes import Decode, Read
from .._codec import decode_exactly
from .._records import StreamRecord
from .._transaction import Transaction
from .._tuples import NamedTuple
from ._selection import Selection

ChangeT = TypeVar("ChangeT")
ResultT = TypeVar("ResultT", None, Coroutine[Any, Any, None])

Middleware: TypeAlias = Callable[[Any], AbstractContextManager[object]]
"""Called with the change, or with the list of a bulk handler; returns the context manager that the handler
runs within, sync or async."""

ReadLatest: TypeAlias = Callable[[Sequence[StreamRecord]], Any]
"""Returns the last state of an item, given its records in order."""


class Bulk(NamedTuple):
    """How a handler takes changes in the second pass of a batch.

    Attributes:
        most: The largest number of changes a call.
        isolate: Whether a call that fails is halved until the change is found that makes it fail.
        takes_list: Whether it takes a list. If not, it is called with each change alone.
        read_latest: Returns the last state of an item, for a handler that takes each item once.
    """

    most: int = 1
    isolate: bool = True
    takes_list: bool = False
    read_latest: ReadLatest | None = None

    @property
    def is_latest(self) -> bool:
        """Whether it takes each item once, in its last state."""
        return self.read_latest is not None

    def calls_like(self, other: Bulk) -> bool:
        """Return whether changes of both can come in the same call."""
        return self._replace(read_latest=None) == other._replace(read_latest=None) and (
            self.is_latest == other.is_latest
        )


class Route(NamedTuple):
    """A handler with the condition under which it runs.

    Attributes:
        name: The handler's name, which its marks contain.
        handler: The user's function.
        transactional: Whether it takes a transaction.
        selection: The condition.
        takes_all: Whether the condition holds for every record of its kinds.
        old_model: The model of the old image.
        read_change: Returns the change that the handler gets.
        middleware: What the handler runs within, the first outermost.
        decode: Returns the items of that change.
        module_spec: The `__spec__` of the handler's module when it was registered.
        bulk: How it takes changes in the second pass; None if it takes one record after the other.
    """

    name: str
    handler: Callable[..., object]
    transactional: bool
    selection: Selection
    takes_all: bool
    old_model: type[Any]
    read_change: Read
    middleware: tuple[Middleware, ...] = ()
    decode: Decode = decode_exactly
    module_spec: object = None
    bulk: Bulk | None = None

    @property
    def takes_last(self) -> bool:
        """Whether the handler takes each item once, in its last state."""
        return self.bulk is not None and self.bulk.is_latest

    def takes(self, record: StreamRecord) -> bool:
        """Return whether the handler takes a record of one of its kinds.

        Raises:
            InvalidRecordError: That cannot be decided.
        """
        return self.takes_all or self.selection.takes(record)

    def run(self, record: StreamRecord, transaction: Transaction | None = None) -> bool:
        """Decode the record, call the handler and wait for its end.

        Returns:
            False if a middleware suppressed its exception.
        """
        return self.call(self.read_change(record, self.decode), transaction)

    def read(self, records: Sequence[StreamRecord]) -> Any:
        """Return the change that a handler of the second pass gets of a record, or of those of one item."""
        if self.bulk is not None and self.bulk.read_latest is not None:
            return self.bulk.read_latest(records)
        return self.read_change(records[-1], decode_exactly)

    def call(self, change: Any, transaction: Transaction | None = None) -> bool:
        """Call the handler with a change, or a list of them, and wait for its end, as `run` does."""
        if self.middleware:
            return self._run_within(change, transaction)
        self._call(change, transaction)
        return True

    def _run_within(self, change: Any, transaction: Transaction | None) -> bool:
        is_whole = False
        with ExitStack() as stack:
            for enter in self.middleware:
                stack.enter_context(_entered(enter, change))
            self._call(change, transaction)
            is_whole = True
        return is_whole  # noqa: RET504  # a middleware may have suppressed an exception of the handler

    def _call(self, change: Any, transaction: Transaction | None) -> None:
        result = self.handler(change) if transaction is None else self.handler(change, transaction)
        if result is not None:
            self.settle(result)

    def settle(self, result: object) -> None:
        """Await what the handler returned, or warn that it is of no use."""
        finish(result, partial(_note_unused, self.name))


class Registration(Generic[ChangeT]):
    """The second half of a decorator: takes a handler of the right type and returns it unchanged."""

    __slots__ = ("add",)

    def __init__(self, add: Callable[[Callable[..., object], Bulk | None], None]) -> None:
        self.add: Final = add

    @overload  # a plain handler
    def __call__(self, handler: Callable[[ChangeT], ResultT]) -> Callable[[ChangeT], ResultT]: ...

    @overload  # a handler whose writes are committed together with its mark
    def __call__(
        self, handler: Callable[[ChangeT, Transaction], ResultT]
    ) -> Callable[[ChangeT, Transaction], ResultT]: ...

    def __call__(self, handler: Callable[..., object]) -> Callable[..., object]:
        """Register the handler."""
        self.add(handler, None)
        return handler


class PlainRegistration(Generic[ChangeT]):
    """The second half of a decorator whose handlers have no transaction."""

    __slots__ = ("add",)

    def __init__(self, add: Callable[[Callable[..., object], Bulk | None], None]) -> None:
        self.add: Final = add

    def __call__(self, handler: Callable[[ChangeT], ResultT]) -> Callable[[ChangeT], ResultT]:
        """Register the handler."""
        self.add(handler, None)
        return handler


def _note_unused(name: str, result: object) -> None:
    from ._results import note_unused  # noqa: PLC0415  # for handlers that return something

    note_unused(name, result)


def _entered(middleware: Middleware, change: object) -> AbstractContextManager[object]:
    made: object = middleware(change)
    if isinstance(made, AbstractContextManager):
        return made
    from ._middleware import no_manager  # noqa: PLC0415  # cold start: for mistakes only

    raise no_manager(middleware, made)
