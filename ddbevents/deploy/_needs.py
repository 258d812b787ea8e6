"""What an app needs of its deployment, read from its parts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from operator import attrgetter
from types import CodeType
from typing import Any, Final, NamedTuple

from .._app import StreamApp, parts_of
from .._engine import DeadLetterSink, IdempotencyStore, NoStore
from .._records import ViewType
from .._routing import Route, routes_of
from ..dead_letters import S3Bucket, SQSQueue
from ..stores import DynamoDBStore

_table_of: Final = attrgetter("_table")
_url_of: Final = attrgetter("_url")
_name_of: Final = attrgetter("_name")
_view_type_of: Final = attrgetter("_view_type")

VIEW_TYPES: Final[Mapping[ViewType, frozenset[str]]] = {
    "KEYS_ONLY": frozenset({"Keys"}),
    "NEW_IMAGE": frozenset({"Keys", "NewImage"}),
    "OLD_IMAGE": frozenset({"Keys", "OldImage"}),
    "NEW_AND_OLD_IMAGES": frozenset({"Keys", "NewImage", "OldImage"}),
}
"""The parts of a record that each view type carries."""


class Needs(NamedTuple):
    """What an app needs.

    Attributes:
        routes: Its handlers, each with its condition.
        has_store: Whether it has an idempotency store of any kind.
        table: The name of its idempotency table; None if the store is no `DynamoDBStore`.
        has_dead_letters: Whether records are dead-lettered.
        queue: The URL of the queue that dead letters go to, if they go to one.
        bucket: The name of the bucket that dead letters go to, if they go to one.
        attempts: The number of failed attempts after which a record is dead-lettered; 0 without dead letters.
        min_age: How old a record must be before it is dead-lettered.
        time_reserve: The time that the app keeps in hand.
        concurrency: The number of items whose records run at the same time.
        view_type: The StreamViewType that the app was made for; None for any.
    """

    routes: Sequence[Route]
    has_store: bool
    table: str | None
    has_dead_letters: bool
    queue: str | None
    bucket: str | None
    attempts: int
    min_age: timedelta
    time_reserve: timedelta
    concurrency: int
    view_type: ViewType | None


def needs_of(app: StreamApp) -> Needs:
    """Return what an app needs."""
    parts = parts_of(app)
    letters = parts.dead_letters
    sink = None if letters is None else letters.sink
    return Needs(
        routes=[*routes_of(app)],
        has_store=not isinstance(parts.store, NoStore),
        table=_table(parts.store),
        has_dead_letters=letters is not None,
        queue=_queue(sink),
        bucket=_bucket(sink),
        attempts=0 if letters is None else letters.max_attempts(Exception(), is_invalid=False),
        min_age=timedelta(0) if letters is None else letters.min_age,
        time_reserve=parts.time_reserve,
        concurrency=parts.concurrency,
        view_type=_view_type_of(app),
    )


def variables_with(value: str) -> list[str]:
    """Return the environment variables that have a value here: the app was given one of them, if any."""
    return [name for name, found in os.environ.items() if found == value]


def names_in(handler: object) -> frozenset[str]:
    """Return every text that a handler's code holds, or that a global it uses is: table names among them."""
    code: CodeType | None = getattr(handler, "__code__", None)  # an object that is called has none
    return frozenset(() if code is None else _texts(code, getattr(handler, "__globals__", {})))


def _texts(code: CodeType, scope: Mapping[str, Any]) -> Iterator[str]:
    for name in code.co_names:
        if isinstance(scope.get(name), str):
            yield scope[name]
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _texts(constant, scope)


def _table(store: IdempotencyStore) -> str | None:
    return _table_of(store) if isinstance(store, DynamoDBStore) else None


def _queue(sink: DeadLetterSink | None) -> str | None:
    return _url_of(sink) if isinstance(sink, SQSQueue) else None


def _bucket(sink: DeadLetterSink | None) -> str | None:
    return _name_of(sink) if isinstance(sink, S3Bucket) else None
