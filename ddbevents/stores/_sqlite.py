"""A store in an SQLite file, with tables of its own, for the processes of one machine."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Generator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Any, Final

from .._attributes import decode_map
from .._codec import encode
from .._engine import KEEP, PATIENCE, check_keep, utc_now
from .._errors import StoreError
from .._patience import TimeLeft
from .._transaction import Transaction
from ._apply import TableKeys, apply_all, apply_put, checked_key, sorted_names
from ._sqlite_tables import Tables

_PATIENCE_OF_TESTS: Final = timedelta(seconds=30)
_PAUSE_SECONDS: Final = 0.01
_IN_MEMORY: Final = ":memory:"  # SQLite's name for no file at all
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS marks (id TEXT PRIMARY KEY, expiration REAL NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS key_names (table_name TEXT PRIMARY KEY, names TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS items (table_name TEXT, key TEXT, image TEXT, PRIMARY KEY (table_name, key))",
)
_CHUNK: Final = 500  # SQLite allows 999 variables in a statement, in its older versions


class SQLiteStore:
    """Keeps idempotency records in a file, in WAL mode. Threads and processes of one machine can share it.

    Use it in tests and local runs, not in Lambda, whose functions share no disk. Transactions write to tables
    in the same file, never to DynamoDB. As with `MemoryStore`, `put`, `item` and `items` reach these tables,
    which need no definition, but a put needs to know its key; `Transaction.raw` is refused. The file and
    its folder are created on first use, for their owner only, since the tables hold whole items.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        keep: timedelta = KEEP,
        clock: Callable[[], datetime] = utc_now,
        tables: TableKeys | None = None,
    ) -> None:
        """Name the file; nothing is opened yet.

        Args:
            path: The file.
            keep: How long an idempotency record counts. Expired ones are deleted when the file is opened.
            clock: Returns the current time, in UTC.
            tables: The names of each table's key attributes, as in `{"orders": ("pk", "sk")}`.

        Raises:
            ConfigurationError: `keep` is less than 48 hours or more than 100 years.
        """
        check_keep(keep)
        self._path = Path(path)
        self._key_names = sorted_names(tables or {})
        self._keep = keep
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._process = os.getpid()

    def handled(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> AbstractSet[str]:
        """Return those of the marks that the store has and that have not expired.

        Raises:
            StoreError: The file cannot be read, or stayed locked until patience ran out.
        """
        time_left = TimeLeft(patience)
        now = self._clock().timestamp()
        wanted = list(marks)
        found: set[str] = set()
        with self._open(time_left) as connection:
            for start in range(0, len(wanted), _CHUNK):
                _limit(connection, time_left)
                chunk = wanted[start : start + _CHUNK]
                places = ",".join("?" * len(chunk))
                query = f"SELECT id FROM marks WHERE expiration > ? AND id IN ({places})"  # noqa: S608  # only placeholders are put in
                found.update(mark for (mark,) in connection.execute(query, [now, *chunk]))
        return found

    def add(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> None:
        """Write marks. They survive a crash of the machine.

        Raises:
            StoreError: The file cannot be written, or stayed locked until patience ran out.
        """
        time_left = TimeLeft(patience)
        expiration = (self._clock() + self._keep).timestamp()
        with self._open(time_left) as connection, _writing(connection, time_left):
            connection.executemany(
                "INSERT OR REPLACE INTO marks VALUES (?, ?)", [(mark, expiration) for mark in marks]
            )

    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        """Write the mark and do all writes, or nothing; the mark alone if the writes are to be skipped.

        Returns:
            False if the store had the mark before; then nothing was written.

        Raises:
            TransactionError: A condition is false, or a write cannot be done.
            StoreError: The file cannot be written, or stayed locked until patience ran out.
        """
        time_left = TimeLeft(patience)
        now = self._clock()
        with self._open(time_left) as connection, _writing(connection, time_left):
            query = "SELECT 1 FROM marks WHERE id = ? AND expiration > ?"
            if connection.execute(query, [mark, now.timestamp()]).fetchone():
                return False
            tables = Tables(connection, self._key_names)
            tables.write(apply_all(transaction.writes, tables.key_names, tables.read))
            row = [mark, (now + self._keep).timestamp()]
            connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", row)
        return True

    def put(self, table: str, item: object) -> None:
        """Write an item, a model, a dataclass or a mapping, without a transaction.

        Raises:
            InvalidItemError: DynamoDB cannot store the item.
            TransactionError: The table's key is unknown, or the item lacks it.
            StoreError: The file cannot be written.
        """
        time_left = TimeLeft(_PATIENCE_OF_TESTS)
        with self._open(time_left) as connection, _writing(connection, time_left):
            tables = Tables(connection, self._key_names)
            tables.write([apply_put(table, item, tables.key_names)])

    def item(self, table: str, key: Mapping[str, object]) -> dict[str, Any] | None:
        """Return the item with this primary key as Python values, or None.

        Raises:
            TransactionError: The table's key has other attributes.
            StoreError: The file cannot be read.
        """
        with self._open(TimeLeft(_PATIENCE_OF_TESTS)) as connection:
            tables = Tables(connection, self._key_names)
            image = tables.read(table, checked_key(encode(key), tables.key_names(table)))
            return None if image is None else decode_map(image)

    def items(self, table: str) -> list[dict[str, Any]]:
        """Return all items of a table as Python values, in the order in which they were first written.

        Raises:
            StoreError: The file cannot be read.
        """
        with self._open(TimeLeft(_PATIENCE_OF_TESTS)) as connection:
            return [decode_map(image) for image in Tables(connection, self._key_names).images(table)]

    def __del__(self) -> None:
        connection = getattr(self, "_connection", None)
        if connection is not None and self._process == os.getpid():
            connection.close()

    def close(self) -> None:
        """Close the file. The next use opens it again."""
        self._leave_parent()
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    @contextmanager
    def _open(self, time_left: TimeLeft) -> Generator[sqlite3.Connection]:
        self._leave_parent()
        try:
            with time_left.holding(self._lock):
                if self._connection is None:
                    self._connection = self._connect(time_left)
                yield self._connection
        except (sqlite3.Error, OSError, ValueError) as error:
            raise StoreError(
                f"the idempotency records in {self._path} cannot be read or written: {error}"
            ) from error

    def _leave_parent(self) -> None:
        if self._process != os.getpid():
            # after a fork the connection is the parent's, and a parent's thread may have held the lock
            self._process, self._lock, self._connection = os.getpid(), threading.Lock(), None

    def _connect(self, time_left: TimeLeft) -> sqlite3.Connection:
        if str(self._path) != _IN_MEMORY:
            _make_private(self._path)
        connection = sqlite3.connect(self._path, timeout=time_left.seconds, check_same_thread=False)
        try:
            _use_wal(connection, time_left)
            connection.execute("PRAGMA synchronous = FULL")
            now = self._clock().timestamp()
            with _writing(connection, time_left):
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.execute("DELETE FROM marks WHERE expiration <= ?", [now])
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def _writing(connection: sqlite3.Connection, time_left: TimeLeft) -> Generator[None]:
    """Run a block as one SQLite transaction, waiting no longer than the time left for other writers."""
    _limit(connection, time_left)
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


def _limit(connection: sqlite3.Connection, time_left: TimeLeft) -> None:
    """Let the next statement wait for locks no longer than the time left."""
    connection.execute(f"PRAGMA busy_timeout = {int(time_left.seconds * 1000)}")


def _make_private(path: Path) -> None:
    """Create the file, and the folders that it lacks, for their owner only."""
    for folder in reversed(path.parents):
        folder.mkdir(mode=0o700, exist_ok=True)
    # SQLite gives the files that it adds beside this one the same permissions
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _use_wal(connection: sqlite3.Connection, time_left: TimeLeft) -> None:
    """Switch to WAL mode, waiting for other connections: SQLite's own timeout does not apply here."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or not time_left.seconds:
                raise
            sleep(_PAUSE_SECONDS)
        else:
            return
