"""How a rule is demanded of a store, and marks that no other rule has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final, TypeVar
from uuid import uuid4

from ..._engine import IdempotencyStore

THREADS: Final = 8
PATIENCE: Final = timedelta(seconds=10)

_WorkT = TypeVar("_WorkT")
_ResultT = TypeVar("_ResultT")


def demand(holds: bool, rule: str, otherwise: str) -> None:  # noqa: FBT001  # what is demanded
    """Let the rule be broken unless it holds."""
    if not holds:
        raise AssertionError(f"{rule}: {otherwise}")


def demand_handled(
    store: IdempotencyStore, asked: Collection[str], wanted: Collection[str], rule: str
) -> None:
    """Let the rule be broken unless `handled`, asked for these marks, gives the wanted ones."""
    found = set(store.handled(asked))
    missing, excess = set(wanted) - found, found - set(wanted)
    demand(not missing, rule, f"handled leaves out {len(missing)} of {len(set(wanted))} marks that are there")
    demand(not excess, rule, f"handled gives {len(excess)} marks that it should not")


def new_marks(count: int) -> list[str]:
    """Marks of the form that an app gives them."""
    return [f"rules#module.handler#{uuid4().hex}" for _ in range(count)]


def in_threads(work: Callable[[_WorkT], _ResultT], parts: Sequence[_WorkT]) -> list[_ResultT]:
    """Do all parts of the work at once; the first error of a thread is raised here."""
    with ThreadPoolExecutor(len(parts)) as threads:
        return list(threads.map(work, parts))
