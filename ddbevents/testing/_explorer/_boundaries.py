"""An app whose handlers and whose store are points of a process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Any

from ..._app import StreamApp, app_with, parts_of
from ..._engine import Commit, IdempotencyStore, NoStore, PackingStore, TransactionalStore
from ..._routing import Route, routes_of
from ..._transaction import Transaction
from ._processes import Process, Task
from ._schedules import Point


def handler_names(app: StreamApp) -> list[str]:
    """The app's handlers, in order."""
    return [*dict.fromkeys(route.name for route in routes_of(app))]


def has_store(app: StreamApp) -> bool:
    """Whether the app keeps marks."""
    return not isinstance(parts_of(app).store, NoStore)


def is_transactional(app: StreamApp, handler: str) -> bool:
    """Whether a handler asks for a transaction."""
    return any(route.transactional for route in routes_of(app) if route.name == handler)


def with_boundaries(app: StreamApp, process: Process, only: str | None) -> StreamApp:
    """The same app as part of a process, with one item's records after the other's.

    Args:
        app: The app, which is not changed.
        process: The process.
        only: The handler to leave; None for all.
    """
    routes = [_within(process, route) for route in routes_of(app) if only in {None, route.name}]
    return app_with(app, routes=routes, store=_store_within(process, parts_of(app).store), concurrency=1)


def _within(process: Process, route: Route) -> Route:
    def handling(change: Any) -> AbstractContextManager[object]:
        return process.handling(route.name, change.record.event_id, transactional=route.transactional)

    return route._replace(middleware=(*route.middleware, handling))


def _store_within(process: Process, store: IdempotencyStore) -> IdempotencyStore:
    if isinstance(store, PackingStore):
        return _PackingStore(process, store)
    if isinstance(store, TransactionalStore):
        return _TransactionalStore(process, store)
    return store if isinstance(store, NoStore) else _Store(process, store)


class _Store:
    def __init__(self, process: Process, store: IdempotencyStore) -> None:
        self._process = process
        self._marks = store

    def handled(self, marks: Collection[str]) -> AbstractSet[str]:
        point = Point("read", "handled", _event_ids(marks))
        return self._process.request(point, partial(self._marks.handled, marks))

    def add(self, marks: Collection[str]) -> None:
        self._process.request(Point("write", "add", _event_ids(marks)), partial(self._marks.add, marks))


class _TransactionalStore(_Store):
    def __init__(self, process: Process, store: TransactionalStore) -> None:
        super().__init__(process, store)
        self._transactions = store

    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        send = partial(self._transactions.commit, mark, transaction, patience=patience)
        return self._request("commit", [mark], send)

    def _request(self, name: str, marks: Collection[str], send: Callable[[], bool]) -> bool:
        def commit() -> bool:
            is_done = send()
            if is_done:
                # noted here, since the answer may be lost
                self._process.done.update(map(_task, marks))
            return is_done

        return self._process.request(Point("commit", name, _event_ids(marks)), commit)


class _PackingStore(_TransactionalStore):
    def __init__(self, process: Process, store: PackingStore) -> None:
        super().__init__(process, store)
        self._packing = store

    @property
    def window(self) -> int:
        return self._packing.window

    def pack(self, commits: Sequence[Commit]) -> Sequence[int]:
        return self._packing.pack(commits)

    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        send = partial(self._packing.commit_together, commits, patience=patience)
        return self._request("commit_together", [commit.mark for commit in commits], send)


def _task(mark: str) -> Task:
    """Of a mark, which is `<app>#<handler>#<event id>`, perhaps with more behind it."""
    _, handler, event_id, *_ = mark.split("#")
    return handler, event_id


def _event_ids(marks: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(event_id for _, event_id in map(_task, marks)))
