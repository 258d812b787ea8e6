"""`current_context` returns the context of the caller's invocation, and None outside of one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import Context as Variables
from contextvars import copy_context
from threading import Event
from typing import Any, Final, TypeAlias

import pytest
from pydantic import BaseModel, field_validator

from ddbevents import (
    BatchReport,
    DDBEventsError,
    Insert,
    LambdaContext,
    Reject,
    StreamApp,
    Transaction,
    current_context,
)
from ddbevents.dead_letters import DeadLetter, DeadLetters
from ddbevents.stores import MemoryStore
from ddbevents.testing import MemorySink
from tests.stream import Context, Json, batch, insert, user

Seen: TypeAlias = list[LambdaContext | None]
Register: TypeAlias = Callable[[StreamApp, Seen], None]

THREE: Final = batch(insert(1, user("a")), insert(2, user("b")), insert(3, user("c")))
ONE: Final = batch(insert(1, user("a")))


class User(BaseModel):
    email: str


def sync_handler(app: StreamApp, seen: Seen) -> None:
    @app.on_insert(User)
    def note(change: Insert[User]) -> None:
        seen.append(current_context())


def async_handler(app: StreamApp, seen: Seen) -> None:
    @app.on_insert(User)
    async def note(change: Insert[User]) -> None:
        await asyncio.sleep(0)
        seen.append(current_context())


def task(app: StreamApp, seen: Seen) -> None:
    async def note_later() -> None:
        await asyncio.sleep(0.001)
        seen.append(current_context())

    @app.on_insert(User)
    async def note(change: Insert[User]) -> None:
        asyncio.create_task(note_later())  # noqa: RUF006  # the library waits for it


def thread_of_asyncio(app: StreamApp, seen: Seen) -> None:
    @app.on_insert(User)
    async def note(change: Insert[User]) -> None:
        await asyncio.to_thread(lambda: seen.append(current_context()))


def thread_with_variables(app: StreamApp, seen: Seen) -> None:
    @app.on_insert(User)
    def note(change: Insert[User]) -> None:
        with ThreadPoolExecutor(1) as threads:
            threads.submit(copy_context().run, lambda: seen.append(current_context()))


def transactional_handler(app: StreamApp, seen: Seen) -> None:
    @app.on_insert(User)
    def note(change: Insert[User], tx: Transaction) -> None:
        seen.append(current_context())


def validator(app: StreamApp, seen: Seen) -> None:
    class Watched(BaseModel):
        email: str

        @field_validator("email")
        @classmethod
        def note(cls, email: str) -> str:
            seen.append(current_context())
            return email

    @app.on_insert(Watched)
    def ignore(change: Insert[Watched]) -> None: ...


@pytest.mark.parametrize(
    "register",
    [
        sync_handler,
        async_handler,
        task,
        thread_of_asyncio,
        thread_with_variables,
        transactional_handler,
        validator,
    ],
)
@pytest.mark.parametrize("concurrency", [1, 3])
def test_each_handler_has_the_context(register: Register, concurrency: int) -> None:
    app, seen, context = StreamApp("users", store=MemoryStore(), concurrency=concurrency), Seen(), Context()
    register(app, seen)

    app(THREE, context)

    assert seen == [context] * 3
    assert seen[0] is context
    assert current_context() is None


def test_the_straight_path_has_the_context() -> None:
    app, seen, context = StreamApp("users"), Seen(), Context()
    sync_handler(app, seen)

    app(THREE, context)

    assert [each is context for each in seen] == [True] * 3
    assert current_context() is None


def test_middleware_and_report_functions_have_it() -> None:
    seen, context = Seen(), Context()

    @contextmanager
    def note(change: object) -> Generator[None]:
        seen.append(current_context())
        yield
        seen.append(current_context())

    app = StreamApp("users", middleware=[note])
    sync_handler(app, seen)

    @app.on_report
    async def report(report: BatchReport) -> None:
        seen.append(current_context())

    app.process(ONE, context)

    assert seen == [context] * 4


def test_a_sink_has_the_context() -> None:
    seen, context = Seen(), Context()

    class Sink(MemorySink):
        def send(self, letter: DeadLetter, **details: Any) -> None:
            seen.append(current_context())
            super().send(letter, **details)

    app = StreamApp("users", store=MemoryStore(), dead_letter=DeadLetters(Sink()))

    @app.on_insert(User)
    def reject(change: Insert[User]) -> None:
        raise Reject("no")

    app(ONE, context)

    assert seen == [context]


def test_without_a_context_there_is_none() -> None:
    app, seen = StreamApp("users"), Seen()
    sync_handler(app, seen)

    app(ONE)

    assert seen == [None]


@pytest.mark.parametrize("inner_context", [Context(1_000), None], ids=["its own", "none"])
@pytest.mark.parametrize("fails", [False, True])
def test_an_app_in_a_handler_has_its_own(inner_context: Context | None, *, fails: bool) -> None:
    outer, inner, seen, context = StreamApp("outer"), StreamApp("inner"), Seen(), Context()
    event: Json = {} if fails else ONE
    sync_handler(inner, seen)

    @outer.on_insert(User)
    def call(change: Insert[User]) -> None:
        with suppress(DDBEventsError):
            inner(event, inner_context)
        seen.append(current_context())

    outer(ONE, context)

    assert seen == [*[inner_context] * (not fails), context]


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_there_is_none_after_an_error(error: type[BaseException]) -> None:
    app = StreamApp("users")

    @app.on_insert(User)
    def fail(change: Insert[User]) -> None:
        raise error

    with pytest.raises((DDBEventsError, error)):
        app(THREE, Context())

    assert current_context() is None


def test_there_is_none_after_a_wrong_event() -> None:
    with pytest.raises(DDBEventsError):
        StreamApp("users")({}, Context())

    assert current_context() is None


def test_what_outlives_the_batch_has_none() -> None:
    app, variables = StreamApp("users"), list[Variables]()

    @app.on_insert(User)
    def keep(change: Insert[User]) -> None:
        variables.append(copy_context())

    app(ONE, Context())
    app(ONE, Context())

    assert [each.run(current_context) for each in variables] == [None, None]


def test_invocations_in_threads_are_apart() -> None:
    app, seen, others = StreamApp("users"), Seen(), [Context(1_000), Context(2_000)]
    began, may_end = Event(), Event()

    @app.on_insert(User)
    def note(change: Insert[User]) -> None:
        began.set()
        may_end.wait(10)
        seen.append(current_context())

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(app, ONE, others[0])
        began.wait(10)
        second = threads.submit(app, ONE, others[1])
        may_end.set()
        answers = [first.result(), second.result()]

    assert answers == [{"batchItemFailures": []}] * 2
    assert {id(each) for each in seen} == {id(each) for each in others}
