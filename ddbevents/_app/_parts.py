"""The parts that an app is made of."""

from __future__ import annotations

from datetime import timedelta

from .._engine import Callback, DeadLetters, IdempotencyStore, Observer, TransactionalStore
from .._errors import ConfigurationError
from .._records import FailureReader
from .._routing import Middleware, Route
from .._tuples import NamedTuple


class AppParts(NamedTuple):
    """The parts of an app. The test kit makes copies of apps with other parts.

    Attributes:
        name: The app's name; None for the function's.
        store: Where the marks are; a `NoStore` without one.
        dead_letters: When and where records are dead-lettered; None for never.
        concurrency: The number of items whose records run at the same time.
        time_reserve: The time to keep in hand.
        middleware: What each handler runs within.
        callbacks: What is called with each report.
        reader: What fetches the records of Lambda's failure records; None if such are refused.
        observers: What runs around each batch.
    """

    name: str | None
    store: IdempotencyStore
    dead_letters: DeadLetters | None
    concurrency: int
    time_reserve: timedelta
    middleware: tuple[Middleware, ...]
    callbacks: tuple[Callback, ...] = ()
    reader: FailureReader | None = None
    observers: tuple[Observer, ...] = ()


def check_transactions(route: Route, store: IdempotencyStore) -> None:
    """Refuse a handler that needs transactions if the store has none."""
    if route.transactional and not isinstance(store, TransactionalStore):
        raise ConfigurationError(f"{route.name} asks for a transaction: give the app a store that has them")
