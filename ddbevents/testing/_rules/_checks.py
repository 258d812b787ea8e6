"""Checks that fail a rule, and marks that no other rule has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final, TypeVar
from uuid import uuid4

from ..._engine import IdempotencyStore

THREADS: Final = 8
PATIENCE: Final = timedelta(seconds=60)  # the machine of a test may be busy

_WorkT = TypeVar("_WorkT")
_ResultT = TypeVar("_ResultT")


def require(holds: bool, rule: str, problem: str) -> None:  # noqa: FBT001  # the condition is the subject
    """Fail the rule unless `holds`. The message says what the store did wrong."""
    if not holds:
        raise AssertionError(f"{rule}: {problem}")


def require_handled(
    store: IdempotencyStore, asked: Collection[str], expected: Collection[str], rule: str
) -> None:
    """Fail the rule unless `handled` returns the expected ones of these marks."""
    found = set(store.handled(asked, patience=PATIENCE))
    missing, excess = set(expected) - found, found - set(expected)
    require(not missing, rule, f"handled did not return {len(missing)} of {len(set(expected))} marks")
    require(not excess, rule, f"{len(excess)} of {len(found)} marks that handled returned are wrong")


def new_marks(count: int) -> list[str]:
    """Return new marks of the form that an app uses."""
    return [f"rules#module.handler#{uuid4().hex}" for _ in range(count)]


def in_threads(work: Callable[[_WorkT], _ResultT], parts: Sequence[_WorkT]) -> list[_ResultT]:
    """Do all parts of the work at once, and raise the first error of a thread."""
    with ThreadPoolExecutor(len(parts)) as threads:
        return list(threads.map(work, parts))
