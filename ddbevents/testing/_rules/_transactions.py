"""Rules for every store that commits transactions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from ..._conditions import Attr
from ..._engine import TransactionalStore
from ..._transaction import Transaction
from ._checks import PATIENCE, THREADS, new_marks, require, require_handled
from ._items import Items, TableUnderTest
from ._writes import (
    SKIPS,
    commit,
    commit_all,
    commit_at_once,
    refused,
    require_refusal,
    skipped,
)

_MOST_WRITES: Final = 99  # DynamoDB takes 100 actions in a transaction, and one is the mark's
_ROUNDS: Final = 3  # a race does not show every time


TransactionRule: TypeAlias = Callable[[TransactionalStore, TableUnderTest], None]
"""Raises AssertionError if a store breaks the rule."""


def a_commit_writes_mark_and_items(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` writes the mark, does all writes and returns True."""
    rule = "a commit writes its mark and does all its writes"
    items, [mark] = Items(table), new_marks(1)
    done = store.commit(mark, items.add_one("a", "b"), patience=PATIENCE)
    require(done, rule, "commit returned False for a new mark")
    require_handled(store, [mark], [mark], rule)
    items.require_counts(1, "a", "b", rule=rule)


def a_second_commit_writes_nothing(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` writes nothing and returns False if the mark exists: the effect has happened."""
    rule = "a commit whose mark exists writes nothing and returns False"
    items, [mark] = Items(table), new_marks(1)
    store.commit(mark, items.add_one("a"), patience=PATIENCE)
    again = store.commit(mark, items.add_one("a", "b"), patience=PATIENCE)
    require(not again, rule, "commit returned True")
    items.require_counts(1, "a", rule=rule)
    items.require_counts(None, "b", rule=rule)


def an_added_mark_stops_a_commit(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` treats a mark that `add` wrote like one that `commit` wrote."""
    rule = "a commit whose mark was added before writes nothing and returns False"
    items, [mark] = Items(table), new_marks(1)
    store.add([mark], patience=PATIENCE)
    done = store.commit(mark, items.add_one("a"), patience=PATIENCE)
    require(not done, rule, "commit returned True")
    items.require_counts(None, "a", rule=rule)


def a_mark_counts_more_than_a_condition(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` returns False if the mark exists, even if a condition no longer holds.

    The condition may not hold because the effect has happened. An error would fail the record for ever.
    """
    rule = "an existing mark counts, even if a condition does not hold"
    items, [mark] = Items(table), new_marks(1)
    store.commit(mark, items.add_one("a"), patience=PATIENCE)
    require(not commit(store, mark, refused(items), rule), rule, "commit returned True")


def a_false_condition_stops_all_writes(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` raises TransactionError and writes nothing, not even the mark, if a condition does not hold.

    All or nothing: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
    """
    rule = "a commit with a condition that does not hold writes nothing and raises TransactionError"
    for first, last in [(["a"], []), ([], ["a"]), (["a"], ["b"])]:
        items, [mark] = Items(table), new_marks(1)
        require_refusal(store, mark, refused(items, before=first, after=last), rule)
        require_handled(store, [mark], (), rule)
        items.require_counts(None, "a", "b", "refused", rule=rule)


def a_false_skip_drops_all_writes(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` writes the mark alone and returns True if all false conditions have `on_conflict="skip"`."""
    rule = "a commit of which only conditions with on_conflict='skip' do not hold writes its mark alone"
    for first, last in [(["a"], []), ([], ["a"]), (["a"], ["b"])]:
        items, [mark] = Items(table), new_marks(1)
        transaction = skipped(items, before=first, after=last)
        require(commit(store, mark, transaction, rule), rule, "commit returned False for a new mark")
        require_handled(store, [mark], [mark], rule)
        items.require_counts(None, "a", "b", *SKIPS, rule=rule)
        again = commit(store, mark, items.add_one("a"), rule)
        require(not again, rule, "a second commit of the mark returned True")
        items.require_counts(None, "a", rule=rule)


def a_false_condition_stops_a_skip(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` raises TransactionError and writes nothing if a condition of another kind is false too."""
    rule = "a commit with a condition that does not hold fails, whatever else is to be skipped"
    for skips_first in (True, False):
        items, [mark] = Items(table), new_marks(1)
        transaction = skipped(items) if skips_first else refused(items)
        add = refused if skips_first else skipped
        require_refusal(store, mark, add(items, to=transaction), rule)
        require_handled(store, [mark], (), rule)
        items.require_counts(None, "refused", *SKIPS, rule=rule)


def a_true_skip_does_its_write(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` does all writes if their conditions hold, also those with `on_conflict="skip"`."""
    rule = "a commit whose conditions hold does all its writes, also those that may be skipped"
    items, [mark] = Items(table), new_marks(1)
    commit_all(store, items, {"updated": {"count": 1}, "deleted": {"count": 1}, "checked": {"count": 1}})
    is_one = Attr("count").eq(1)
    transaction = items.add_one("a")
    transaction.put(items.name, {**items.key("put"), "count": 1}, when=~is_one, on_conflict="skip")
    transaction.update(items.name, items.key("updated"), add={"count": 1}, when=is_one, on_conflict="skip")
    transaction.delete(items.name, items.key("deleted"), when=is_one, on_conflict="skip")
    transaction.check(items.name, items.key("checked"), on_conflict="skip")
    require(commit(store, mark, transaction, rule), rule, "commit returned False")
    require_handled(store, [mark], [mark], rule)
    items.require_counts(1, "a", "put", "checked", rule=rule)
    items.require_counts(2, "updated", rule=rule)
    items.require_counts(None, "deleted", rule=rule)


def a_mark_counts_more_than_a_skip(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` returns False if the mark exists, even if the writes would be skipped now."""
    rule = "an existing mark counts, even if the writes would be skipped"
    items, [mark] = Items(table), new_marks(1)
    store.commit(mark, items.add_one("a"), patience=PATIENCE)
    require(not commit(store, mark, skipped(items), rule), rule, "commit returned True")
    items.require_counts(1, "a", rule=rule)


def a_refused_commit_can_be_done_later(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` can be called again for a mark whose commit was refused, when Lambda retries its record."""
    rule = "a refused commit can be done later"
    items, [mark] = Items(table), new_marks(1)
    require_refusal(store, mark, refused(items), rule)
    require(store.commit(mark, items.add_one("a"), patience=PATIENCE), rule, "commit returned False")
    items.require_counts(1, "a", rule=rule)


def a_commit_without_writes_writes_the_mark(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` writes the mark of a transaction without writes."""
    rule = "a commit without writes writes its mark"
    [mark] = new_marks(1)
    require(store.commit(mark, Transaction(), patience=PATIENCE), rule, "commit returned False")
    require_handled(store, [mark], [mark], rule)
    require(
        not store.commit(mark, Items(table).add_one("a"), patience=PATIENCE),
        rule,
        "a second commit returned True",
    )


def every_write_does_what_it_says(store: TransactionalStore, table: TableUnderTest) -> None:
    """`put` replaces an item, `update` changes its attributes, `delete` deletes it, `check` changes nothing.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
    """
    rule = "every write does to its item what DynamoDB does"
    items = Items(table)
    old = {"count": 1, "tags": {"x", "y"}, "gone": "g", "kept": "k"}
    commit_all(store, items, dict.fromkeys(["put", "updated", "deleted", "checked"], old))
    transaction = Transaction()
    transaction.put(items.name, {**items.key("put"), "count": 2})
    transaction.update(
        items.name,
        items.key("updated"),
        set={"new": "n"},
        add={"count": 2},
        remove=["gone"],
        delete={"tags": {"x"}},
    )
    transaction.delete(items.name, items.key("deleted"))
    transaction.check(items.name, items.key("checked"))
    require(store.commit(new_marks(1)[0], transaction, patience=PATIENCE), rule, "commit returned False")
    items.require("put", {"count": 2}, rule)
    items.require("updated", {"count": 3, "tags": {"y"}, "kept": "k", "new": "n"}, rule)
    items.require("deleted", None, rule)
    items.require("checked", old, rule)


def conditions_see_the_item_before(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` evaluates conditions on items as they are before the transaction."""
    rule = "a commit succeeds if its conditions hold for the items before it"
    items = Items(table)
    commit_all(store, items, {"a": {"count": 1}, "b": {"count": 1}, "c": {"count": 1}})
    is_one = Attr("count").eq(1)
    transaction = Transaction()
    transaction.update(items.name, items.key("a"), add={"count": 1}, when=is_one)
    transaction.put(items.name, {**items.key("new"), "count": 1}, when=~is_one & Attr("count").not_exists())
    transaction.delete(items.name, items.key("b"), when=is_one)
    transaction.check(items.name, items.key("c"), when=is_one)
    require(store.commit(new_marks(1)[0], transaction, patience=PATIENCE), rule, "commit returned False")
    items.require_counts(2, "a", rule=rule)
    items.require_counts(1, "new", rule=rule)
    items.require_counts(None, "b", rule=rule)
    items.require_counts(1, "c", rule=rule)


def two_writes_to_an_item_are_refused(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` raises TransactionError for two writes to one item: DynamoDB refuses such a request."""
    rule = "a commit with two writes to one item writes nothing and raises TransactionError"
    items, [mark] = Items(table), new_marks(1)
    require_refusal(store, mark, items.add_one("a", "b", "a"), rule)
    require_handled(store, [mark], (), rule)
    items.require_counts(None, "a", "b", rule=rule)


def ninety_nine_writes_are_one_commit(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` does 99 writes and raises TransactionError for more: DynamoDB takes 100, with the mark.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
    """
    rule = f"{_MOST_WRITES} writes are one commit, and one more is refused"
    items, [first, second] = Items(table), new_marks(2)
    names = [str(number) for number in range(_MOST_WRITES)]
    require(
        store.commit(first, items.add_one(*names), patience=PATIENCE), rule, "commit of 99 returned False"
    )
    require_refusal(store, second, items.add_one(*names, "one more"), rule)
    require_handled(store, [first, second], [first], rule)
    items.require_counts(1, *names, rule=rule)
    items.require_counts(None, "one more", rule=rule)


def threads_commit_a_mark_once(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` succeeds once if called for one mark at the same time: deliveries can overlap."""
    rule = "of simultaneous commits of one mark, one succeeds"
    for _ in range(_ROUNDS):
        items, marks = Items(table), new_marks(1) * THREADS
        done = commit_at_once(store, marks, items)
        require(done.count(True) == 1, rule, f"{done.count(True)} of {THREADS} returned True")
        items.require_counts(1, "a", rule=rule)


def threads_add_to_one_item(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` loses no update if called for one item at the same time, but waits for the others."""
    rule = "simultaneous commits to one item all count"
    items, marks = Items(table), new_marks(THREADS)
    done = commit_at_once(store, marks, items)
    require(all(done), rule, f"{done.count(False)} of {THREADS} returned False")
    require_handled(store, marks, marks, rule)
    items.require_counts(THREADS, "a", rule=rule)


TRANSACTION_RULES: Final[tuple[TransactionRule, ...]] = (
    a_commit_writes_mark_and_items,
    a_second_commit_writes_nothing,
    an_added_mark_stops_a_commit,
    a_mark_counts_more_than_a_condition,
    a_false_condition_stops_all_writes,
    a_false_skip_drops_all_writes,
    a_false_condition_stops_a_skip,
    a_true_skip_does_its_write,
    a_mark_counts_more_than_a_skip,
    a_refused_commit_can_be_done_later,
    a_commit_without_writes_writes_the_mark,
    every_write_does_what_it_says,
    conditions_see_the_item_before,
    two_writes_to_an_item_are_refused,
    ninety_nine_writes_are_one_commit,
    threads_commit_a_mark_once,
    threads_add_to_one_item,
)
