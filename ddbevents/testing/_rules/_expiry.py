"""Rules for stores whose marks expire by a clock that a test can advance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from ..._engine import KEEP, IdempotencyStore, TransactionalStore, utc_now
from ..._transaction import Transaction
from .._clock import VirtualClock
from ._checks import PATIENCE, new_marks, require, require_handled

MakeStore: TypeAlias = Callable[[Callable[[], datetime]], IdempotencyStore]
"""Makes a store that asks this clock for the present moment, in UTC."""

ExpiryRule: TypeAlias = Callable[[MakeStore], None]
"""Raises AssertionError if a store with an injected clock breaks the rule."""

_NEARLY_48_HOURS: Final = KEEP - timedelta(seconds=2)  # some databases count whole seconds
_LONGER_THAN_ALL: Final = timedelta(days=36_501)  # our own stores keep a mark for 100 years at most


def marks_count_for_48_hours(make_store: MakeStore) -> None:
    """A mark counts for at least 48 hours.

    A stream keeps records for 24 hours, and by default Lambda retries them all that time:
    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
    """
    clock = VirtualClock(utc_now())
    store = make_store(clock)
    marks = new_marks(2)
    store.add(marks, patience=PATIENCE)
    clock.advance(_NEARLY_48_HOURS)
    require_handled(store, marks, marks, "a mark counts for at least 48 hours")


def expired_marks_do_not_count(make_store: MakeStore) -> None:
    """`handled` does not return an expired mark, even if the database has not deleted it yet.

    DynamoDB deletes late: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ttl-expired-items.html
    """
    clock = VirtualClock(utc_now())
    store = make_store(clock)
    marks = new_marks(2)
    store.add(marks, patience=PATIENCE)
    clock.advance(_LONGER_THAN_ALL)
    require_handled(store, marks, (), "an expired mark is not handled")


def expired_marks_can_be_added_again(make_store: MakeStore) -> None:
    """An expired mark can be added again, and then counts for another 48 hours."""
    clock = VirtualClock(utc_now())
    store = make_store(clock)
    marks = new_marks(2)
    store.add(marks, patience=PATIENCE)
    clock.advance(_LONGER_THAN_ALL)
    store.add(marks, patience=PATIENCE)
    clock.advance(_NEARLY_48_HOURS)
    require_handled(store, marks, marks, "an expired mark can be added again")


def expired_marks_stop_no_commit(make_store: MakeStore) -> None:
    """`commit` ignores an expired mark. A store without transactions cannot break this rule."""
    clock = VirtualClock(utc_now())
    store = make_store(clock)
    [mark] = new_marks(1)
    store.add([mark], patience=PATIENCE)
    if isinstance(store, TransactionalStore):
        clock.advance(_LONGER_THAN_ALL)
        again = store.commit(mark, Transaction(), patience=PATIENCE)
        require(again, "an expired mark stops no commit", "commit returned False")
        twice = store.commit(mark, Transaction(), patience=PATIENCE)
        require(not twice, "a mark counts again after it expired and was committed", "commit returned True")


def committed_marks_expire_as_others(make_store: MakeStore) -> None:
    """A committed mark expires like an added one. A store without transactions cannot break this rule."""
    clock = VirtualClock(utc_now())
    store = make_store(clock)
    [mark] = marks = new_marks(1)
    if isinstance(store, TransactionalStore):
        store.commit(mark, Transaction(), patience=PATIENCE)
        clock.advance(_NEARLY_48_HOURS)
        require_handled(store, marks, marks, "a committed mark counts for at least 48 hours")
        clock.advance(_LONGER_THAN_ALL)
        require_handled(store, marks, (), "an expired mark is not handled, even if it was committed")


EXPIRY_RULES: Final[tuple[ExpiryRule, ...]] = (
    marks_count_for_48_hours,
    expired_marks_do_not_count,
    expired_marks_can_be_added_again,
    expired_marks_stop_no_commit,
    committed_marks_expire_as_others,
)
