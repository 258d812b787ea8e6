"""Context managers around each handler, sync and async alike."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

import pytest
from pydantic import BaseModel

from ddbevents import ConfigurationError, Insert, KeyChange, Outcome, Router, StreamApp, Transaction
from ddbevents.stores import MemoryStore
from tests.deliveries import FaultyStore
from tests.stream import Json, batch, insert, named, user

AnyKeys = KeyChange[dict[str, Any]]
trace = contextvars.ContextVar("trace", default="none")


class User(BaseModel):
    pk: str


def users(*keys: str) -> Json:
    return batch(*(insert(number, user(key)) for number, key in enumerate(keys, start=1)))


class Steps:
    """Middleware that notes when it is entered and left."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def named(self, name: str) -> Any:
        @contextmanager
        def note(change: object) -> Generator[None]:
            self.seen.append(f"into {name}")
            try:
                yield
            except BaseException as error:
                self.seen.append(f"{type(error).__name__} out of {name}")
                raise
            self.seen.append(f"out of {name}")

        return note


@pytest.fixture
def steps() -> Steps:
    return Steps()


def test_the_first_is_outermost(steps: Steps) -> None:
    app = StreamApp(middleware=[steps.named("first"), steps.named("second")])
    app.on_insert(User)(lambda change: steps.seen.append("handler"))

    app(users("a"))

    assert steps.seen == ["into first", "into second", "handler", "out of second", "out of first"]


def test_it_wraps_each_handler(steps: Steps) -> None:
    app = StreamApp(middleware=[steps.named("it")])
    app.on_insert(User)(lambda change: steps.seen.append("first"))

    @app.on_insert(User)
    def second(change: Insert[User]) -> None:
        steps.seen.append("second")

    app(users("a"))

    assert steps.seen == ["into it", "first", "out of it", "into it", "second", "out of it"]


def test_leftover_tasks_run_within(steps: Steps) -> None:
    app = StreamApp(middleware=[steps.named("it")])
    tasks: list[asyncio.Task[None]] = []

    async def later() -> None:
        await asyncio.sleep(0.01)
        steps.seen.append("task")

    @app.on_insert(User)
    async def handle(change: Insert[User]) -> None:
        tasks.append(asyncio.create_task(later()))
        steps.seen.append("handler")

    app(users("a"))

    assert steps.seen == ["into it", "handler", "task", "out of it"]


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("concurrency", [1, 2])
def test_its_context_reaches_handlers(concurrency: int, *, is_async: bool) -> None:
    seen: list[str] = []

    @contextmanager
    def set_trace(change: AnyKeys) -> Generator[None]:
        token = trace.set(change.keys["pk"])
        yield
        trace.reset(token)

    def note(change: AnyKeys) -> None:
        seen.append(trace.get())

    async def note_async(change: AnyKeys) -> None:
        seen.append(trace.get())

    app = StreamApp(middleware=[set_trace], concurrency=concurrency)
    app.on_keys(dict)(note_async if is_async else note)

    app(users("a", "b"))

    assert sorted(seen) == ["a", "b"]


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("error", [ValueError(), asyncio.CancelledError()], ids=["error", "cancelled"])
def test_it_sees_errors(steps: Steps, error: BaseException, *, is_async: bool) -> None:
    app = StreamApp(middleware=[steps.named("it")])

    def fail(change: Insert[User]) -> None:
        raise error

    async def fail_async(change: Insert[User]) -> None:
        raise error

    app.on_insert(User)(fail_async if is_async else fail)

    assert app(users("a")) == named(1)
    assert steps.seen == ["into it", f"{type(error).__name__} out of it"]


def test_it_sees_an_exit(steps: Steps) -> None:
    app = StreamApp(middleware=[steps.named("it")])

    @app.on_insert(User)
    async def leave(change: Insert[User]) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        app(users("a"))
    assert steps.seen[1:] == ["SystemExit out of it"]


def test_a_suppressed_error_is_success() -> None:
    app = StreamApp(middleware=[lambda change: suppress(LookupError)])

    @app.on_insert(User)
    def fail(change: Insert[User]) -> None:
        raise KeyError

    assert app.process(users("a")).handled == 1


def test_suppressed_writes_are_not_sent() -> None:
    store = MemoryStore()
    app = StreamApp(store=store, middleware=[lambda change: suppress(LookupError)])

    @app.on_insert(User)
    def fail(change: Insert[User], tx: Transaction) -> None:
        tx.put("users", {"pk": change.new.pk}, when=None)
        raise KeyError

    first, again = app.process(users("a")), app.process(users("a"))

    assert (first.handled, again.already_handled) == (1, 1)
    assert store.items("users") == []


def test_suppressed_writes_are_not_packed() -> None:
    store = FaultyStore(window=4)
    app = StreamApp(store=store, middleware=[lambda change: suppress(LookupError)])

    @app.on_insert(User)
    async def fail(change: Insert[User], tx: Transaction) -> None:
        raise KeyError

    assert app.process(users("a", "b")).handled == 2
    assert len(store.committed) == 2


@pytest.mark.parametrize("where", ["before", "after"])
def test_its_own_error_fails_the_record(where: str) -> None:
    store = MemoryStore()
    ran: list[str] = []

    @contextmanager
    def fail(change: Insert[User]) -> Generator[None]:
        assert where == "after"
        yield
        raise AssertionError

    app = StreamApp(store=store, middleware=[fail])

    @app.on_insert(User)
    def write(change: Insert[User], tx: Transaction) -> None:
        ran.append(change.new.pk)
        tx.delete("users", {"pk": change.new.pk})

    [report] = app.process(users("a")).records

    assert (report.outcome, type(report.error)) == (Outcome.FAILED, AssertionError)
    assert ran == ["a"] * (where == "after")
    assert app.process(users("a")).already_handled == 0


def test_it_never_sees_invalid_items(steps: Steps) -> None:
    app = StreamApp(middleware=[steps.named("it")])
    app.on_insert(User)(lambda change: None)

    app(batch(insert(1, user("a"), NewImage={})))

    assert steps.seen == []


def test_it_wraps_routers_and_copies(steps: Steps) -> None:
    router = Router()
    router.on_insert(User)(lambda change: None)
    app = StreamApp(middleware=[steps.named("it")])
    app.include(router)

    app(users("a"))
    app.with_store(MemoryStore())(users("a"))

    assert steps.seen == ["into it", "out of it"] * 2


def test_a_plain_function_fails_records() -> None:
    wrong: Any = print
    app = StreamApp(middleware=[wrong])
    app.on_insert(User)(lambda change: None)

    [report] = app.process(users("a")).records

    assert "the middleware print returns no context manager" in str(report.error)


def test_an_instance_is_refused() -> None:
    instance: Any = nullcontext()

    with pytest.raises(ConfigurationError, match="pass the functions themselves"):
        StreamApp(middleware=[instance])


def test_a_class_is_a_middleware() -> None:
    entered: list[object] = []

    class Note(AbstractContextManager[None]):
        def __init__(self, change: Insert[User]) -> None:
            entered.append(change.new.pk)

        def __exit__(self, *_: object) -> None:
            entered.append("left")

    app = StreamApp(middleware=[Note])
    app.on_insert(User)(lambda change: None)

    app(users("a"))

    assert entered == ["a", "left"]
