"""`MemoryStore` and `SQLiteStore`, beyond the rules for all stores."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from pydantic import BaseModel

import ddbevents.stores
from ddbevents import Attr, ConfigurationError, Insert, StoreError, StreamApp, Transaction, TransactionError
from ddbevents.stores import MemoryStore, SQLiteStore
from ddbevents.testing import VirtualClock
from tests.stream import CANARY, batch, insert, user

TableStore = MemoryStore | SQLiteStore
PATIENCE = timedelta(seconds=30)
TABLES = {"statistics": "pk", "orders": ["sk", "pk"]}


class User(BaseModel):
    email: str


class Total(BaseModel):
    pk: str
    total: int


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: VirtualClock) -> Iterator[TableStore]:
    if request.param == "memory":
        yield MemoryStore(clock=clock, tables=TABLES)
    else:
        store = SQLiteStore(tmp_path / "folder" / "marks.sqlite3", clock=clock, tables=TABLES)
        yield store
        store.close()


def test_a_mark_expires_after_48_hours(store: TableStore, clock: VirtualClock) -> None:
    store.add(["a"])

    clock.advance(timedelta(hours=48) - timedelta(seconds=1))
    assert store.handled(["a"]) == {"a"}
    clock.advance(timedelta(seconds=1))
    assert store.handled(["a"]) == set()
    store.add(["a"])
    assert store.handled(["a"]) == {"a"}


def update(store: TableStore, table: str, key: dict[str, Any], **clauses: Any) -> bool:
    transaction = Transaction()
    transaction.update(table, key, **clauses)
    return store.commit(uuid4().hex, transaction, patience=PATIENCE)


def put(store: TableStore, table: str, item: dict[str, Any]) -> bool:
    transaction = Transaction()
    transaction.put(table, item)
    return store.commit(uuid4().hex, transaction, patience=PATIENCE)


def test_writes_are_read_as_python(store: TableStore) -> None:
    app = StreamApp(store=store)

    @app.on_insert(User)
    def count(change: Insert[User], tx: Transaction) -> None:
        tx.update("statistics", {"pk": "users"}, add={"total": 1, "emails": {change.new.email}})

    event = batch(insert(1, user("a", "ada@example.com")), insert(2, user("b", "grace@example.com")))
    app(event)
    app(event)

    assert store.items("statistics") == [
        {"pk": "users", "total": 2, "emails": {"ada@example.com", "grace@example.com"}}
    ]
    assert store.item("statistics", {"pk": "users"}) == store.items("statistics")[0]
    assert store.item("statistics", {"pk": "orders"}) is None
    assert store.items("orders") == []


def test_all_types_come_back(store: TableStore) -> None:
    item = {
        "text": "ü",
        "number": Decimal("7.50"),
        "binary": b"\x00\xff",
        "nothing": None,
        "paid": True,
        "list": [1, b"x", {"y"}],
        "map": {"in": {"side": {b"z"}}, "B": "no binary", "BS": ["nor", "this"]},
        "numbers": {1, Decimal("2.5")},
    }

    update(store, "items", {"pk": "a"}, set=item)

    assert store.item("items", {"pk": "a"}) == {"pk": "a", **item}


def test_a_test_can_prepare_items(store: TableStore) -> None:
    store.put("orders", {"pk": "a", "sk": 1, "status": "OPEN"})
    store.put("orders", {"pk": "a", "sk": 2, "status": "OPEN"})
    store.put("orders", {"pk": "a", "sk": 1, "status": "PAID"})
    store.put("statistics", Total(pk="users", total=7))

    assert store.items("orders") == [
        {"pk": "a", "sk": 1, "status": "PAID"},
        {"pk": "a", "sk": 2, "status": "OPEN"},
    ]
    assert store.item("statistics", {"pk": "users"}) == {"pk": "users", "total": 7}


def test_items_keep_their_order(store: TableStore) -> None:
    store.put("statistics", {"pk": "b"})
    store.put("statistics", {"pk": "a"})
    store.put("statistics", {"pk": "c"})
    transaction = Transaction()
    transaction.delete("statistics", {"pk": "b"})
    store.commit("m", transaction, patience=PATIENCE)
    store.put("statistics", {"pk": "b"})

    assert store.items("statistics") == [{"pk": "a"}, {"pk": "c"}, {"pk": "b"}]


@pytest.mark.parametrize(
    ("key", "same"), [(1, Decimal("1.0")), (100, Decimal("1E+2")), (0, Decimal("-0.0")), (b"x", b"x")]
)
def test_keys_are_equal_by_value(store: TableStore, key: object, same: object) -> None:
    update(store, "numbers", {"id": key}, add={"count": 1})
    update(store, "numbers", {"id": same}, add={"count": 1})

    assert [item["count"] for item in store.items("numbers")] == [2]


def test_keys_differ_by_type(store: TableStore) -> None:
    update(store, "any", {"id": 1}, add={"count": 1})
    update(store, "any", {"id": "1"}, add={"count": 1})
    update(store, "any", {"id": b"1"}, add={"count": 1})
    update(store, "any", {"id": "MQ=="}, add={"count": 1})

    assert [item["count"] for item in store.items("any")] == [1, 1, 1, 1]


def test_a_put_needs_to_know_the_key(store: TableStore) -> None:
    with pytest.raises(TransactionError, match=r"tables=\{'audit': \('pk', 'sk'\)\}") as refused:
        put(store, "audit", {"pk": CANARY})

    assert refused.value.index == 0
    assert refused.value.table == "audit"
    assert CANARY not in str(refused.value)


def test_an_update_reveals_the_key(store: TableStore) -> None:
    update(store, "audit", {"day": "monday"}, set={"first": True})

    put(store, "audit", {"day": "tuesday"})

    assert [item["day"] for item in store.items("audit")] == ["monday", "tuesday"]


def test_a_check_beside_reveals_the_key(store: TableStore) -> None:
    transaction = Transaction()
    transaction.put("audit", {"day": "monday"})
    transaction.check("audit", {"day": "tuesday"}, when=Attr("day").not_exists())

    assert store.commit("m", transaction, patience=PATIENCE)
    assert store.items("audit") == [{"day": "monday"}]


@pytest.mark.parametrize(
    ("table", "item", "reason"),
    [
        ("orders", {"pk": "a"}, "the item has no attribute sk, which is part of the table's key: add it"),
        (
            "orders",
            {"pk": "", "sk": 1},
            "the key attribute pk must be text, a number or binary, and not empty",
        ),
        ("orders", {"pk": b"", "sk": 1}, "the key attribute pk"),
        ("orders", {"pk": True, "sk": 1}, "the key attribute pk"),
        ("statistics", {"sk": CANARY}, "the item has no attribute pk"),
    ],
    ids=["missing", "empty text", "empty binary", "truth", "other"],
)
def test_a_malformed_key_is_refused(store: TableStore, table: str, item: dict[str, Any], reason: str) -> None:
    with pytest.raises(TransactionError, match=reason) as refused:
        put(store, table, item)
    with pytest.raises(TransactionError, match=reason):
        store.put(table, item)
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("key", [{"pk": "a"}, {"pk": "a", "sk": 1, "more": 1}, {}], ids=len)
def test_a_key_of_other_names_is_refused(store: TableStore, key: dict[str, Any]) -> None:
    with pytest.raises(TransactionError, match="this table's key is pk and sk, with no other attributes"):
        update(store, "orders", key, add={"count": 1})
    with pytest.raises(TransactionError, match="this table's key is pk and sk, with no other attributes"):
        store.item("orders", key)


def test_an_empty_key_is_refused(store: TableStore) -> None:
    with pytest.raises(TransactionError, match="a key has one or two attributes"):
        update(store, "unknown", {}, add={"count": 1})


def test_a_raw_write_is_refused(store: TableStore) -> None:
    transaction = Transaction()
    transaction.raw({"Delete": {"TableName": "statistics", "Key": {"pk": {"S": "a"}}}})

    with pytest.raises(
        TransactionError, match="write 0, raw in table 'statistics': this store cannot do raw"
    ):
        store.commit("m", transaction, patience=PATIENCE)


def test_an_item_has_at_most_400_kb(store: TableStore) -> None:
    store.put("statistics", {"pk": "a", "first": b"x" * 300 * 1024})

    with pytest.raises(TransactionError, match="the item would be larger than 400 KB"):
        update(store, "statistics", {"pk": "a"}, set={"second": b"x" * 101 * 1024})


def test_an_error_names_write_not_value(store: TableStore) -> None:
    store.put("statistics", {"pk": CANARY, "name": CANARY})
    transaction = Transaction()
    transaction.update("statistics", {"pk": "other"}, add={"total": 1})
    transaction.update("statistics", {"pk": CANARY}, add={"name": 1})

    with pytest.raises(TransactionError) as refused:
        store.commit("m", transaction, patience=PATIENCE)

    assert str(refused.value) == (
        "write 1, update in table 'statistics': name is S in the item, but add was given N"
    )
    assert (refused.value.index, refused.value.table) == (1, "statistics")


def in_processes(count: int, work: Callable[[Path, int], None], path: Path) -> list[int | None]:
    """Run the work in `count` processes at once, and return their exit codes."""
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=work, args=[path, name]) for name in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def commit_in_process(path: Path, name: int) -> None:
    store = SQLiteStore(path)
    for number in range(25):
        update(store, "statistics", {"pk": "total"}, add={"count": 1, f"of-{name}": 1})
        store.handled([f"{number}"])
    store.close()


def test_processes_commit_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "marks.sqlite3"

    assert in_processes(3, commit_in_process, path) == [0] * 3

    store = SQLiteStore(path)
    assert store.items("statistics") == [{"pk": "total", "count": 75, "of-0": 25, "of-1": 25, "of-2": 25}]
    store.close()


def test_a_commit_waits_by_its_patience(tmp_path: Path) -> None:
    path = tmp_path / "marks.sqlite3"
    store = SQLiteStore(path)
    store.add(["a"])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreError, match="locked"):
        store.commit("b", Transaction(), patience=timedelta(milliseconds=10))
    other.execute("ROLLBACK")

    assert store.commit("b", Transaction(), patience=PATIENCE)
    store.close()
    other.close()


def test_a_file_keeps_its_tables(tmp_path: Path) -> None:
    first = SQLiteStore(tmp_path / "marks.sqlite3")
    update(first, "statistics", {"pk": "a"}, add={"count": 1})
    first.close()

    second = SQLiteStore(tmp_path / "marks.sqlite3")
    second.put("statistics", {"pk": "b"})

    assert second.items("statistics") == [{"pk": "a", "count": 1}, {"pk": "b"}]
    second.close()


def add_marks(path: Path, name: int) -> None:
    store = SQLiteStore(path)
    for number in range(100):
        store.add([f"{name}-{number}"])
    store.close()


def test_processes_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "marks.sqlite3"

    assert in_processes(4, add_marks, path) == [0] * 4

    store = SQLiteStore(path)
    marks = {f"{name}-{number}" for name in range(4) for number in range(100)}
    assert store.handled(marks) == marks
    store.close()


def test_many_open_a_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "marks.sqlite3"
    start = threading.Barrier(16)

    def add(mark: str) -> None:
        store = SQLiteStore(path)
        start.wait()
        store.add([mark])
        store.close()

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(add, "abcdefghijklmnop"))

    store = SQLiteStore(path)
    assert store.handled("abcdefghijklmnop") == set("abcdefghijklmnop")
    store.close()


def test_a_file_drops_expired_marks(tmp_path: Path, clock: VirtualClock) -> None:
    path = tmp_path / "marks.sqlite3"
    first = SQLiteStore(path, clock=clock)
    first.add(["old"])
    clock.advance(timedelta(hours=24))
    first.add(["new"])
    first.close()
    clock.advance(timedelta(hours=25))

    second = SQLiteStore(path, clock=clock)

    assert second.handled(["old", "new"]) == {"new"}
    second.close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT id FROM marks").fetchall() == [("new",)]
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_closed_store_opens_again(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "marks.sqlite3")
    store.close()
    store.add(["a"])
    store.close()
    store.close()

    assert store.handled(["a"]) == {"a"}
    store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_can_write(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "marks.sqlite3")
    store.add(["parent"])
    fork = multiprocessing.get_context("fork")
    child = fork.Process(target=store.add, args=[["child"]])

    child.start()
    child.join()

    assert store.handled(["parent", "child"]) == {"parent", "child"}
    store.close()


@pytest.mark.parametrize("name", ["folder", "text.txt", "text.txt/marks.sqlite3"])
def test_a_file_must_be_a_database(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.txt").write_text("no database at all, but long enough to have a header " * 9)
    store = SQLiteStore(tmp_path / name)

    with pytest.raises(
        StoreError, match=f"the idempotency records in .*{name} cannot be read or written"
    ) as failed:
        store.add(["a"])

    assert isinstance(failed.value.__cause__, (sqlite3.Error, OSError))


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "marks.sqlite3"
    store = SQLiteStore(path)

    store.add(["a"])

    modes = {
        str(each.relative_to(tmp_path)): stat.S_IMODE(each.stat().st_mode) for each in tmp_path.rglob("*")
    }
    assert modes == {
        "new": 0o700,
        "new/folder": 0o700,
        "new/folder/marks.sqlite3": 0o600,
        "new/folder/marks.sqlite3-shm": 0o600,
        "new/folder/marks.sqlite3-wal": 0o600,
    }
    store.close()


def test_permissions_that_exist_stay(tmp_path: Path) -> None:
    path = tmp_path / "marks.sqlite3"
    path.touch(mode=0o640)
    path.chmod(0o640)
    store = SQLiteStore(path)

    store.add(["a"])

    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    store.close()


def test_memory_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = SQLiteStore(":memory:")

    store.add(["a"])

    assert store.handled(["a"]) == {"a"}
    assert [*tmp_path.iterdir()] == []
    store.close()


def test_an_unwritable_mark_is_an_error(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "marks.sqlite3")

    with pytest.raises(StoreError):
        store.add(["\ud800"])
    store.close()


@pytest.mark.parametrize("keep", [timedelta(hours=47), timedelta(0), timedelta.max], ids=str)
def test_keep_has_limits(tmp_path: Path, keep: timedelta) -> None:
    with pytest.raises(ConfigurationError, match="keep must be a timedelta of 48 hours"):
        MemoryStore(keep=keep)
    with pytest.raises(ConfigurationError, match="keep must be a timedelta of 48 hours"):
        SQLiteStore(tmp_path / "marks.sqlite3", keep=keep)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_leaves_a_lock_behind(tmp_path: Path) -> None:
    clock = SlowClock()
    store = SQLiteStore(tmp_path / "marks.sqlite3", clock=clock)
    thread = threading.Thread(target=store.add, args=[["parent"]])
    thread.start()
    clock.is_held.wait()
    child = multiprocessing.get_context("fork").Process(target=store.add, args=[["child"]])

    child.start()
    clock.may_go_on.set()
    thread.join()
    child.join(timeout=30)

    assert child.exitcode == 0
    assert store.handled(["parent", "child"]) == {"parent", "child"}
    store.close()


class SlowClock:
    """Is held up at its second reading: a store that opens its file reads it while it holds its lock."""

    def __init__(self) -> None:
        self.readings = 0
        self.is_held = threading.Event()
        self.may_go_on = threading.Event()

    def __call__(self) -> datetime:
        self.readings += 1
        if self.readings == 2:
            self.is_held.set()
            self.may_go_on.wait()
        return datetime.now(UTC)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """The connections that stores open."""
    connections: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def note(*arguments: Any, **settings: Any) -> sqlite3.Connection:
        connections.append(connect(*arguments, **settings))
        return connections[-1]

    monkeypatch.setattr(sqlite3, "connect", note)  # a store takes no connection
    return connections


def test_each_process_has_a_connection(
    tmp_path: Path, opened: list[sqlite3.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SQLiteStore(tmp_path / "marks.sqlite3")
    store.add(["a"])

    monkeypatch.setattr(os, "getpid", lambda: 0)  # as in a forked process, where no coverage is measured
    store.add(["b"])

    assert len(opened) == 2
    assert store.handled(["a", "b"]) == {"a", "b"}
    store.close()
    opened[0].close()


def test_a_dropped_store_closes_its_file(tmp_path: Path, opened: list[sqlite3.Connection]) -> None:
    store = SQLiteStore(tmp_path / "marks.sqlite3")
    store.add(["a"])

    del store
    gc.collect()

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")


class BusyConnection(sqlite3.Connection):
    """Refuses its first statements, which switch it to WAL."""

    refusals: ClassVar[list[str]] = []

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        if self.refusals:
            raise sqlite3.OperationalError(self.refusals.pop())
        return super().execute(*arguments)


@pytest.fixture
def busy_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SQLiteStore]:
    connect = partial(sqlite3.connect, factory=BusyConnection)
    monkeypatch.setattr(sqlite3, "connect", connect)  # a store takes no connection
    store = SQLiteStore(tmp_path / "marks.sqlite3")
    yield store
    store.close()


def test_a_locked_switch_to_wal_is_retried(busy_store: SQLiteStore) -> None:
    BusyConnection.refusals += ["database is locked", "database is locked"]

    busy_store.add(["a"])

    assert BusyConnection.refusals == []
    assert busy_store.handled(["a"]) == {"a"}


def test_another_error_is_not_retried(busy_store: SQLiteStore) -> None:
    BusyConnection.refusals += ["database is locked", "disk I/O error"]

    with pytest.raises(StoreError, match="disk I/O error"):
        busy_store.add(["a"])

    assert BusyConnection.refusals.pop() == "database is locked"


def test_a_locked_file_is_waited_for(tmp_path: Path) -> None:
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


def test_there_are_no_other_names() -> None:
    with pytest.raises(AttributeError):
        ddbevents.stores.RedisStore  # noqa: B018  # that it is not there is the test


def test_a_false_skip_writes_the_mark_alone(store: TableStore) -> None:
    store.put("statistics", {"pk": "receipt"})
    tx = Transaction()
    tx.update("statistics", {"pk": "users"}, add={"total": 1})
    tx.put("statistics", {"pk": "receipt"}, when=Attr("pk").not_exists(), on_conflict="skip")

    assert store.commit("a", tx, patience=PATIENCE) is True
    assert store.handled(["a"]) == {"a"}
    assert store.items("statistics") == [{"pk": "receipt"}]


SKIPS: dict[str, Callable[[Transaction], None]] = {
    "a large item": lambda tx: tx.put(
        "statistics", {"pk": "a", "text": "x" * 410_000}, when=Attr("pk").exists(), on_conflict="skip"
    ),
    "one name twice": lambda tx: tx.update(
        "statistics", {"pk": "a"}, set={"n": 1}, remove="n", when=Attr("pk").exists(), on_conflict="skip"
    ),
    "an addend of another type": lambda tx: tx.update(
        "statistics", {"pk": "a"}, add={"n": "1"}, when=Attr("pk").exists(), on_conflict="skip"
    ),
    "deleting no set": lambda tx: tx.update(
        "statistics", {"pk": "a"}, delete={"n": 1}, when=Attr("pk").exists(), on_conflict="skip"
    ),
    "a key of another table": lambda tx: tx.check("statistics", {"sk": "a"}, on_conflict="skip"),
}


@pytest.mark.parametrize("ask", SKIPS)
def test_a_skip_hides_no_mistake(store: TableStore, ask: str) -> None:
    """DynamoDB refuses these requests before it looks at any condition."""
    tx = Transaction()
    SKIPS[ask](tx)

    with pytest.raises(TransactionError):
        store.commit("a", tx, patience=PATIENCE)
    assert store.handled(["a"]) == set()


@pytest.mark.parametrize(
    "ask",
    [
        lambda tx: tx.update(
            "statistics", {"pk": "a"}, add={"name": 1}, when=Attr("total").exists(), on_conflict="skip"
        ),
        lambda tx: tx.update(
            "statistics",
            {"pk": "a"},
            set={"text": "x" * 410_000},
            when=Attr("total").exists(),
            on_conflict="skip",
        ),
    ],
    ids=["added to text", "grown too large"],
)
def test_a_skip_is_before_its_update(store: TableStore, ask: Callable[[Transaction], None]) -> None:
    """DynamoDB looks at the condition before it changes the item."""
    store.put("statistics", {"pk": "a", "name": "Ada"})
    tx = Transaction()
    ask(tx)

    assert store.commit("a", tx, patience=PATIENCE) is True
    assert store.items("statistics") == [{"pk": "a", "name": "Ada"}]


def test_a_dropped_transaction_is_handled(store: TableStore) -> None:
    app = StreamApp("app", store=store)

    @app.on_insert(User)
    def welcome_once(change: Insert[User], tx: Transaction) -> None:
        key = {"pk": change.new.email}
        tx.put("statistics", key, when=Attr("pk").not_exists(), on_conflict="skip")

    first = app.process(batch(insert(1, user("a")), insert(2, user("b"))))
    again = app.process(batch(insert(1, user("a")), insert(2, user("b"))))

    assert (first.handled, first.failed, first.response) == (2, 0, {"batchItemFailures": []})
    assert again.already_handled == 2
    assert len(store.items("statistics")) == 1
