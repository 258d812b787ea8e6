"""Fits branches into the patterns that a mapping may have, and each pattern into its 4,096 characters.

Several branches share a pattern by `$or`. Only where that is not enough, two branches become a wider one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from ._alternatives import ABSENT, EXISTS
from ._branches import Branch, Branches, as_pattern, joined, merged

Group: TypeAlias = list[Branch]
"""Branches that share a pattern."""

LONGEST: Final = 4_096
"""Characters of a pattern, by AWS's quota."""

# Event Ruler takes these for operators below `$or`, where no attribute can have such a name
_RESERVED: Final = frozenset(
    {"exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric"}
    | {"cidr", "=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case", "date-after"}
    | {"date-on-or-after", "date-before", "date-on-or-before", "in-date-range", "ip-address-in-range"}
    | {"ip-address-not-in-range"}
)


def packed(branches: Branches, quota: int) -> Sequence[Group]:
    """Return the branches in groups, each of which makes a pattern; some of them widened, if need be.

    Args:
        branches: The branches, none of which matches everything.
        quota: The largest number of patterns.
    """
    fitting = joined(_fitted(branch) for branch in branches)
    while (groups := _groups(fitting, quota)) is None:
        longest = max(fitting, key=lambda branch: len(pattern_text([branch])))
        others = [branch for branch in fitting if branch is not longest]
        partner = min(others, key=lambda branch: _loss(longest, branch))
        fitting = joined(_fitted(merged(each, longest)) if each is partner else each for each in others)
    return groups


def pattern_text(group: Sequence[Branch]) -> str:
    """Return the pattern of a group, as AWS takes it."""
    patterns: list[Any] = [as_pattern(branch) for branch in group]
    whole = patterns[0] if len(patterns) == 1 else {"$or": patterns}
    return json.dumps(whole, separators=(",", ":"))


def _fitted(branch: Branch) -> Branch:
    """Return the branch, without its longest parts if it is too long for a pattern."""
    fitted = dict(branch)
    while len(pattern_text([fitted])) > LONGEST:
        longest = max(fitted, key=lambda leaf: len(pattern_text([{leaf: fitted[leaf]}])))
        if fitted[longest] == (EXISTS,) or ABSENT in fitted[longest]:
            del fitted[longest]
        else:
            fitted[longest] = (EXISTS,)
    return fitted


def _groups(branches: Branches, quota: int) -> list[Group] | None:
    """Return the branches in groups; None if there would have to be more than the quota."""
    if len(branches) <= quota:
        return [[branch] for branch in branches]
    groups: list[Group] = []
    left: list[int] = []  # characters that each group has room for
    for branch in branches:
        size = len(pattern_text([branch])) + len(",")
        place = next((at for at, room in enumerate(left) if size <= room and _can_share(branch)), None)
        if place is None:
            groups.append([branch])
            left.append(LONGEST - len('{"$or":[]}') - size if _can_share(branch) else 0)
        else:
            groups[place].append(branch)
            left[place] -= size
    return groups if len(groups) <= quota else None


def _can_share(branch: Branch) -> bool:
    return _RESERVED.isdisjoint(name for leaf in branch for name in leaf)


def _loss(one: Branch, other: Branch) -> tuple[bool, int, int]:
    """Return how much wider two branches become as one."""
    made = merged(one, other)
    return not made, len(one) + len(other) - 2 * len(made), sum(map(len, made.values()))
