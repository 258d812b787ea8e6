"""Marks in an SQLite file: for one machine, shared by its processes."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Generator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from .._errors import StoreError
from .._idempotency import KEEP, check_keep, utc_now

_BUSY_SECONDS: Final = 30
_PAUSE_SECONDS: Final = 0.01
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS marks (id TEXT PRIMARY KEY, expiration REAL NOT NULL) WITHOUT ROWID"
)
_CHUNK: Final = 500  # SQLite allows 999 variables in a statement, in its older versions


class SQLiteStore:
    """Keeps marks in a file, in WAL mode: threads and processes of one machine can share it.

    The file, its folder and its table are made on first use. Not for Lambda, whose disk is not shared.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, keep: timedelta = KEEP, clock: Callable[[], datetime] = utc_now
    ) -> None:
        """Name the file; nothing is opened yet.

        Args:
            path: The file.
            keep: How long a mark counts. Expired marks are deleted when the file is opened.
            clock: Gives the present moment, in UTC.

        Raises:
            ConfigurationError: Marks would not be kept as long as a stream delivers records, or for ever.
        """
        check_keep(keep)
        self._path = Path(path)
        self._keep = keep
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._process = os.getpid()

    def handled(self, marks: Collection[str]) -> AbstractSet[str]:
        """Those of the marks that are there and have not expired.

        Raises:
            StoreError: The file cannot be read.
        """
        now = self._clock().timestamp()
        wanted = list(marks)
        found: set[str] = set()
        with self._open() as connection:
            for start in range(0, len(wanted), _CHUNK):
                chunk = wanted[start : start + _CHUNK]
                places = ",".join("?" * len(chunk))
                query = f"SELECT id FROM marks WHERE expiration > ? AND id IN ({places})"  # noqa: S608  # only ? marks
                found.update(mark for (mark,) in connection.execute(query, [now, *chunk]))
        return found

    def add(self, marks: Collection[str]) -> None:
        """Write marks; they outlive a crash of the machine.

        Raises:
            StoreError: The file cannot be written.
        """
        expiration = (self._clock() + self._keep).timestamp()
        with self._open() as connection, connection:
            connection.executemany(
                "INSERT OR REPLACE INTO marks VALUES (?, ?)", [(mark, expiration) for mark in marks]
            )

    def close(self) -> None:
        """Close the file. The next use opens it again."""
        self._leave_parent()
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        self._leave_parent()
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._connect()
                yield self._connection
            except (sqlite3.Error, OSError, ValueError) as error:
                raise StoreError(f"the marks in {self._path} cannot be read or written: {error}") from error

    def _leave_parent(self) -> None:
        """After a fork: the connection is the parent's, and so may be whoever holds the lock."""
        if self._process != os.getpid():
            self._process, self._lock, self._connection = os.getpid(), threading.Lock(), None

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, check_same_thread=False)
        try:
            _use_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")
            with connection:
                connection.execute(_SCHEMA)
                connection.execute("DELETE FROM marks WHERE expiration <= ?", [self._clock().timestamp()])
        except BaseException:
            connection.close()
            raise
        return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Wait for others who open the file at the same moment: here SQLite itself does not."""
    deadline = monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or monotonic() > deadline:
                raise
            sleep(_PAUSE_SECONDS)
        else:
            return
