"""The settings of a batch, and the checks of an app's arguments."""

from __future__ import annotations

import os
from datetime import timedelta
from inspect import iscoroutinefunction
from typing import Final

from .._errors import ConfigurationError
from .._records import Delivery
from .._tuples import NamedTuple
from ._answer import ANSWERING
from ._dead_letters import DeadLetters
from ._deadline import Deadline, LambdaContext, check_patience, read_context
from ._report import WhyNot
from ._stores import IdempotencyStore, NoStore

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
_LONGEST_FUNCTION: Final = timedelta(minutes=90)  # on Managed Instances
_LONGEST_NAME: Final = 255  # a mark has at most 1 KB, and an eventID and a handler's name are part of it
_STORE_METHODS: Final = {
    "handled": "marks",
    "add": "marks",
    "commit": "mark, transaction",
    "pack": "commits",
    "commit_together": "commits",
}


class Settings(NamedTuple):
    """The settings of one batch.

    Attributes:
        app: The name that marks begin with.
        store: Where the marks are; a `NoStore` for an app without one.
        deadline: When to leave the rest to a retry.
        concurrency: The number of lanes that run at the same time.
        dead_letters: When and where records are dead-lettered; None for never.
        delivery: What delivers the batch.
        skips_dead_lettered: Whether a record that was dead-lettered counts as handled, unless its dead letter
            is what came.
        why_not: Returns why no handler takes a record; asked for only if somebody wants to know.
    """

    app: str
    store: IdempotencyStore
    deadline: Deadline
    concurrency: int
    dead_letters: DeadLetters | None
    delivery: Delivery
    skips_dead_lettered: bool
    why_not: WhyNot | None = None

    @property
    def is_ordered(self) -> bool:
        """Whether a failure blocks the records after it."""
        return ANSWERING[self.delivery].is_ordered

    @property
    def has_store(self) -> bool:
        """Whether marks are kept, so that what is done need not run again."""
        return not isinstance(self.store, NoStore)


def function_name(context: LambdaContext | None) -> str:
    """Return the name that marks begin with where an app has none.

    Raises:
        ConfigurationError: The context cannot be read, or the name is none for marks.
    """
    name = read_context(context, "function_name")
    if not isinstance(name, str) or not name:  # a mock's would be another one each time
        return os.environ.get("AWS_LAMBDA_FUNCTION_NAME") or "ddbevents"
    if "#" in name:
        raise ConfigurationError(
            "the context's function_name contains '#', which separates the parts of idempotency records:"
            " give the app a name"
        )
    return name


def check_arguments(  # those of an app
    name: object,
    store: object,
    dead_letters: object,
    concurrency: object,
    time_reserve: object,
    reader: object,
) -> None:
    """Refuse what an app cannot be made with.

    Raises:
        ConfigurationError: An argument is of another kind, or does not go with the others.
    """
    _check_name(name)
    check_store(store, dead_letters)
    _check_concurrency(concurrency)
    _check_time_reserve(time_reserve)
    _check_reader(reader)


def _check_name(name: object) -> None:
    """Refuse a name that marks cannot begin with."""
    if name is not None and not isinstance(name, str):
        raise ConfigurationError("name must be text: pass the store as store=")
    if name is not None and (not name or "#" in name):
        raise ConfigurationError("name must not be empty or contain '#': idempotency records begin with it")
    if name is not None and not (name.isprintable() and len(name) <= _LONGEST_NAME):
        raise ConfigurationError(
            f"name must be printable and no longer than {_LONGEST_NAME} characters: idempotency records begin"
            " with it"
        )


def check_store(store: object, dead_letters: object) -> None:
    """Refuse what is no store, one that knows no patience, and dead letters without a store."""
    if isinstance(store, type):
        raise ConfigurationError(
            f"store is the class {store.__name__}: pass an instance, {store.__name__}(...)"
        )
    if isinstance(store, str):
        raise ConfigurationError(
            "store is text: for the idempotency table of this name, pass DynamoDBStore(...)"
        )
    # isinstance finds the methods of a mock on Python 3.11 only
    if store is not None and not all(callable(getattr(store, name, None)) for name in ("handled", "add")):
        raise ConfigurationError(
            "store must be an instance of a class with the methods of ddbevents.stores.IdempotencyStore"
        )
    check_patience("store", store, _STORE_METHODS)
    if any(iscoroutinefunction(getattr(store, name, None)) for name in _STORE_METHODS):
        raise ConfigurationError("store must not have async methods: the engine calls them from threads")
    if dead_letters is not None and not isinstance(dead_letters, DeadLetters):
        raise ConfigurationError(
            "dead_letter must be a DeadLetters, for example DeadLetters(SQSQueue(url), after=5)"
        )
    if dead_letters is not None and store is None:
        raise ConfigurationError("dead letters need a store, which counts failed attempts: pass store=")


def _check_reader(reader: object) -> None:
    """Refuse what is no reader of failure records, and one that would read whatever a message names."""
    if reader is None:
        return
    if isinstance(reader, type) or not callable(getattr(reader, "read", None)):
        raise ConfigurationError(
            "reader must be an instance of a class with the methods of ddbevents.FailureReader, for example"
            " StreamReader(streams=[...])"
        )
    if not getattr(reader, "streams", ()) and not getattr(reader, "buckets", ()):
        raise ConfigurationError(
            "reader names neither streams nor buckets, so a forged message could make the function read"
            " anything: pass StreamReader(streams=[...]) with the ARNs of the app's streams, or buckets=[...]"
        )
    if iscoroutinefunction(reader.read):  # type: ignore[attr-defined]  # it has one
        raise ConfigurationError("reader.read must not be async: the engine calls it before any handler runs")


def _check_concurrency(concurrency: object) -> None:
    """Refuse what is no number of lanes."""
    if not isinstance(concurrency, int) or isinstance(concurrency, bool) or concurrency < 1:
        raise ConfigurationError(
            "concurrency must be a whole number of at least 1, the number of items at once"
        )


def _check_time_reserve(time_reserve: object) -> None:
    """Refuse what is no time to keep in hand."""
    if not isinstance(time_reserve, timedelta) or time_reserve < timedelta(0):
        raise ConfigurationError(
            "time_reserve must be a timedelta, and not negative: write timedelta(seconds=...)"
        )
    if time_reserve > _LONGEST_FUNCTION:
        raise ConfigurationError(
            "time_reserve is longer than any function runs, 90 minutes: timedelta(1) is a day, so write"
            " timedelta(seconds=...)"
        )
