"""Branches: the ways in which a record may be wanted, each a set of leaves that must all match.

A list of branches is their disjunction: no branch matches nothing, and a branch without leaves matches every
record. A result may match more records than what it was made of, never fewer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from ..._records import Kind
from ._alternatives import ANYTHING, Alternatives, are_within, as_json, intersection, union

Leaf: TypeAlias = tuple[str, ...]
"""The names that lead to a value in a record, the type tag among them."""

Branch: TypeAlias = Mapping[Leaf, Alternatives]
Branches: TypeAlias = Sequence[Branch]

KIND: Final[Leaf] = ("eventName",)
"""The leaf that has the kind of a change."""

KINDS: Final[tuple[Kind, ...]] = ("INSERT", "MODIFY", "REMOVE")
"""The kinds that a stream has."""

ALL: Final[Branches] = ({},)
MOST_BRANCHES: Final = 100
"""A condition with more than these is widened, which keeps the time to make patterns short."""


def both(one: Branches, other: Branches) -> Branches | None:
    """Return branches that match what both match; None if there were too many."""
    if len(one) * len(other) > MOST_BRANCHES:
        return None
    found = [_both(each, another) for each in one for another in other]
    return joined(branch for branch in found if branch is not None)


def joined(branches: Iterable[Branch]) -> Branches:
    """Return fewer branches that match exactly the same.

    Those that others include are left out, and those that differ in a single leaf become one.
    """
    made: list[Branch] = []
    for branch in branches:
        _add(made, _simple(branch))
    return tuple(made)


def merged(one: Branch, other: Branch) -> Branch:
    """Return one branch that matches what two match, and more if they differ in several leaves."""
    return _simple({leaf: union(one[leaf], other[leaf]) for leaf in one if leaf in other})


def includes(outer: Branch, inner: Branch) -> bool:
    """Return whether it is certain that one branch matches whatever another does."""
    return all(leaf in inner and are_within(inner[leaf], wanted) for leaf, wanted in outer.items())


def as_pattern(branch: Branch) -> dict[str, Any]:
    """Return a branch as a filter pattern."""
    pattern: dict[str, Any] = {}
    for leaf, alternatives in branch.items():
        inner = pattern
        for name in leaf[:-1]:
            inner = inner.setdefault(name, {})
        inner[leaf[-1]] = as_json(alternatives)
    return pattern


def _both(one: Branch, other: Branch) -> Branch | None:
    made = {**one, **other}
    for leaf in one.keys() & other.keys():
        made[leaf] = intersection(one[leaf], other[leaf])
        if not made[leaf]:
            return None
    return made


def _simple(branch: Branch) -> Branch:
    """Return the branch without leaves that match anything."""
    return {
        leaf: wanted
        for leaf, wanted in branch.items()
        if not are_within(ANYTHING if leaf != KIND else KINDS, wanted)
    }


def _add(made: list[Branch], branch: Branch) -> None:
    """Add a branch to those that cannot be joined with each other, and keep them so."""
    place = len(made)
    while not any(includes(other, branch) for other in made):
        made[:] = [other for other in made if not includes(branch, other)]
        partner = next((at for at, other in enumerate(made) if _differ_in_one(other, branch)), None)
        if partner is None:
            made.insert(place, branch)
            return
        place, branch = partner, merged(made.pop(partner), branch)


def _differ_in_one(one: Branch, other: Branch) -> bool:
    """Return whether two branches differ in a single leaf."""
    return one.keys() == other.keys() and sum({*one[leaf]} != {*other[leaf]} for leaf in one) == 1
