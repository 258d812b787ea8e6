"""Rules for every store that packs several commits into one request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from ..._conditions import Attr
from ..._engine import Commit, PackingStore
from ..._transaction import Transaction
from ._checks import PATIENCE, in_threads, new_marks, require, require_handled
from ._items import Items, TableUnderTest

_COPIES: Final = 3

PackingRule: TypeAlias = Callable[[PackingStore, TableUnderTest], None]
"""Raises AssertionError if a store breaks the rule."""


def the_window_is_at_least_one(store: PackingStore, table: TableUnderTest) -> None:  # noqa: ARG001  # all rules have it
    """`window` is at least 1, or nothing would ever be committed."""
    require(store.window >= 1, "the window is at least 1", f"window is {store.window}")


def pack_names_commits_in_order(store: PackingStore, table: TableUnderTest) -> None:
    """`pack` returns rising indexes of the given commits, with the first, so each call makes progress."""
    rule = "pack returns rising indexes of the given commits, the first of which is 0"
    for commits in _mixed(store, Items(table)):
        packed = list(store.pack(commits, patience=PATIENCE))
        require(packed[:1] == [0], rule, f"pack returned {packed}")
        require(packed == sorted(set(packed)), rule, f"pack returned {packed}")
        require(packed[-1] < len(commits), rule, f"pack returned {packed} for {len(commits)} commits")


def a_lane_keeps_its_order(store: PackingStore, table: TableUnderTest) -> None:
    """`pack` leaves out all commits of a lane after one it leaves out: an item's records keep their order.

    A lane that is None can be any lane.
    """
    for commits in _mixed(store, Items(table)):
        packed = set(store.pack(commits, patience=PATIENCE))
        left_out = [index for index in range(len(commits)) if index not in packed]
        overtaken = [
            (index, later)
            for index in left_out
            for later in packed
            if later > index and _may_be_one(commits[index].lane, commits[later].lane)
        ]
        require(
            not overtaken,
            "a commit that pack leaves out is not overtaken in its lane",
            f"pack left out and then chose {overtaken}",
        )


def a_pack_is_done_as_one(store: PackingStore, table: TableUnderTest) -> None:
    """`commit_together` writes all marks, does all writes and returns True."""
    rule = "commit_together writes all marks and does all writes"
    items, commits = _pack(store, table)
    done = store.commit_together(commits, patience=PATIENCE)
    marks = [commit.mark for commit in commits]
    require(done, rule, "it returned False for new marks and valid writes")
    require_handled(store, marks, marks, rule)
    items.require_counts(1, *_names(commits), rule=rule)


def a_mark_that_is_there_stops_a_pack(store: PackingStore, table: TableUnderTest) -> None:
    """`commit_together` writes nothing and returns False if a mark exists. Then the app commits singly."""
    rule = "commit_together writes nothing and returns False if a mark exists"
    items, commits = _pack(store, table)
    marks = [commit.mark for commit in commits]
    store.add(marks[-1:], patience=PATIENCE)
    done = store.commit_together(commits, patience=PATIENCE)
    require(not done, rule, "it returned True")
    require_handled(store, marks, marks[-1:], rule)
    items.require_counts(None, *_names(commits), rule=rule)


def a_false_condition_stops_a_pack(store: PackingStore, table: TableUnderTest) -> None:
    """`commit_together` writes nothing and returns False if a condition does not hold: one record fails."""
    rule = "commit_together writes nothing and returns False if a condition does not hold"
    items, commits = _pack(store, table)
    transaction = Transaction()
    transaction.update(items.name, items.key("refused"), set={"x": 1}, when=Attr("x").exists())
    commits[-1] = commits[-1]._replace(transaction=transaction)
    marks = [commit.mark for commit in commits]
    done = store.commit_together(commits, patience=PATIENCE)
    require(not done, rule, "it returned True")
    require_handled(store, marks, (), rule)
    items.require_counts(None, "refused", *_names(commits), rule=rule)


def a_skip_drops_no_other_commit(store: PackingStore, table: TableUnderTest) -> None:
    """A commit whose writes are skipped drops no writes of others, however `pack` divides them."""
    rule = "a commit that is skipped drops only its own writes"
    items = Items(table)
    commits = [Commit(mark, items.add_one(str(number)), number) for number, mark in enumerate(new_marks(5))]
    dropped = items.add_one("dropped")
    dropped.update(
        items.name, items.key("skipped"), set={"x": 1}, when=Attr("x").exists(), on_conflict="skip"
    )
    [mark] = new_marks(1)
    commits.insert(1, Commit(mark, dropped, mark))
    _commit_packed(store, commits)
    marks = [commit.mark for commit in commits]
    require_handled(store, marks, marks, rule)
    items.require_counts(1, *_names(commits[1:]), rule=rule)
    items.require_counts(None, "dropped", "skipped", rule=rule)


def commits_add_up(store: PackingStore, table: TableUnderTest) -> None:
    """Commits that add to the same items each count once, however `pack` divides them."""
    rule = "commits that add to the same items each count once"
    items = Items(table)
    commits = [
        Commit(mark, items.add_one("every", f"of-{number % 5}"), number % 7)
        for number, mark in enumerate(new_marks(30))
    ]
    _commit_packed(store, commits)
    marks = [commit.mark for commit in commits]
    require_handled(store, marks, marks, rule)
    items.require_counts(30, "every", rule=rule)
    items.require_counts(6, *(f"of-{number}" for number in range(5)), rule=rule)


def later_commits_win(store: PackingStore, table: TableUnderTest) -> None:
    """Commits of a lane to one item happen in order, however `pack` divides them."""
    rule = "commits of a lane happen in order"
    items = Items(table)
    commits: list[Commit] = []
    for number, mark in enumerate(new_marks(12)):
        transaction = Transaction()
        transaction.update(items.name, items.key(f"of-{number % 3}"), set={"count": number})
        commits.append(Commit(mark, transaction, number % 3))
    _commit_packed(store, commits)
    for number in range(3):
        items.require_counts(9 + number, f"of-{number}", rule=rule)


def copies_of_a_batch_count_once(store: PackingStore, table: TableUnderTest) -> None:
    """Commits that several processes pack at the same time happen once: deliveries can overlap."""
    rule = "if a batch is committed by several processes at once, each commit happens once"
    items = Items(table)
    commits = [
        Commit(mark, items.add_one("every", str(number)), number) for number, mark in enumerate(new_marks(6))
    ]
    in_threads(lambda copy: _commit_packed(store, copy), [commits] * _COPIES)
    items.require_counts(len(commits), "every", rule=rule)
    items.require_counts(1, *_names(commits), rule=rule)


def _commit_packed(store: PackingStore, waiting: Sequence[Commit]) -> None:
    """Commit as an app does: commits left out wait for the next pack, and a refused pack goes one by one."""
    while waiting:
        packed = set(store.pack(waiting[: store.window], patience=PATIENCE))
        commits = [commit for index, commit in enumerate(waiting) if index in packed]
        if not store.commit_together(commits, patience=PATIENCE):
            for commit in commits:
                store.commit(commit.mark, commit.transaction, patience=PATIENCE)
        waiting = [commit for index, commit in enumerate(waiting) if index not in packed]


def _pack(store: PackingStore, table: TableUnderTest) -> tuple[Items, list[Commit]]:
    """Return commits that the store packs together; at least two unless its window is 1."""
    items = Items(table)
    offered = [
        Commit(mark, items.add_one(str(number)), number)
        for number, mark in enumerate(new_marks(min(store.window, 5)))
    ]
    return items, [offered[index] for index in store.pack(offered, patience=PATIENCE)]


def _mixed(store: PackingStore, items: Items) -> Iterable[Sequence[Commit]]:
    """Yield commits of several lanes, not all of which fit into one pack."""
    writes = [("a", 1), ("a", 1), ("b", 1), ("c", 2), ("a", 2), ("d", 2), ("b", 3), ("e", 3), ("f", 4)]
    for unknown in [(), (0,), (1, 7), range(len(writes))]:
        commits = [
            Commit(mark, _put(items, name), None if index in unknown else lane)
            for index, (mark, (name, lane)) in enumerate(zip(new_marks(len(writes)), writes, strict=True))
        ]
        yield commits[: store.window]


def _put(items: Items, name: str) -> Transaction:
    """Return a transaction that a request cannot contain twice."""
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
    a_skip_drops_no_other_commit,
    commits_add_up,
    later_commits_win,
    copies_of_a_batch_count_once,
)
