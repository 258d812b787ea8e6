"""Rules for every idempotency store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import Final, TypeAlias
from uuid import uuid4

from ..._engine import IdempotencyStore
from ..._errors import StoreError
from ._checks import PATIENCE, THREADS, in_threads, new_marks, require, require_handled

StoreRule: TypeAlias = Callable[[IdempotencyStore], None]
"""Raises AssertionError if a store breaks the rule. The store need not be empty: each rule uses new marks."""

_LONGEST_MARK: Final = 1024
_THOUSANDS: Final = 2_000
_SHORT: Final = timedelta(seconds=0.5)
_TOO_LONG: Final = timedelta(seconds=2)


def added_marks_are_handled(store: IdempotencyStore) -> None:
    """`handled` returns added marks as soon as `add` has returned: it reads consistently.

    Lambda may retry a record within milliseconds. Some databases read eventually consistent by default:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html
    """
    for _ in range(20):  # an eventually consistent read often sees the write all the same
        marks = new_marks(2)
        store.add(marks, patience=PATIENCE)
        require_handled(store, marks, marks, "added marks are handled as soon as add returns")


def other_marks_are_not_handled(store: IdempotencyStore) -> None:
    """`handled` returns no mark that was never added, or its record would be lost."""
    added, others = new_marks(2), new_marks(2)
    store.add(added, patience=PATIENCE)
    require_handled(store, [*added, *others], added, "a mark that nobody added is not handled")


def only_marks_asked_for_are_given(store: IdempotencyStore) -> None:
    """`handled` returns a subset of the marks it was asked for, whatever else is in the store."""
    asked, others = new_marks(1), new_marks(2)
    store.add([*asked, *others], patience=PATIENCE)
    require_handled(store, asked, asked, "handled returns only marks that it was asked for")


def reading_leaves_no_mark(store: IdempotencyStore) -> None:
    """`handled` changes nothing: to ask for a mark is not to claim it.

    A claim outlives the crash of its owner. If Lambda's retries end before the claim does, records are
    discarded that never ran.
    """
    marks = new_marks(2)
    store.handled(marks, patience=PATIENCE)
    require_handled(store, marks, (), "asking for a mark does not add it")


def marks_added_again_stay(store: IdempotencyStore) -> None:
    """`add` keeps a mark that exists: two deliveries of a record can overlap."""
    [first, second] = marks = new_marks(2)
    store.add([first], patience=PATIENCE)
    store.add([first, second], patience=PATIENCE)
    require_handled(store, marks, marks, "a mark that is added again stays")


def marks_named_twice_are_one(store: IdempotencyStore) -> None:
    """`add` and `handled` accept the same mark twice in a call, since a batch can have a record twice.

    DynamoDB's batch requests refuse duplicate keys:
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
    """
    [mark] = new_marks(1)
    store.add([mark, mark], patience=PATIENCE)
    require_handled(store, [mark, mark], [mark], "a call may name a mark twice")


def no_marks_are_no_error(store: IdempotencyStore) -> None:
    """`add` and `handled` accept an empty collection, though many databases refuse an empty request."""
    store.add([], patience=PATIENCE)
    require_handled(store, [], (), "handled returns nothing if asked for nothing")


def any_collection_will_do(store: IdempotencyStore) -> None:
    """`add` and `handled` accept any `Collection`, for example a set or the keys of a dict."""
    marks = new_marks(6)
    store.add(tuple(marks[:2]), patience=PATIENCE)
    store.add(frozenset(marks[2:4]), patience=PATIENCE)
    store.add(dict.fromkeys(marks[4:]).keys(), patience=PATIENCE)
    require_handled(store, set(marks), marks, "any collection of marks will do")


def marks_are_any_text(store: IdempotencyStore) -> None:
    """A mark is any text of 1 byte to 1 KB, with every character that a function's name can have.

    1 KB is the longest sort key and half of the longest partition key of a DynamoDB item:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
    """
    [mark] = new_marks(1)
    marks = [
        uuid4().hex,
        _filled(mark, "x"),
        _filled(mark, "ü"),
        f"{mark} 'quoted' \"twice\" \\ ; -- %s {{}} ${{x}} * ?",
        f"{mark}\n\t\x7f",
        f"{mark} λ ク 😀 \u202e",
    ]
    store.add(marks, patience=PATIENCE)
    require_handled(store, marks, marks, "a mark is any text of at most 1 KB")


def similar_marks_are_different(store: IdempotencyStore) -> None:
    """Marks are equal only if every character is: a database may fold case or accents, trim, or truncate."""
    mark = f"{new_marks(1)[0]} é"
    others = [
        mark.upper(),
        mark.swapcase(),
        f"{mark} ",
        f" {mark}",
        mark.replace("é", "e"),
        mark.replace("é", "e\u0301"),
        mark[:-1],
        f"{mark[:-1]}%",
        f"{mark[:-1]}_",
    ]
    store.add([mark], patience=PATIENCE)
    require_handled(store, [mark, *others], [mark], "marks are equal only if every character is")
    long = _filled(mark, "x")
    store.add([long], patience=PATIENCE)
    require_handled(
        store, [long, long[:-1] + "y"], [long], "marks of 1 KB can differ in their last character"
    )


def thousands_of_marks_at_once(store: IdempotencyStore) -> None:
    """`handled` and `add` accept a mark for every record and handler of a batch.

    A batch has up to 10,000 records: https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
    """
    marks = new_marks(_THOUSANDS)
    store.add(marks[::2], patience=PATIENCE)
    require_handled(store, marks, marks[::2], f"a call may name {_THOUSANDS} marks")


def a_call_ends_with_its_patience(store: IdempotencyStore) -> None:
    """`add` and `handled` return, or raise StoreError, within `patience`, and then a second or so at most.

    A call that takes longer runs into the function's time-out. Lambda then runs the whole batch again:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
    """
    marks = new_marks(_THOUSANDS)
    if _ends_in_time(lambda: store.add(marks, patience=_SHORT), "add"):
        require_handled(store, marks, marks, "marks that cannot be written in time are a StoreError")
    _ends_in_time(lambda: store.handled(marks, patience=_SHORT), "handled")


def threads_share_a_store(store: IdempotencyStore) -> None:
    """All methods can be called from several threads at once, as an app with `concurrency` does."""
    marks = [new_marks(5) for _ in range(THREADS)]

    def work(own: list[str]) -> None:
        for mark in own:
            store.add([mark], patience=PATIENCE)
            require_handled(store, [mark], [mark], "a thread finds the marks that it added")

    in_threads(work, marks)
    everything = [mark for own in marks for mark in own]
    require_handled(store, everything, everything, "a thread finds the marks that other threads added")


def _ends_in_time(call: Callable[[], object], name: str) -> bool:
    """Return whether a call succeeded, and fail the rule if it took too long."""
    start = monotonic()
    try:
        call()
    except StoreError:
        succeeded = False
    else:
        succeeded = True
    seconds = monotonic() - start
    require(
        seconds < _TOO_LONG.total_seconds(),
        "a call returns or raises StoreError within its patience",
        f"{name} took {seconds:.1f} s with a patience of {_SHORT.total_seconds()} s",
    )
    return succeeded


def _filled(mark: str, character: str) -> str:
    """Return the mark, filled up to the longest that is allowed in UTF-8."""
    room = _LONGEST_MARK - len(mark.encode())
    return mark + character * (room // len(character.encode()))


STORE_RULES: Final[tuple[StoreRule, ...]] = (
    added_marks_are_handled,
    other_marks_are_not_handled,
    only_marks_asked_for_are_given,
    reading_leaves_no_mark,
    marks_added_again_stay,
    marks_named_twice_are_one,
    no_marks_are_no_error,
    any_collection_will_do,
    marks_are_any_text,
    similar_marks_are_different,
    thousands_of_marks_at_once,
    a_call_ends_with_its_patience,
    threads_share_a_store,
)
