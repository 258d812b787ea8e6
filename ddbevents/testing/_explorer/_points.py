"""Points: every handler, every request to the store and every `boundary` at which a process can be hit.

An app is simulated as it is. A copy of it gets handlers and a store that first ask the process whether
something goes wrong here.
"""

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
from ._lists import Elements, event_ids_of, handling_list
from ._processes import MadeApp, Process, Task, current_process
from ._schedules import Point


def boundary(name: str) -> None:
    """Mark a place in a handler, a fake or a store where a process can die, for example between two effects.

    `explore` kills the process there, or lets a copy overtake it. Outside `explore` it does nothing. Do not
    hold a lock here that another process waits for.

    Args:
        name: The name of the place in a report.
    """
    process = current_process()
    if process is not None:
        process.reach(Point("boundary", name))


def described(app: StreamApp, place: int) -> MadeApp:
    """Return what is to be known of an app that was made for a process."""
    parts, routes = parts_of(app), routes_of(app)
    return MadeApp(
        place=place,
        name=parts.name,
        handlers=tuple(dict.fromkeys(route.name for route in routes)),
        transactional=frozenset(route.name for route in routes if route.transactional),
        one_by_one=any(route.bulk is not None for route in routes),
        has_store=not isinstance(parts.store, NoStore),
        concurrency=parts.concurrency,
    )


def instrument(app: StreamApp, process: Process, kept: Collection[str]) -> StreamApp:
    """Return a copy of the app whose handlers and store are points of a process.

    Args:
        app: The app, which is not changed.
        process: The process.
        kept: The names of the handlers to keep.
    """
    routes = [_instrumented_route(process, route) for route in routes_of(app) if route.name in kept]
    store = _instrumented_store(process, parts_of(app).store)
    # Points are numbered, so they must come in the same order every time: one item after the other.
    return app_with(app, routes=routes, store=store, concurrency=1)


def apart(app: StreamApp, place: int) -> StreamApp:
    """Return a copy of the app whose marks no other app of the stream can have."""
    return app_with(app, routes=routes_of(app), name=f"app {place}")


def _instrumented_route(process: Process, route: Route) -> Route:
    def handling(change: Any) -> AbstractContextManager[object]:
        return process.handling(route.name, event_ids_of(change), transactional=route.transactional)

    def handling_changes(changes: Any) -> AbstractContextManager[object]:
        return handling_list(process, route.name, changes)

    def handler(changes: Any) -> object:
        return route.handler(Elements(changes, process, route.name))

    # Last, and so the innermost middleware: the two points are right around the handler.
    if route.bulk is None or not route.bulk.takes_list:
        return route._replace(middleware=(*route.middleware, handling))
    return route._replace(middleware=(*route.middleware, handling_changes), handler=handler)


def _instrumented_store(process: Process, store: IdempotencyStore) -> IdempotencyStore:
    # The app asks with `isinstance` what its store can do, so a wrapper has the same methods and no more.
    if isinstance(store, PackingStore):
        return _PackingStore(process, store)
    if isinstance(store, TransactionalStore):
        return _TransactionalStore(process, store)
    return store if isinstance(store, NoStore) else _Store(process, store)


class _Store:
    def __init__(self, process: Process, store: IdempotencyStore) -> None:
        self._process = process
        self._marks = store

    def handled(self, marks: Collection[str], *, patience: timedelta) -> AbstractSet[str]:
        point = Point("read", "handled", _event_ids(marks))
        return self._process.request(point, partial(self._marks.handled, marks, patience=patience))

    def add(self, marks: Collection[str], *, patience: timedelta) -> None:
        point = Point("write", "add", _event_ids(marks))
        self._process.request(point, partial(self._marks.add, marks, patience=patience))


class _TransactionalStore(_Store):
    def __init__(self, process: Process, store: TransactionalStore) -> None:
        super().__init__(process, store)
        self._transactions = store

    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        send = partial(self._transactions.commit, mark, transaction, patience=patience)
        return self._commit("commit", [mark], send)

    def _commit(self, name: str, marks: Collection[str], send: Callable[[], bool]) -> bool:
        def commit() -> bool:
            is_done = send()
            if is_done:
                # Counted here and not after the request, because its answer may be lost on the way back.
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

    def pack(self, commits: Sequence[Commit], *, patience: timedelta) -> Sequence[int]:
        return self._packing.pack(commits, patience=patience)

    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        send = partial(self._packing.commit_together, commits, patience=patience)
        return self._commit("commit_together", [commit.mark for commit in commits], send)


def _task(mark: str) -> Task:
    """Return the task of a mark, which is `<app>#<handler>#<event id>`, perhaps with more behind it."""
    _, handler, event_id, *_ = mark.split("#")
    return handler, event_id


def _event_ids(marks: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(event_id for _, event_id in map(_task, marks)))
