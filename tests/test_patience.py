"""Stores and sinks that hang: they end while the function still has time, however long they would take."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer

from ddbevents import (
    ConfigurationError,
    DeadLetterError,
    Insert,
    KeyChange,
    StoreError,
    StreamApp,
    Transaction,
)
from ddbevents.dead_letters import DeadLetter, DeadLetters, JsonLinesFile, S3Bucket, SQSQueue
from ddbevents.powertools import PowertoolsStore
from ddbevents.stores import Commit, DynamoDBStore, MemoryStore, SQLiteStore
from tests.letters import letter, silent_server
from tests.stream import PATIENCE, batch, insert, user

SHORT = timedelta(seconds=0.4)
MARGIN = 5.0
"""Seconds that a busy machine may add."""


class Invocation:
    """Lambda's context for a function that has three seconds left, by a real clock."""

    function_name = "users"

    def __init__(self) -> None:
        self.end = time.monotonic() + 3

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self.end

    def get_remaining_time_in_millis(self) -> int:
        return int((self.end - time.monotonic()) * 1000)


@contextmanager
def at_most(seconds: float) -> Generator[None]:
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let boto3 find an endpoint that accepts connections and never answers."""
    with silent_server() as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)  # the environment is where boto3 looks
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        yield endpoint


def client(service: Any) -> Any:
    """Return a client as boto3 makes it: it waits for a minute, five times."""
    return boto3.client(service)  # pyright: ignore[reportUnknownMemberType]


def two_puts() -> Transaction:
    tx = Transaction()
    tx.put("items", {"pk": "a"})
    tx.put("items", {"pk": "b"})
    return tx


Call = Callable[[], object]


def dynamodb(**settings: Any) -> dict[str, Call]:
    store = DynamoDBStore("marks", pack=True, **settings)
    commits = [Commit("a", two_puts()), Commit("b", two_puts())]
    return {
        "handled": lambda: store.handled(["a"], patience=SHORT),
        "add": lambda: store.add(["a"], patience=SHORT),
        "commit": lambda: store.commit("a", Transaction(), patience=SHORT),
        "commit after DescribeTable": lambda: store.commit("a", two_puts(), patience=SHORT),
        "commit_together": lambda: store.commit_together(commits[:1], patience=SHORT),
    }


@pytest.mark.parametrize("call", dynamodb())
@pytest.mark.parametrize("given", [False, True], ids=["its own client", "the user's client"])
@pytest.mark.usefixtures("silent")
def test_dynamodb_that_hangs_is_left(call: str, given: bool) -> None:  # pytest passes it by name
    settings = {"client": client("dynamodb")} if given else {}
    calls = dynamodb(**settings)

    with (
        at_most(SHORT.total_seconds() + MARGIN),
        pytest.raises(StoreError, match=r"DynamoDB did not answer for 'marks'.* within the 0\.4 s") as raised,
    ):
        calls[call]()

    assert isinstance(raised.value.__cause__, TimeoutError)


@pytest.mark.usefixtures("silent")
def test_packing_does_not_wait_for_a_key() -> None:
    store = DynamoDBStore("marks", pack=True)
    commits = [Commit(mark, two_puts()) for mark in "abc"]

    with at_most(SHORT.total_seconds() + MARGIN):
        assert store.pack(commits, patience=SHORT) == [0]


@pytest.mark.parametrize("given", [False, True], ids=["its own client", "the user's client"])
def test_a_queue_that_hangs_is_left(silent: str, given: bool) -> None:  # pytest passes it by name
    sink = SQSQueue(f"{silent}/1/letters", client=client("sqs") if given else None)

    with (
        at_most(SHORT.total_seconds() + MARGIN),
        pytest.raises(DeadLetterError, match="SQS did not answer for the queue http"),
    ):
        sink.send(letter(), patience=SHORT)


@pytest.mark.parametrize("given", [False, True], ids=["its own client", "the user's client"])
@pytest.mark.usefixtures("silent")
def test_a_bucket_that_hangs_is_left(given: bool) -> None:  # pytest passes it by name
    sink = S3Bucket("letters", client=client("s3") if given else None)

    with (
        at_most(SHORT.total_seconds() + MARGIN),
        pytest.raises(DeadLetterError, match="S3 did not answer for the bucket letters"),
    ):
        sink.send(letter(), patience=SHORT)


@pytest.mark.parametrize("method", ["handled", "add"])
@pytest.mark.usefixtures("silent")
def test_a_layer_that_hangs_is_left(method: str) -> None:
    store = PowertoolsStore(DynamoDBPersistenceLayer("marks", boto3_client=client("dynamodb")))

    with (
        at_most(SHORT.total_seconds() + MARGIN),
        pytest.raises(StoreError, match=r"DynamoDBPersistenceLayer within the 0\.4 s"),
    ):
        getattr(store, method)(["a", "b", "c"], patience=SHORT)


class Watching:
    """A DynamoDB client that notes the threads and contexts in which it is called."""

    transact_write_items = batch_write_item = describe_table = dict[str, object]  # never called

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        self.seen: list[str] = []
        self.together = threading.Barrier(1)

    def batch_get_item(self, **_: Any) -> Any:
        self.threads.append(threading.current_thread())
        self.seen.append(TRACE.get())
        self.together.wait()
        return {"Responses": {}, "UnprocessedKeys": {}}


TRACE: ContextVar[str] = ContextVar("TRACE")


def test_requests_share_a_thread() -> None:
    client = Watching()
    store = DynamoDBStore("marks", client=client)
    TRACE.set("first")
    store.handled(["a"], patience=SHORT)
    TRACE.set("second")
    store.handled(["a"], patience=SHORT)

    assert client.threads[0] is client.threads[1] is not threading.current_thread()
    assert client.seen == ["first", "second"]


def test_requests_at_a_time_have_threads_of_their_own() -> None:
    client = Watching()
    client.together = threading.Barrier(8)
    store = DynamoDBStore("marks", client=client)
    TRACE.set("all")

    def ask(_: int) -> object:
        TRACE.set("own")
        return store.handled(["a"], patience=PATIENCE)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(8))) == [set()] * 8

    assert len({*client.threads}) == 8


def test_a_hanging_request_keeps_its_thread() -> None:
    TRACE.set("all")
    hanging, client = Watching(), Watching()
    hanging.together = threading.Barrier(2)
    with pytest.raises(StoreError, match="did not answer"):
        DynamoDBStore("marks", client=hanging).handled(["a"], patience=SHORT)

    DynamoDBStore("marks", client=client).handled(["a"], patience=SHORT)

    assert hanging.threads != client.threads
    hanging.together.wait()


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """An SQLite file that another process keeps locked."""
    path = tmp_path / "marks.sqlite3"
    with closing(SQLiteStore(path)) as store:
        store.add(["a"])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        yield path


@pytest.mark.parametrize("method", ["handled", "add", "commit"])
def test_a_locked_file_is_left(locked: Path, method: str) -> None:
    calls: dict[str, Callable[[SQLiteStore], object]] = {
        "handled": lambda store: store.handled(["a"], patience=SHORT),
        "add": lambda store: store.add(["a"], patience=SHORT),
        "commit": lambda store: store.commit("a", Transaction(), patience=SHORT),
    }

    with (
        closing(SQLiteStore(locked)) as store,
        at_most(SHORT.total_seconds() + MARGIN),
        pytest.raises(StoreError, match="locked"),
    ):
        calls[method](store)


def test_threads_wait_side_by_side(locked: Path) -> None:
    def add(store: SQLiteStore) -> str:
        with pytest.raises(StoreError) as raised:
            store.add(["a"], patience=SHORT)
        return str(raised.value).rpartition(": ")[2]

    with (
        closing(SQLiteStore(locked)) as store,
        ThreadPoolExecutor(16) as threads,
        at_most(SHORT.total_seconds() + MARGIN),
    ):
        reasons = set(threads.map(add, [store] * 16))

    assert reasons <= {"database is locked", "other threads were using it all the time"}


def test_a_locked_file_of_letters_is_left(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl", reason="this system has no flock")
    path = tmp_path / "letters.jsonl"

    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with (
            at_most(SHORT.total_seconds() + MARGIN),
            pytest.raises(DeadLetterError, match="stayed locked"),
        ):
            JsonLinesFile(path).send(letter(), patience=SHORT)

    assert path.read_text() == ""


def hang(**_: Any) -> Any:
    """Hang as a request does whose answer never comes."""
    threading.Event().wait(60)


class Hanging:
    """A DynamoDB client that has no marks, and hangs when it writes."""

    transact_write_items = batch_write_item = describe_table = staticmethod(hang)

    def batch_get_item(self, **_: Any) -> Any:
        return {"Responses": {}, "UnprocessedKeys": {}}


AnyKeys = KeyChange[dict[str, Any]]
USERS = batch(*(insert(number, user(f"user-{number}")) for number in range(1, 41)))


def count(change: Insert[dict[str, Any]], tx: Transaction) -> None:
    tx.update("totals", {"pk": change.new["pk"]}, add={"count": 1})


def note(change: Insert[dict[str, Any]]) -> None: ...


def fail(change: Insert[dict[str, Any]]) -> None:
    raise ValueError


def hanging_queue() -> DeadLetters:
    class Queue:
        send_message = staticmethod(hang)

    return DeadLetters(SQSQueue("https://queue", client=Queue()), after=1)


@pytest.mark.parametrize("lanes", [1, 16], ids=["in order", "16 lanes"])
@pytest.mark.parametrize("pack", [False, True], ids=["alone", "packed"])
@pytest.mark.parametrize("handler", [count, note, fail])
def test_an_app_answers_in_time(lanes: int, pack: bool, handler: Any) -> None:  # pytest passes it by name
    store = DynamoDBStore("marks", client=Hanging(), pack=pack)
    app = StreamApp("users", store=store, dead_letter=hanging_queue(), concurrency=lanes)
    app.on_insert(dict)(handler)
    context = Invocation()

    report = app.process(USERS, context)

    assert not context.is_over
    assert report.handled + report.dead_lettered == 0


@pytest.mark.usefixtures("silent")
def test_an_app_whose_reading_hangs_is_in_time() -> None:
    app = StreamApp("users", store=DynamoDBStore("marks"))
    app.on_insert(dict)(note)
    context = Invocation()

    report = app.process(USERS, context)

    assert not context.is_over
    assert report.failed == 40


@pytest.mark.parametrize("lanes", [1, 16], ids=["in order", "16 lanes"])
def test_an_app_on_a_locked_file_is_in_time(tmp_path: Path, lanes: int) -> None:
    other = sqlite3.connect(tmp_path / "marks.sqlite3", isolation_level=None, check_same_thread=False)

    def lock(change: AnyKeys) -> None:
        other.execute("BEGIN IMMEDIATE" if not other.in_transaction else "SELECT 1")

    context = Invocation()
    with closing(other), closing(SQLiteStore(tmp_path / "marks.sqlite3")) as store:
        app = StreamApp("users", store=store, concurrency=lanes)
        app.on_keys(dict)(lock)
        app.on_insert(dict)(count)

        report = app.process(USERS, context)

    assert not context.is_over
    assert report.handled == 0


class AsyncSink:
    """A sink that is awaited: it hangs, or raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.was_cancelled = False

    async def send(self, letter: DeadLetter, *, patience: timedelta) -> None:  # noqa: ARG002  # the Protocol's
        if self.error is not None:
            raise self.error
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise


def test_an_async_sink_that_hangs_is_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    sink = AsyncSink()
    app = StreamApp("users", store=MemoryStore(), dead_letter=DeadLetters(sink, after=1))
    app.on_insert(dict)(fail)
    context = Invocation()

    report = app.process(batch(insert(1, user("ada"))), context)

    assert (report.failed, sink.was_cancelled, context.is_over) == (1, True, False)
    assert "DeadLetterError: the sink did not end within the 1." in caplog.text


def test_a_time_out_of_the_sinks_own_is_its_own(caplog: pytest.LogCaptureFixture) -> None:
    sink = AsyncSink(TimeoutError("of the sink"))
    app = StreamApp("users", store=MemoryStore(), dead_letter=DeadLetters(sink, after=1))
    app.on_insert(dict)(fail)

    assert app.process(batch(insert(1, user("ada")))).failed == 1
    assert "will be retried: DeadLetterError: AsyncSink.send raised TimeoutError at " in caplog.text


class WithoutPatience:
    """A store as it was written for an earlier version."""

    def handled(self, marks: Any) -> Any: ...

    def add(self, marks: Any) -> None: ...


class HandledAlone(WithoutPatience):
    def handled(self, marks: Any, *, patience: timedelta = PATIENCE) -> Any: ...


class ByPosition(MemoryStore):
    def add(self, marks: Any, patience: Any, /) -> None: ...  # type: ignore[override]  # the mistake


class PacksWithoutPatience(MemoryStore):
    window = 2

    def pack(self, commits: Any) -> Any: ...

    def commit_together(self, commits: Any, *, patience: timedelta) -> Any: ...


class CommitsWithoutPatience(MemoryStore):
    def commit(self, mark: Any, transaction: Any) -> Any: ...  # type: ignore[override]  # the mistake


@pytest.mark.parametrize(
    ("store", "problem"),
    [
        (WithoutPatience, r"store: WithoutPatience\.handled .* `def handled\(self, marks, \*, patience: "),
        (HandledAlone, r"store: HandledAlone\.add does not take `patience`"),
        (ByPosition, r"store: ByPosition\.add does not take"),
        (PacksWithoutPatience, r"PacksWithoutPatience\.pack .* `def pack\(self, commits, \*, patience"),
        (CommitsWithoutPatience, r"`def commit\(self, mark, transaction, \*, patience: timedelta\)`"),
    ],
)
def test_a_store_must_take_patience(store: type[Any], problem: str) -> None:
    app = StreamApp("users")

    with pytest.raises(ConfigurationError, match=problem):
        StreamApp("users", store=store())
    with pytest.raises(ConfigurationError, match=problem):
        app.with_store(store())


class TakesAnything(MemoryStore):
    def add(self, *marks: Any, **settings: Any) -> None: ...


class CannotSay(MemoryStore):
    """Has a method that is written in C, whose signature Python does not know."""

    add = staticmethod(max)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


@pytest.mark.parametrize("store", [TakesAnything, CannotSay, MemoryStore])
def test_a_store_may_take_patience_its_own_way(store: type[Any]) -> None:
    assert isinstance(StreamApp("users", store=store()), StreamApp)


def test_a_sink_must_take_patience() -> None:
    class Sink:
        def send(self, letter: DeadLetter) -> None: ...

    problem = (
        r"sink: Sink\.send does not take `patience`.* `def send\(self, letter, \*, patience: timedelta\)`"
    )
    with pytest.raises(ConfigurationError, match=problem):
        DeadLetters(Sink())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # the mistake
