"""The contract of every store, and what each does beside it."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

import ddbevents.stores
from ddbevents import ConfigurationError, StoreError
from ddbevents.stores import IdempotencyStore, MemoryStore, SQLiteStore, TransactionalStore
from ddbevents.stores._sqlite import _use_wal

MakeStore = Callable[[], IdempotencyStore]


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[IdempotencyStore]:
    if request.param == "memory":
        yield MemoryStore(clock=clock)
    else:
        store = SQLiteStore(tmp_path / "folder" / "marks.sqlite3", clock=clock)
        yield store
        store.close()


def test_a_store_has_the_marks_that_were_added_and_no_others(store: IdempotencyStore) -> None:
    assert store.handled(["a", "b"]) == set()

    store.add(["a", "b"])
    store.add(["b", "c"])

    assert store.handled(["a", "b", "c", "d"]) == {"a", "b", "c"}
    assert store.handled([]) == set()


def test_a_mark_can_be_any_text(store: IdempotencyStore) -> None:
    marks = ["app#module.handler#" + "0" * 32, "ü'\"; DROP TABLE marks; --", "x" * 1024, ""]

    store.add(marks)

    assert store.handled(marks) == set(marks)


def test_thousands_of_marks_are_read_at_once(store: IdempotencyStore) -> None:
    marks = [f"mark-{number}" for number in range(10_000)]

    store.add(marks[::2])

    assert store.handled(marks) == set(marks[::2])


def test_a_mark_expires_after_48_hours(store: IdempotencyStore, clock: Clock) -> None:
    store.add(["a"])

    clock.now += timedelta(hours=48) - timedelta(seconds=1)
    assert store.handled(["a"]) == {"a"}
    clock.now += timedelta(seconds=1)
    assert store.handled(["a"]) == set()
    store.add(["a"])
    assert store.handled(["a"]) == {"a"}


def test_threads_share_a_store(store: IdempotencyStore) -> None:
    def work(name: int) -> None:
        for number in range(50):
            store.add([f"{name}-{number}"])
            store.handled([f"{name}-{number}"])

    threads = [threading.Thread(target=work, args=[name]) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    marks = {f"{name}-{number}" for name in range(8) for number in range(50)}
    assert store.handled(marks) == marks


def test_stores_are_stores_by_their_shape(store: IdempotencyStore) -> None:
    assert isinstance(store, IdempotencyStore)
    assert not isinstance(store, TransactionalStore)


def add_marks(path: Path, name: int) -> None:
    store = SQLiteStore(path)
    for number in range(100):
        store.add([f"{name}-{number}"])
    store.close()


def test_processes_share_an_sqlite_file(tmp_path: Path) -> None:
    path = tmp_path / "marks.sqlite3"
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=add_marks, args=[path, name]) for name in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    store = SQLiteStore(path)
    marks = {f"{name}-{number}" for name in range(4) for number in range(100)}
    assert [process.exitcode for process in processes] == [0] * 4
    assert store.handled(marks) == marks
    store.close()


def test_many_can_be_the_first_to_open_an_sqlite_file(tmp_path: Path) -> None:
    path = tmp_path / "marks.sqlite3"
    stores = [SQLiteStore(path) for _ in range(16)]
    start = threading.Barrier(len(stores))

    def work(store: SQLiteStore) -> None:
        start.wait()
        store.add([str(id(store))])

    threads = [threading.Thread(target=work, args=[store]) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    marks = {str(id(store)) for store in stores}
    assert stores[0].handled(marks) == marks
    for store in stores:
        store.close()


def test_an_sqlite_file_outlives_the_process_and_loses_what_expired(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "marks.sqlite3"
    first = SQLiteStore(path, clock=clock)
    first.add(["old"])
    clock.now += timedelta(hours=24)
    first.add(["new"])
    first.close()
    clock.now += timedelta(hours=25)

    second = SQLiteStore(path, clock=clock)

    assert second.handled(["old", "new"]) == {"new"}
    second.close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT id FROM marks").fetchall() == [("new",)]
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_an_sqlite_store_that_is_closed_opens_again(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "marks.sqlite3")
    store.close()
    store.add(["a"])
    store.close()
    store.close()

    assert store.handled(["a"]) == {"a"}
    store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_opens_a_connection_of_its_own(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "marks.sqlite3")
    store.add(["parent"])
    fork = multiprocessing.get_context("fork")
    child = fork.Process(target=store.add, args=[["child"]])

    child.start()
    child.join()

    assert store.handled(["parent", "child"]) == {"parent", "child"}
    store.close()


@pytest.mark.parametrize("name", ["folder", "text.txt", "text.txt/marks.sqlite3"])
def test_a_file_that_is_no_database_is_a_store_error_that_names_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.txt").write_text("no database at all, but long enough to have a header " * 9)
    store = SQLiteStore(tmp_path / name)

    with pytest.raises(StoreError, match=f"the marks in .*{name} cannot be read or written") as failed:
        store.add(["a"])

    assert isinstance(failed.value.__cause__, (sqlite3.Error, OSError))


def test_a_mark_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "marks.sqlite3")

    with pytest.raises(StoreError):
        store.add(["\ud800"])
    store.close()


@pytest.mark.parametrize("keep", [timedelta(hours=23), timedelta(0), timedelta.max], ids=str)
def test_marks_are_kept_as_long_as_records_and_not_for_ever(tmp_path: Path, keep: timedelta) -> None:
    with pytest.raises(ConfigurationError, match="keep marks for at least 24 hours"):
        MemoryStore(keep=keep)
    with pytest.raises(ConfigurationError, match="keep marks for at least 24 hours"):
        SQLiteStore(tmp_path / "marks.sqlite3", keep=keep)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_process_forked_while_the_store_is_in_use_can_use_it(tmp_path: Path) -> None:
    store = SlowStore(tmp_path / "marks.sqlite3")
    thread = threading.Thread(target=store.add, args=[["parent"]])
    thread.start()
    store.is_busy.wait()
    child = multiprocessing.get_context("fork").Process(target=SQLiteStore.add, args=[store, ["child"]])

    child.start()
    store.may_go_on.set()
    thread.join()
    child.join(timeout=30)

    assert child.exitcode == 0
    assert store.handled(["parent", "child"]) == {"parent", "child"}
    store.close()


class SlowStore(SQLiteStore):
    """Holds its lock until it is told to go on."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, clock=self.wait)
        self.is_busy = threading.Event()
        self.may_go_on = threading.Event()
        self.parent = os.getpid()

    def wait(self) -> datetime:
        if self._lock.locked() and os.getpid() == self.parent:
            self.is_busy.set()
            self.may_go_on.wait()
        return datetime.now(UTC)


def test_another_process_opens_a_connection_of_its_own(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "marks.sqlite3")
    store._process = 0  # noqa: SLF001  # as after a fork, whose child measures no coverage

    store.add(["a"])

    assert store.handled(["a"]) == {"a"}
    store.close()


class BusyConnection(sqlite3.Connection):
    """Cannot be switched to WAL at first."""

    refusals: ClassVar = ["database is locked", "database is locked"]

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        if self.refusals:
            raise sqlite3.OperationalError(self.refusals.pop())
        return super().execute(*arguments)


def test_a_file_that_cannot_be_switched_to_wal_yet_is_tried_again(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "marks.sqlite3", factory=BusyConnection)

    _use_wal(connection)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    BusyConnection.refusals.append("disk I/O error")
    with pytest.raises(sqlite3.OperationalError, match="disk"):
        _use_wal(connection)
    connection.close()


def test_a_file_that_others_switch_to_wal_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "marks.sqlite3"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(0.1, other.execute, ["COMMIT"])
    release.start()
    store = SQLiteStore(path)

    store.add(["a"])

    assert store.handled(["a"]) == {"a"}
    store.close()
    release.join()
    other.close()


def test_the_stores_have_no_other_names() -> None:
    with pytest.raises(AttributeError):
        ddbevents.stores.RedisStore  # noqa: B018  # that it is not there is the test
