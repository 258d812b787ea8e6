"""A handler with the condition under which it runs, and how it is run for a record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from .._async import finish
from .._changes import Read, decode_once
from .._errors import ConfigurationError
from .._records import StreamRecord
from .._transaction import Transaction
from ._selection import Selection

Middleware: TypeAlias = Callable[[Any], AbstractContextManager[object]]
"""Called with the change; returns the context manager that its handler runs within, sync or async."""


class Route(NamedTuple):
    """A handler with the condition under which it runs."""

    name: str
    handler: Callable[..., object]
    transactional: bool
    selection: Selection
    takes_all: bool
    old_model: type[Any]
    read: Read
    middleware: tuple[Middleware, ...] = ()

    def run(self, record: StreamRecord, transaction: Transaction | None = None) -> bool:
        """Decode the record and call the handler, to its end.

        Returns:
            False if a middleware swallowed what it raised.
        """
        change = self.read(record)
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
        return is_whole  # noqa: RET504  # a middleware may have swallowed what came before

    def _call(self, change: Any, transaction: Transaction | None) -> None:
        result = self.handler(change) if transaction is None else self.handler(change, transaction)
        if result is not None:
            finish(result)


def _entered(middleware: Middleware, change: object) -> AbstractContextManager[object]:
    made: object = middleware(change)
    if isinstance(made, AbstractContextManager):
        return made
    name = getattr(middleware, "__qualname__", type(middleware).__qualname__)
    raise ConfigurationError(
        f"the middleware {name} returns no context manager: decorate it with contextlib.contextmanager"
    )


def takers(routes: Sequence[Route], record: StreamRecord) -> Sequence[Route]:
    """Those of a record's kind that take it, in order.

    Raises:
        InvalidRecordError: For one of them this cannot be said.
    """
    if len(routes) == 1 and routes[0].takes_all:
        return routes
    taking = [route for route in routes if route.takes_all or route.selection.takes(record)]
    return taking if len(taking) <= 1 else _sharing(taking)


def _sharing(routes: Iterable[Route]) -> Sequence[Route]:
    decode = decode_once()
    # a function registered twice runs once for a record: it has one mark
    by_name: dict[str, Route] = {}
    for route in routes:
        by_name.setdefault(route.name, route._replace(read=partial(route.read, decode=decode)))
    return [*by_name.values()]
