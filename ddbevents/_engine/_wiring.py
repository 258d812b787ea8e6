"""What an app can be made with. All else is a `ConfigurationError` that names the parameter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from inspect import iscoroutinefunction

from .._errors import ConfigurationError
from ._dead_letters import DeadLetters
from ._stores import IdempotencyStore


def check_name(name: object) -> None:
    """Refuse a name that marks cannot begin with."""
    if name is not None and not isinstance(name, str):
        raise ConfigurationError("name must be text: pass the store as store=")
    if name is not None and (not name or "#" in name):
        raise ConfigurationError("name begins the marks: it must not be empty, and have no '#'")


def check_store(store: object, dead_letters: object) -> None:
    """Refuse what is no store, and dead letters without one."""
    if store is not None and (isinstance(store, type) or not isinstance(store, IdempotencyStore)):
        raise ConfigurationError(
            "store must be an instance of a class with the methods of ddbevents.stores.IdempotencyStore"
        )
    if any(iscoroutinefunction(getattr(store, name, None)) for name in ("handled", "add", "commit")):
        raise ConfigurationError("store must have no async methods: its answers are waited for in threads")
    if dead_letters is not None and not isinstance(dead_letters, DeadLetters):
        raise ConfigurationError(
            "dead_letter must be a DeadLetters, such as DeadLetters(SQSQueue(url), after=5)"
        )
    if dead_letters is not None and store is None:
        raise ConfigurationError("dead letters need a store, which counts the attempts: give the app one")


def check_concurrency(concurrency: object) -> None:
    """Refuse what is no number of lanes."""
    if not isinstance(concurrency, int) or concurrency < 1:
        raise ConfigurationError("concurrency must be a whole number, at least 1")


def check_time_reserve(time_reserve: object) -> None:
    """Refuse what is no time to keep in hand."""
    if not isinstance(time_reserve, timedelta) or time_reserve < timedelta(0):
        raise ConfigurationError("time_reserve must be a timedelta, and not negative")


def check_middleware(middleware: object) -> None:
    """Refuse what cannot be called with a change."""
    if not isinstance(middleware, Sequence) or not all(map(callable, middleware)):
        raise ConfigurationError(
            "middleware must be a list of functions, each called with the change: pass the function itself"
        )
