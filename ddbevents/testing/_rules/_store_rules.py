"""What every store of marks must do, as checks that a store can be put through."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import uuid4

from ..._engine import KEEP, IdempotencyStore, TransactionalStore, utc_now
from ..._transaction import Transaction
from .._mapping._clock import VirtualClock
from ._demands import PATIENCE, THREADS, demand, demand_handled, in_threads, new_marks

StoreRule: TypeAlias = Callable[[IdempotencyStore], None]
"""Raises AssertionError if a store breaks the rule. The store need not be empty: marks are new each time."""

MakeStore: TypeAlias = Callable[[Callable[[], datetime]], IdempotencyStore]
"""Makes a store that asks this clock for the present moment, in UTC."""

ExpiryRule: TypeAlias = Callable[[MakeStore], None]
"""Raises AssertionError if a store with an injected clock breaks the rule."""

_LONGEST_MARK: Final = 1024
_THOUSANDS: Final = 2_000
_NEARLY: Final = KEEP - timedelta(seconds=2)  # some databases count whole seconds
_ENDLESS: Final = timedelta(days=36_501)  # longer than any store of ours keeps a mark


def added_marks_are_handled(store: IdempotencyStore) -> None:
    """`handled` gives what was added, as soon as `add` returns: it reads consistently.

    A record may be delivered again within milliseconds. Some databases read eventually unless told otherwise:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html
    """
    for _ in range(20):
        marks = new_marks(2)
        store.add(marks)
        demand_handled(store, marks, marks, "what was added is handled, as soon as add returns")


def other_marks_are_not_handled(store: IdempotencyStore) -> None:
    """`handled` gives no mark that was not added: such a record would be lost."""
    added, others = new_marks(2), new_marks(2)
    store.add(added)
    demand_handled(store, [*added, *others], added, "a mark that nobody added is not handled")


def only_marks_asked_for_are_given(store: IdempotencyStore) -> None:
    """`handled` gives a part of what it was asked for, whatever else is there."""
    asked, others = new_marks(1), new_marks(2)
    store.add([*asked, *others])
    demand_handled(store, asked, asked, "handled gives only marks that it was asked for")


def reading_leaves_no_mark(store: IdempotencyStore) -> None:
    """`handled` changes nothing: asking for a mark is no claim to it.

    A claim outlives a crash of its owner; retries that end before it does discard records that never ran.
    """
    marks = new_marks(2)
    store.handled(marks)
    demand_handled(store, marks, (), "asking for a mark does not make it")


def marks_added_again_stay(store: IdempotencyStore) -> None:
    """`add` leaves a mark that is there: two deliveries of a record may overlap."""
    [first, second] = marks = new_marks(2)
    store.add([first])
    store.add([first, second])
    demand_handled(store, marks, marks, "a mark that is added again stays")


def marks_named_twice_are_one(store: IdempotencyStore) -> None:
    """`add` and `handled` take a mark twice in one call, as a batch may have a record twice.

    DynamoDB's batch requests refuse a key that they have twice:
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
    """
    [mark] = new_marks(1)
    store.add([mark, mark])
    demand_handled(store, [mark, mark], [mark], "a mark may be named twice in one call")


def no_marks_are_no_error(store: IdempotencyStore) -> None:
    """`add` and `handled` take an empty collection; many databases refuse an empty request."""
    store.add([])
    demand_handled(store, [], (), "of no marks, none is handled")


def any_collection_will_do(store: IdempotencyStore) -> None:
    """`add` and `handled` take any `Collection`, such as a set or the keys of a dict, not just a list."""
    marks = new_marks(6)
    store.add(tuple(marks[:2]))
    store.add(frozenset(marks[2:4]))
    store.add(dict.fromkeys(marks[4:]).keys())
    demand_handled(store, set(marks), marks, "marks come in any collection")


def marks_are_any_text(store: IdempotencyStore) -> None:
    """A mark is opaque: text of 1 byte to 1 KB, with whatever characters names of functions may have.

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
    store.add(marks)
    demand_handled(store, marks, marks, "a mark is any text of at most 1 KB")


def similar_marks_are_different(store: IdempotencyStore) -> None:
    """Marks are equal only if each character is: databases may fold case, spaces and accents, or cut."""
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
    store.add([mark])
    demand_handled(store, [mark, *others], [mark], "marks are equal only if each character is")
    long = _filled(mark, "x")
    store.add([long])
    demand_handled(store, [long, long[:-1] + "y"], [long], "marks of 1 KB may differ in their last character")


def thousands_of_marks_at_once(store: IdempotencyStore) -> None:
    """`handled` and `add` take as many marks as a batch has records times handlers.

    A batch has up to 10,000 records: https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
    """
    marks = new_marks(_THOUSANDS)
    store.add(marks[::2])
    demand_handled(store, marks, marks[::2], f"{_THOUSANDS} marks can be asked for at once")


def threads_share_a_store(store: IdempotencyStore) -> None:
    """All methods may be called from several threads at once: lanes may run side by side."""
    marks = [new_marks(5) for _ in range(THREADS)]

    def work(own: list[str]) -> None:
        for mark in own:
            store.add([mark])
            demand_handled(store, [mark], [mark], "a thread finds what it added")

    in_threads(work, marks)
    everything = [mark for own in marks for mark in own]
    demand_handled(store, everything, everything, "what one thread added is handled for the others")


def marks_count_for_48_hours(make_store: MakeStore) -> None:
    """A mark counts for 48 hours at least.

    A stream keeps records for 24 hours, and by default Lambda retries them all that time:
    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
    """
    clock = VirtualClock(utc_now())
    store = make_store(clock)
    marks = new_marks(2)
    store.add(marks)
    clock.advance(_NEARLY)
    demand_handled(store, marks, marks, "a mark counts for 48 hours at least")


def expired_marks_do_not_count(make_store: MakeStore) -> None:
    """A mark that has expired is not given, even if the database has not deleted it yet.

    DynamoDB deletes late: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ttl-expired-items.html
    """
    clock = VirtualClock(utc_now())
    store = make_store(clock)
    marks = new_marks(2)
    store.add(marks)
    clock.advance(_ENDLESS)
    demand_handled(store, marks, (), "a mark that has expired is not handled")


def expired_marks_can_be_added_again(make_store: MakeStore) -> None:
    """A mark that has expired is no obstacle to the same one, which then counts for 48 hours again."""
    clock = VirtualClock(utc_now())
    store = make_store(clock)
    marks = new_marks(2)
    store.add(marks)
    clock.advance(_ENDLESS)
    store.add(marks)
    clock.advance(_NEARLY)
    demand_handled(store, marks, marks, "a mark that has expired can be added again")


def expired_marks_stop_no_commit(make_store: MakeStore) -> None:
    """A commit takes no notice of a mark that has expired. A store without transactions cannot break it."""
    clock = VirtualClock(utc_now())
    store = make_store(clock)
    [mark] = new_marks(1)
    store.add([mark])
    if isinstance(store, TransactionalStore):
        clock.advance(_ENDLESS)
        again = store.commit(mark, Transaction(), patience=PATIENCE)
        demand(again, "a mark that has expired stops no commit", "commit returned False")
        twice = store.commit(mark, Transaction(), patience=PATIENCE)
        demand(not twice, "a mark that was committed after it expired counts again", "commit returned True")


def committed_marks_expire_as_others(make_store: MakeStore) -> None:
    """A committed mark counts as long as an added one. A store without transactions cannot break it."""
    clock = VirtualClock(utc_now())
    store = make_store(clock)
    [mark] = marks = new_marks(1)
    if isinstance(store, TransactionalStore):
        store.commit(mark, Transaction(), patience=PATIENCE)
        clock.advance(_NEARLY)
        demand_handled(store, marks, marks, "a committed mark counts for 48 hours at least")
        clock.advance(_ENDLESS)
        demand_handled(store, marks, (), "a committed mark that has expired is not handled")


def _filled(mark: str, character: str) -> str:
    """As long as a mark may be, in UTF-8."""
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
    threads_share_a_store,
)

EXPIRY_RULES: Final[tuple[ExpiryRule, ...]] = (
    marks_count_for_48_hours,
    expired_marks_do_not_count,
    expired_marks_can_be_added_again,
    expired_marks_stop_no_commit,
    committed_marks_expire_as_others,
)
