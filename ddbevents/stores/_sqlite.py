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
from typing import Final

from .._errors import StoreError
from .._idempotency import KEEP, utc_now

_BUSY_SECONDS: Final = 30
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
        """
        self._path = Path(path)
        self._keep = keep
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._process: int | None = None

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
        with self._lock:
            if self._connection is not None and self._process == os.getpid():
                self._connection.close()
            self._connection = None

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        with self._lock:
            try:
                # a connection must not cross a fork
                if self._connection is None or self._process != os.getpid():
                    self._connection, self._process = self._connect(), os.getpid()
                yield self._connection
            except (sqlite3.Error, OSError) as error:
                raise StoreError(f"the marks in {self._path} cannot be read or written: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            with connection:
                connection.execute(_SCHEMA)
                connection.execute("DELETE FROM marks WHERE expiration <= ?", [self._clock().timestamp()])
        except BaseException:
            connection.close()
            raise
        return connection
