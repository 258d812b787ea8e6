"""What every store with transactions must do, as checks that a store can be put through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from uuid import uuid4

from ..._conditions import Attr
from ..._engine import TransactionalStore
from ..._errors import TransactionError
from ..._transaction import Transaction
from ...stores._limits import MOST_WRITES
from ._demands import PATIENCE, THREADS, demand, demand_handled, in_threads, new_marks

_ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)  # in a NamedTuple, pyright does not know a lambda's parameters
class TableUnderTest:
    """A table that a store writes to, so that rules can try it. It need not be empty: keys are new each time.

    Attributes:
        name: The table's name, as the store knows it.
        read: Gives the item with a primary key such as `{"pk": "a"}`, as Python values, or None. It must read
            consistently.
        key: The name of the only attribute of its primary key, which is text.
    """

    name: str
    read: Callable[[dict[str, str]], Mapping[str, Any] | None]
    key: str = "pk"


TransactionRule: TypeAlias = Callable[[TransactionalStore, TableUnderTest], None]
"""Raises AssertionError if a store breaks the rule."""


class Items:
    """Items of a table under test that no other rule has."""

    def __init__(self, table: TableUnderTest) -> None:
        self.table = table
        self.name = table.name
        self._prefix = uuid4().hex

    def key(self, name: str) -> dict[str, str]:
        return {self.table.key: f"{self._prefix}-{name}"}

    def add_one(self, *names: str) -> Transaction:
        """A transaction that adds 1 to the `count` of each of these items."""
        transaction = Transaction()
        for name in names:
            transaction.update(self.name, self.key(name), add={"count": 1})
        return transaction

    def demand(self, name: str, attributes: Mapping[str, Any] | None, rule: str) -> None:
        """Let the rule be broken unless the item has these attributes beside its key, or is not there."""
        found = self.table.read(self.key(name))
        if attributes is None:
            demand(found is None, rule, f"the item {name!r} is there, though it should not be")
        else:
            wanted = {**self.key(name), **attributes}
            demand(found is not None, rule, f"the item {name!r} is not there")
            demand(found == wanted, rule, f"the item {name!r} is not as it should be")

    def demand_counts(self, count: int | None, *names: str, rule: str) -> None:
        for name in names:
            self.demand(name, None if count is None else {"count": count}, rule)


def a_commit_writes_mark_and_items(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` writes the mark and does the writes, and says True."""
    rule = "a commit writes the mark and does all writes"
    items, [mark] = Items(table), new_marks(1)
    done = store.commit(mark, items.add_one("a", "b"), patience=PATIENCE)
    demand(done, rule, "commit returned False for a new mark")
    demand_handled(store, [mark], [mark], rule)
    items.demand_counts(1, "a", "b", rule=rule)


def a_second_commit_writes_nothing(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` says False of a mark that is there, and does no write: the effect happened already."""
    rule = "a commit whose mark is there writes nothing and returns False"
    items, [mark] = Items(table), new_marks(1)
    store.commit(mark, items.add_one("a"), patience=PATIENCE)
    again = store.commit(mark, items.add_one("a", "b"), patience=PATIENCE)
    demand(not again, rule, "commit returned True")
    items.demand_counts(1, "a", rule=rule)
    items.demand_counts(None, "b", rule=rule)


def an_added_mark_stops_a_commit(store: TransactionalStore, table: TableUnderTest) -> None:
    """A mark that `add` wrote is as good as one that `commit` wrote."""
    rule = "a commit whose mark was added writes nothing and returns False"
    items, [mark] = Items(table), new_marks(1)
    store.add([mark])
    done = store.commit(mark, items.add_one("a"), patience=PATIENCE)
    demand(not done, rule, "commit returned True")
    items.demand_counts(None, "a", rule=rule)


def a_mark_counts_more_than_a_condition(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` says False of a mark that is there, whatever became of the writes' conditions since.

    A condition may be false because the effect happened. An error would fail the record again and again.
    """
    rule = "a mark that is there counts, even if a condition is false"
    items, [mark] = Items(table), new_marks(1)
    store.commit(mark, items.add_one("a"), patience=PATIENCE)
    try:
        done = store.commit(mark, _refused(items), patience=PATIENCE)
    except TransactionError as error:
        raise AssertionError(f"{rule}: commit raised TransactionError") from error
    demand(not done, rule, "commit returned True")


def a_false_condition_stops_all_writes(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` raises TransactionError if a condition is false, and writes neither mark nor items.

    All or nothing: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
    """
    rule = "a commit with a false condition writes nothing and raises TransactionError"
    for first, last in [(["a"], []), ([], ["a"]), (["a"], ["b"])]:
        items, [mark] = Items(table), new_marks(1)
        _demand_refused(store, mark, _refused(items, before=first, after=last), rule)
        demand_handled(store, [mark], (), rule)
        items.demand_counts(None, "a", "b", "refused", rule=rule)


def a_refused_commit_can_be_done_later(store: TransactionalStore, table: TableUnderTest) -> None:
    """A commit that was refused leaves nothing behind that stops it when its record is delivered again."""
    rule = "a commit that was refused can be done later"
    items, [mark] = Items(table), new_marks(1)
    _demand_refused(store, mark, _refused(items), rule)
    demand(store.commit(mark, items.add_one("a"), patience=PATIENCE), rule, "commit returned False")
    items.demand_counts(1, "a", rule=rule)


def a_commit_without_writes_writes_the_mark(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` writes the mark of a handler that asked for nothing."""
    rule = "a commit without writes writes its mark"
    [mark] = new_marks(1)
    demand(store.commit(mark, Transaction(), patience=PATIENCE), rule, "commit returned False")
    demand_handled(store, [mark], [mark], rule)
    demand(not store.commit(mark, Items(table).add_one("a"), patience=PATIENCE), rule, "it was done twice")


def every_write_does_what_it_says(store: TransactionalStore, table: TableUnderTest) -> None:
    """A put replaces, an update sets, adds, removes and takes out, a delete deletes, a check changes nothing.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
    """
    rule = "each write does to its item what DynamoDB does"
    items = Items(table)
    old = {"count": 1, "tags": {"x", "y"}, "gone": "g", "kept": "k"}
    _commit_all(store, items, dict.fromkeys(["put", "updated", "deleted", "checked"], old))
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
    demand(store.commit(new_marks(1)[0], transaction, patience=PATIENCE), rule, "commit returned False")
    items.demand("put", {"count": 2}, rule)
    items.demand("updated", {"count": 3, "tags": {"y"}, "kept": "k", "new": "n"}, rule)
    items.demand("deleted", None, rule)
    items.demand("checked", old, rule)


def conditions_see_the_item_before(store: TransactionalStore, table: TableUnderTest) -> None:
    """A condition is about the item as it is before the transaction; one that is true stops nothing."""
    rule = "a commit whose conditions are true of the items before it is done"
    items = Items(table)
    _commit_all(store, items, {"a": {"count": 1}, "b": {"count": 1}, "c": {"count": 1}})
    is_one = Attr("count").eq(1)
    transaction = Transaction()
    transaction.update(items.name, items.key("a"), add={"count": 1}, when=is_one)
    transaction.put(items.name, {**items.key("new"), "count": 1}, when=~is_one & Attr("count").not_exists())
    transaction.delete(items.name, items.key("b"), when=is_one)
    transaction.check(items.name, items.key("c"), when=is_one)
    demand(store.commit(new_marks(1)[0], transaction, patience=PATIENCE), rule, "commit returned False")
    items.demand_counts(2, "a", rule=rule)
    items.demand_counts(1, "new", rule=rule)
    items.demand_counts(None, "b", rule=rule)
    items.demand_counts(1, "c", rule=rule)


def two_writes_to_an_item_are_refused(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` raises TransactionError for two writes to one item, as DynamoDB refuses such a request."""
    rule = "two writes to one item raise TransactionError, and nothing is written"
    items, [mark] = Items(table), new_marks(1)
    _demand_refused(store, mark, items.add_one("a", "b", "a"), rule)
    demand_handled(store, [mark], (), rule)
    items.demand_counts(None, "a", "b", rule=rule)


def ninety_nine_writes_are_one_commit(store: TransactionalStore, table: TableUnderTest) -> None:
    """`commit` does 99 writes and raises TransactionError for more: DynamoDB takes 100, one is the mark's.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
    """
    rule = f"{MOST_WRITES} writes are one commit, and one more is refused"
    items, [first, second] = Items(table), new_marks(2)
    names = [str(number) for number in range(MOST_WRITES)]
    demand(store.commit(first, items.add_one(*names), patience=PATIENCE), rule, "commit of 99 returned False")
    _demand_refused(store, second, items.add_one(*names, "one more"), rule)
    demand_handled(store, [first, second], [first], rule)
    items.demand_counts(1, *names, rule=rule)
    items.demand_counts(None, "one more", rule=rule)


def threads_commit_a_mark_once(store: TransactionalStore, table: TableUnderTest) -> None:
    """Of several commits of one mark at the same time one is done: a delivery may overlap with the next."""
    rule = "of several commits of one mark at once, one is done"
    for _ in range(_ROUNDS):
        items, marks = Items(table), new_marks(1) * THREADS
        done = _commit_at_once(store, marks, items)
        demand(done.count(True) == 1, rule, f"{done.count(True)} of {THREADS} returned True")
        items.demand_counts(1, "a", rule=rule)


def threads_add_to_one_item(store: TransactionalStore, table: TableUnderTest) -> None:
    """Commits at the same time to one item are all done: `commit` waits for others, and loses no update."""
    rule = "commits to one item at once are all done"
    items, marks = Items(table), new_marks(THREADS)
    done = _commit_at_once(store, marks, items)
    demand(all(done), rule, f"{done.count(False)} of {THREADS} returned False")
    demand_handled(store, marks, marks, rule)
    items.demand_counts(THREADS, "a", rule=rule)


def _refused(items: Items, *, before: list[str] | None = None, after: list[str] | None = None) -> Transaction:
    """A transaction with a condition that is false, between writes that could be done."""
    transaction = items.add_one(*(before or []))
    transaction.update(items.name, items.key("refused"), set={"x": 1}, when=Attr("x").exists())
    for name in after or []:
        transaction.update(items.name, items.key(name), add={"count": 1})
    return transaction


def _demand_refused(store: TransactionalStore, mark: str, transaction: Transaction, rule: str) -> None:
    try:
        done = store.commit(mark, transaction, patience=PATIENCE)
    except TransactionError:
        return
    demand(holds=False, rule=rule, otherwise=f"commit returned {done}")


def _commit_at_once(store: TransactionalStore, marks: list[str], items: Items) -> list[bool]:
    def work(mark: str) -> bool:
        return store.commit(mark, items.add_one("a"), patience=PATIENCE)

    return in_threads(work, marks)


def _commit_all(store: TransactionalStore, items: Items, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """Put what a rule starts from."""
    transaction = Transaction()
    for name, attributes in wanted.items():
        transaction.update(items.name, items.key(name), set=attributes)
    store.commit(new_marks(1)[0], transaction, patience=PATIENCE)


TRANSACTION_RULES: Final[tuple[TransactionRule, ...]] = (
    a_commit_writes_mark_and_items,
    a_second_commit_writes_nothing,
    an_added_mark_stops_a_commit,
    a_mark_counts_more_than_a_condition,
    a_false_condition_stops_all_writes,
    a_refused_commit_can_be_done_later,
    a_commit_without_writes_writes_the_mark,
    every_write_does_what_it_says,
    conditions_see_the_item_before,
    two_writes_to_an_item_are_refused,
    ninety_nine_writes_are_one_commit,
    threads_commit_a_mark_once,
    threads_add_to_one_item,
)
