"""What every store that packs transactions must do, as checks that a store can be put through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from ..._conditions import Attr
from ..._engine import Commit, PackingStore
from ..._transaction import Transaction
from ._demands import PATIENCE, demand, demand_handled, in_threads, new_marks
from ._transaction_rules import Items, TableUnderTest

_COPIES: Final = 3

PackingRule: TypeAlias = Callable[[PackingStore, TableUnderTest], None]
"""Raises AssertionError if a store breaks the rule."""


def the_window_is_at_least_one(store: PackingStore, table: TableUnderTest) -> None:  # noqa: ARG001  # as all
    """`window` is 1 where each commit goes alone; with less, none would ever go."""
    demand(store.window >= 1, "the window is at least 1", f"it is {store.window}")


def pack_names_commits_in_order(store: PackingStore, table: TableUnderTest) -> None:
    """`pack` gives rising indexes of what it was given, the first included: so each call makes progress."""
    rule = "pack gives rising indexes, the first of which is 0"
    for commits in _mixed(store, Items(table)):
        packed = list(store.pack(commits))
        demand(packed[:1] == [0], rule, f"it gave {packed}")
        demand(packed == sorted(set(packed)), rule, f"it gave {packed}")
        demand(packed[-1] < len(commits), rule, f"it gave {packed} of {len(commits)} commits")


def a_lane_keeps_its_order(store: PackingStore, table: TableUnderTest) -> None:
    """What `pack` leaves out, leaves out all later commits of its lane: records of one item keep their order.

    A lane that is None may be any.
    """
    for commits in _mixed(store, Items(table)):
        packed = set(store.pack(commits))
        left_out = [index for index in range(len(commits)) if index not in packed]
        overtaken = [
            (index, later)
            for index in left_out
            for later in packed
            if later > index and _may_be_one(commits[index].lane, commits[later].lane)
        ]
        demand(
            not overtaken, "a commit that is left out leaves out all later ones of its lane", f"{overtaken}"
        )


def a_pack_is_done_as_one(store: PackingStore, table: TableUnderTest) -> None:
    """`commit_together` writes all marks and does all writes, and says True."""
    rule = "commit_together writes all marks and does all writes"
    items, commits = _pack(store, table)
    done = store.commit_together(commits, patience=PATIENCE)
    marks = [commit.mark for commit in commits]
    demand(done, rule, "it returned False of new marks, for writes that can be done")
    demand_handled(store, marks, marks, rule)
    items.demand_counts(1, *_names(commits), rule=rule)


def a_mark_that_is_there_stops_a_pack(store: PackingStore, table: TableUnderTest) -> None:
    """`commit_together` says False if a mark is there, and writes nothing: the others go alone then."""
    rule = "commit_together writes nothing and returns False if one mark is there"
    items, commits = _pack(store, table)
    marks = [commit.mark for commit in commits]
    store.add(marks[-1:])
    done = store.commit_together(commits, patience=PATIENCE)
    demand(not done, rule, "it returned True")
    demand_handled(store, marks, marks[-1:], rule)
    items.demand_counts(None, *_names(commits), rule=rule)


def a_false_condition_stops_a_pack(store: PackingStore, table: TableUnderTest) -> None:
    """`commit_together` says False if a condition is false, and writes nothing: one record fails, not all."""
    rule = "commit_together writes nothing and returns False if a condition is false"
    items, commits = _pack(store, table)
    transaction = Transaction()
    transaction.update(items.name, items.key("refused"), set={"x": 1}, when=Attr("x").exists())
    commits[-1] = commits[-1]._replace(transaction=transaction)
    marks = [commit.mark for commit in commits]
    done = store.commit_together(commits, patience=PATIENCE)
    demand(not done, rule, "it returned True")
    demand_handled(store, marks, (), rule)
    items.demand_counts(None, "refused", *_names(commits), rule=rule)


def commits_add_up(store: PackingStore, table: TableUnderTest) -> None:
    """However `pack` divides them, commits that add to the same items all count, each once."""
    rule = "commits that add to the same items all count"
    items = Items(table)
    commits = [
        Commit(mark, items.add_one("every", f"of-{number % 5}"), number % 7)
        for number, mark in enumerate(new_marks(30))
    ]
    _commit_packed(store, commits)
    marks = [commit.mark for commit in commits]
    demand_handled(store, marks, marks, rule)
    items.demand_counts(30, "every", rule=rule)
    items.demand_counts(6, *(f"of-{number}" for number in range(5)), rule=rule)


def later_commits_win(store: PackingStore, table: TableUnderTest) -> None:
    """However `pack` divides them, commits of one lane to one item happen in their order."""
    rule = "commits of one lane happen in their order"
    items = Items(table)
    commits: list[Commit] = []
    for number, mark in enumerate(new_marks(12)):
        transaction = Transaction()
        transaction.update(items.name, items.key(f"of-{number % 3}"), set={"count": number})
        commits.append(Commit(mark, transaction, number % 3))
    _commit_packed(store, commits)
    for number in range(3):
        items.demand_counts(9 + number, f"of-{number}", rule=rule)


def copies_of_a_batch_count_once(store: PackingStore, table: TableUnderTest) -> None:
    """Commits that are packed and committed by several at once are done once: deliveries may overlap."""
    rule = "of copies of a batch at once, each commit is done once"
    items = Items(table)
    commits = [
        Commit(mark, items.add_one("every", str(number)), number) for number, mark in enumerate(new_marks(6))
    ]
    in_threads(lambda copy: _commit_packed(store, copy), [commits] * _COPIES)
    items.demand_counts(len(commits), "every", rule=rule)
    items.demand_counts(1, *_names(commits), rule=rule)


def _commit_packed(store: PackingStore, waiting: Sequence[Commit]) -> None:
    """As an app does it: what is left out waits for the next pack, what fails together goes alone."""
    while waiting:
        packed = set(store.pack(waiting[: store.window]))
        commits = [commit for index, commit in enumerate(waiting) if index in packed]
        if not store.commit_together(commits, patience=PATIENCE):
            for commit in commits:
                store.commit(commit.mark, commit.transaction, patience=PATIENCE)
        waiting = [commit for index, commit in enumerate(waiting) if index not in packed]


def _pack(store: PackingStore, table: TableUnderTest) -> tuple[Items, list[Commit]]:
    """Commits that the store wants to do together, two or more unless its window is 1."""
    items = Items(table)
    offered = [
        Commit(mark, items.add_one(str(number)), number)
        for number, mark in enumerate(new_marks(min(store.window, 5)))
    ]
    return items, [offered[index] for index in store.pack(offered)]


def _mixed(store: PackingStore, items: Items) -> Iterable[Sequence[Commit]]:
    """Commits of several lanes that get into each other's way, of which a store may pack but some."""
    writes = [("a", 1), ("a", 1), ("b", 1), ("c", 2), ("a", 2), ("d", 2), ("b", 3), ("e", 3), ("f", 4)]
    for unknown in [(), (0,), (1, 7), range(len(writes))]:
        commits = [
            Commit(mark, _put(items, name), None if index in unknown else lane)
            for index, (mark, (name, lane)) in enumerate(zip(new_marks(len(writes)), writes, strict=True))
        ]
        yield commits[: store.window]


def _put(items: Items, name: str) -> Transaction:
    """What cannot be done twice in one request."""
    transaction = Transaction()
    transaction.update(items.name, items.key(name), set={"count": 1})
    return transaction


def _names(commits: Sequence[Commit]) -> list[str]:
    return [str(number) for number in range(len(commits))]


def _may_be_one(lane: object, other: object) -> bool:
    return lane is None or other is None or lane == other


PACKING_RULES: Final[tuple[PackingRule, ...]] = (
    the_window_is_at_least_one,
    pack_names_commits_in_order,
    a_lane_keeps_its_order,
    a_pack_is_done_as_one,
    a_mark_that_is_there_stops_a_pack,
    a_false_condition_stops_a_pack,
    commits_add_up,
    later_commits_win,
    copies_of_a_batch_count_once,
)
