"""The claim on a file of dead letters: one redrive at a time, or handlers would run twice."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ...dead_letters._file_locks import file_lock, is_at
from .._errors import CommandError


@contextmanager
def claimed(path: Path) -> Generator[None]:
    """Keep other redrives from a file until the end of the block.

    The lock is on a file beside it, which is deleted at the end: the file itself is locked by whoever appends
    to it, and replaced when lines are removed.

    Raises:
        CommandError: Another redrive of the file is running, or this system cannot lock files.
    """
    place = path.resolve()
    lock = place.with_name(f".{place.name}.redrive")
    file = _open_locked(lock, path)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(file)


def _open_locked(lock: Path, path: Path) -> int:
    try_lock = file_lock()
    if try_lock is None:
        raise CommandError(
            f"{path} cannot be locked against a second redrive, since this system has no flock:"
            " run the command on Linux or macOS, or use --dry-run"
        )
    while True:
        try:
            file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise CommandError(
                f"{lock}, which keeps a second redrive from {path}, cannot be written: {error.strerror};"
                " copy the file to a folder where you can write, or use --dry-run"
            ) from error
        if not try_lock(file):
            os.close(file)
            raise CommandError(
                f"another redrive of {path} is running: run this command again when it has ended"
            )
        # whoever held the lock before has deleted its file
        if is_at(lock, file):
            return file
        os.close(file)
