"""Locks on files that other processes may replace or delete."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def file_lock() -> Callable[[int], bool] | None:
    """Return a function that locks a file, or returns False if others have it; None without flock."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock  # noqa: PLC0415  # Windows has none
    except ModuleNotFoundError:
        return None

    def try_lock(file: int) -> bool:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
        return True

    return try_lock


def is_at(path: Path, file: int) -> bool:
    """Return whether an open file is still the one at a path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False
