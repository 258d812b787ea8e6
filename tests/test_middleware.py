"""Context managers around each handler, sync and async alike."""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
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


def call_next_style(change: object, call_next: Any) -> None: ...
def nothing_at_all() -> None: ...
def by_name_only(*, change: object) -> None: ...
async def asynchronous(change: object) -> None: ...


async def async_generator(change: object) -> AsyncGenerator[None]:
    yield


def bare_generator(change: object) -> Generator[None]:
    yield


@contextmanager
def of_two(change: object, call_next: object) -> Generator[None]:
    yield


@contextmanager
def around(change: object) -> Generator[None]:
    yield


class AsyncManager:
    async def __aenter__(self) -> None: ...
    async def __aexit__(self, *_: object) -> None: ...


class AsyncCall:
    async def __call__(self, change: object) -> None: ...


class BareCall:
    def __call__(self, change: object) -> Generator[None]:  # noqa: ARG002  # a middleware
        yield


class Unmade:
    """A middleware with a setting: its instances are called, it is not."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, change: object) -> AbstractContextManager[None]:  # noqa: ARG002  # a middleware
        return nullcontext()


def test_generators_run_when_iterated() -> None:
    async def iterate() -> list[None]:
        return [nothing async for nothing in async_generator(None)]

    with of_two(None, None), around(None):
        assert [*bare_generator(None), *BareCall()(None), *asyncio.run(iterate())] == [None] * 3


class OfNothing(AbstractContextManager[None]):
    def __init__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


ASYNC = "is async, but it runs around sync and async handlers alike"
BARE = "is a generator function: decorate it with contextlib.contextmanager"
ALONE = "but a middleware takes the change alone: there is no call_next, so write one yield"
MADE = "is a context manager already: pass the functions themselves"

WRONG: dict[str, tuple[Any, str]] = {
    "call_next": (call_next_style, f"call_next_style takes (change, call_next), {ALONE}"),
    "call_next and yield": (of_two, f"of_two takes (change, call_next), {ALONE}"),
    "no parameter": (nothing_at_all, f"nothing_at_all takes (), {ALONE}"),
    "by name": (by_name_only, f"by_name_only takes (change), {ALONE}"),
    "a class of nothing": (OfNothing, f"OfNothing takes (), {ALONE}"),
    "async": (asynchronous, f"asynchronous {ASYNC}"),
    "a partial of it": (functools.partial(asynchronous), f"partial {ASYNC}"),
    "async generator": (async_generator, f"async_generator {ASYNC}"),
    "asynccontextmanager": (asynccontextmanager(async_generator), f"async_generator {ASYNC}"),
    "its result": (asynccontextmanager(async_generator)(None), f"_AsyncGeneratorContextManager {ASYNC}"),
    "async manager": (AsyncManager(), f"AsyncManager {ASYNC}"),
    "its class": (AsyncManager, f"AsyncManager {ASYNC}"),
    "async call": (AsyncCall(), f"AsyncCall {ASYNC}"),
    "generator": (bare_generator, f"bare_generator {BARE}"),
    "generator in a call": (BareCall(), f"BareCall {BARE}"),
    "called": (around(None), f"_GeneratorContextManager {MADE}"),
    "manager": (nullcontext(), f"nullcontext {MADE}"),
    "class": (Unmade, "Unmade is a class whose instances are no context managers: pass an instance"),
    "class with arguments": (list[int], "list is a class whose instances are no context managers"),
    "text": ("traced", "str cannot be called: pass the functions themselves"),
    "None": (None, "NoneType cannot be called: pass the functions themselves"),
}


@pytest.mark.parametrize(("middleware", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_shape_is_refused(middleware: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        StreamApp(middleware=[around, middleware])

    assert str(refused.value).startswith(f"middleware: {message}")


NO_LISTS: dict[str, Any] = {
    "a function": around,
    "None": None,
    "text": "traced",
    "bytes": b"traced",
    "a set": {around},
    "a generator": iter([around]),
}


@pytest.mark.parametrize("middleware", NO_LISTS.values(), ids=NO_LISTS.keys())
def test_middleware_is_a_list(middleware: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"middleware must be a list .* write middleware=\[...\]"):
        StreamApp(middleware=middleware)


def test_a_callable_object_is_a_middleware() -> None:
    app = StreamApp(middleware=[Unmade("it"), lambda change: nullcontext()])
    app.on_insert(User)(lambda change: None)

    assert app.process(users("a")).handled == 1


def test_an_unreadable_signature_is_no_fault() -> None:
    unreadable: Any = max

    StreamApp(middleware=[unreadable])


def decorator_style(handler: Any) -> Any:
    def wrapper(change: object) -> None: ...

    return wrapper


def hides_async(change: object) -> Any:
    return asynchronous(change)


LATE: dict[str, tuple[Any, str]] = {
    "nothing": (print, "print returns no context manager, but NoneType: write one yield"),
    "a function": (decorator_style, "wrapper: it gets the change and not the handler"),
    "a coroutine": (hides_async, f"hides_async {ASYNC}"),
    "a generator": (lambda change: (each for each in [change]), f"<lambda> {BARE}"),
    "an async manager": (lambda change: AsyncManager(), f"<lambda> {ASYNC}"),
}


@pytest.mark.parametrize(("middleware", "message"), LATE.values(), ids=LATE.keys())
def test_a_wrong_result_fails_the_record(middleware: Any, message: str) -> None:
    ran: list[object] = []
    app = StreamApp(middleware=[middleware])
    app.on_insert(User)(ran.append)

    [report] = app.process(users("a")).records

    assert isinstance(report.error, ConfigurationError)
    assert message in str(report.error)
    assert ran == []


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
