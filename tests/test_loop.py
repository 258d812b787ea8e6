"""The event loop that async handlers share."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import json
import multiprocessing
import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

import pytest
from pydantic import BaseModel
from typing_extensions import override

from ddbevents import BatchReport, Insert, StreamApp
from tests.command_line import ROOT
from tests.stream import CANARY, batch, insert, named, user

trace = contextvars.ContextVar("trace", default="none")


class User(BaseModel):
    pk: str


@pytest.fixture
def app() -> StreamApp:
    return StreamApp()


def test_one_loop_serves_everything(app: StreamApp) -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def note(change: Insert[User]) -> None:
        loops.append(asyncio.get_running_loop())

    app.on_insert(User)(note)
    other = StreamApp()
    other.on_insert(User)(note)

    app(batch(insert(1, user("a"))))
    app(batch(insert(2, user("a"))))
    other(batch(insert(3, user("a"))))

    assert len(loops) == 3
    assert len(set(loops)) == 1
    assert loops[0].is_running()


def test_context_reaches_async_handlers(app: StreamApp) -> None:
    seen: list[str] = []

    @app.on_insert(User)
    async def note(change: Insert[User]) -> None:
        seen.append(trace.get())

    trace.set("request-1")
    app(batch(insert(1, user("a"))))

    assert seen == ["request-1"]


def test_a_loop_may_run_already(app: StreamApp) -> None:
    seen: list[str] = []

    @app.on_insert(User)
    async def note(change: Insert[User]) -> None:
        await asyncio.sleep(0)
        seen.append(change.new.pk)

    async def caller() -> None:
        app(batch(insert(1, user("a"))))

    asyncio.run(caller())

    assert seen == ["a"]


def test_threads_wait_for_their_own_tasks() -> None:
    first_goes_on = threading.Event()
    ended: list[str] = []

    async def wait(change: Insert[User]) -> None:
        await asyncio.to_thread(first_goes_on.wait)
        ended.append("first")

    async def pass_by(change: Insert[User]) -> None:
        ended.append("second")

    first, second = StreamApp(), StreamApp()
    first.on_insert(User)(wait)
    second.on_insert(User)(pass_by)
    thread = threading.Thread(target=first, args=[batch(insert(1, user("a")))])
    thread.start()

    second(batch(insert(1, user("a"))))
    first_goes_on.set()
    thread.join()

    assert ended == ["second", "first"]


def test_a_failed_leftover_task_counts(app: StreamApp) -> None:
    tasks: list[asyncio.Task[Any]] = []

    async def fail() -> None:
        await asyncio.sleep(0.001)
        raise ValueError

    @app.on_insert(User)
    async def forget(change: Insert[User]) -> None:
        tasks.append(asyncio.create_task(fail()))

    assert app(batch(insert(1, user("a")))) == named(1)


def test_a_failure_cancels_its_tasks(app: StreamApp) -> None:
    tasks: list[asyncio.Task[Any]] = []

    @app.on_insert(User)
    async def fail(change: Insert[User]) -> None:
        tasks.append(asyncio.create_task(asyncio.sleep(60)))
        await asyncio.sleep(0)
        raise ValueError

    assert app(batch(insert(1, user("a")))) == named(1)
    assert tasks[0].cancelling() == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_has_its_own_loop(app: StreamApp) -> None:
    @app.on_insert(User)
    async def note(change: Insert[User]) -> None:
        await asyncio.sleep(0)

    event = batch(insert(1, user("a")))
    app(event)
    child = multiprocessing.get_context("fork").Process(target=app, args=[event])

    child.start()
    child.join(timeout=30)

    assert child.exitcode == 0


def test_an_early_task_failure_counts(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    tasks: list[asyncio.Task[Any]] = []

    async def fail() -> None:
        raise ValueError(CANARY)

    @app.on_insert(User)
    async def forget(change: Insert[User]) -> None:
        tasks.append(asyncio.create_task(fail()))
        await asyncio.sleep(0.01)

    assert app(batch(insert(1, user("a")))) == named(1)
    tasks.clear()
    gc.collect()
    assert CANARY not in caplog.text


def test_a_handled_task_failure_is_fine(app: StreamApp) -> None:
    async def fail() -> None:
        raise ValueError

    @app.on_insert(User)
    async def retry(change: Insert[User]) -> None:
        task = asyncio.create_task(fail())
        await asyncio.sleep(0.01)
        with suppress(ValueError):
            await task
        await asyncio.gather(asyncio.create_task(fail()), return_exceptions=True)

    assert app(batch(insert(1, user("a")))) == {"batchItemFailures": []}


def test_a_cancelled_task_is_no_failure(app: StreamApp) -> None:
    @app.on_insert(User)
    async def beat(change: Insert[User]) -> None:
        heart = asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        heart.cancel()

    assert app(batch(insert(1, user("a")))) == {"batchItemFailures": []}


@pytest.mark.parametrize("is_awaited", [True, False], ids=["awaited", "left behind"])
def test_an_exit_in_a_task_spares_the_loop(app: StreamApp, is_awaited: bool) -> None:
    tasks: list[asyncio.Task[Any]] = []

    async def leave() -> None:
        sys.exit(3)

    @app.on_insert(User)
    async def handle(change: Insert[User]) -> None:
        if change.new.pk == "a":
            tasks.append(asyncio.create_task(leave()))
            await asyncio.gather(*tasks * is_awaited)

    with pytest.raises(SystemExit) as stopped:
        app(batch(insert(1, user("a"))))
    assert stopped.value.code == 3
    assert app(batch(insert(2, user("b")))) == {"batchItemFailures": []}


def test_a_task_of_another_context_runs_on(app: StreamApp) -> None:
    tasks: list[asyncio.Task[Any]] = []

    @app.on_insert(User)
    async def connect(change: Insert[User]) -> None:
        tasks.append(asyncio.create_task(asyncio.sleep(60), context=contextvars.Context()))

    assert app(batch(insert(1, user("a")))) == {"batchItemFailures": []}
    assert not tasks[0].done()


def test_a_stubborn_task_holds_nothing_up(app: StreamApp) -> None:
    tasks: list[asyncio.Task[Any]] = []
    released = threading.Event()

    async def stay() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.to_thread(released.wait, 20)

    @app.on_insert(User)
    async def fail(change: Insert[User]) -> None:
        tasks.append(asyncio.create_task(stay()))
        await asyncio.sleep(0)
        raise ValueError

    assert app(batch(insert(1, user("a")))) == named(1)
    assert not tasks[0].done()
    released.set()


class Later:
    """An awaitable that is no coroutine."""

    def __init__(self, seen: list[str]) -> None:
        self.seen = seen

    def __await__(self) -> Any:
        yield from asyncio.sleep(0).__await__()
        self.seen.append("awaited")


@pytest.mark.parametrize("is_coroutine", [True, False])
def test_waiting_for_another_app_is_refused(app: StreamApp, is_coroutine: bool) -> None:
    inner = StreamApp()
    reports: list[BatchReport] = []

    async def never(change: Insert[User]) -> None: ...

    def hand_over(change: Insert[User]) -> Any:
        return Later([])

    inner.on_insert(User)(never if is_coroutine else hand_over)

    @app.on_insert(User)
    async def outer(change: Insert[User]) -> None:
        reports.append(inner.process(batch(insert(1, user("a")))))

    app(batch(insert(1, user("a"))))

    assert "use asyncio.to_thread" in str(reports[0].records[0].error)


def test_any_awaitable_is_awaited(app: StreamApp) -> None:
    seen: list[str] = []

    def hand_over(change: Insert[User]) -> Any:
        return Later(seen)

    app.on_insert(User)(hand_over)
    app(batch(insert(1, user("a"))))

    assert seen == ["awaited"]


def ended(way: str, lanes: int = 1) -> dict[str, object]:
    """Run two batches in a process of its own, the first of which ends the loop in a way."""
    program = [sys.executable, "-m", "tests.ended_loops", way, str(lanes)]
    run = subprocess.run(program, cwd=ROOT, timeout=30, capture_output=True, encoding="utf-8", check=True)
    printed: dict[str, object] = json.loads(run.stdout)
    return {**printed, "is_logged": "the event loop that async handlers share has ended" in run.stderr}


@pytest.mark.parametrize(
    ("way", "first"),
    [
        ("exit_in_a_task", "raised SystemExit"),
        ("interrupt_in_a_task", "raised KeyboardInterrupt"),
        ("exit_in_a_callback", "raised SystemExit"),
        ("exit_behind_the_handler", "raised SystemExit"),
        ("exit_in_the_exception_handler", "raised SystemExit"),
        ("exit_twice", "raised SystemExit"),
        ("exit_between_batches", "handled"),
        ("stop", "failed with ConfigurationError"),
        ("stop_and_wait", "failed with ConfigurationError"),
        ("stop_and_close", "failed with ConfigurationError"),
    ],
)
def test_an_ended_loop_is_replaced(way: str, first: str) -> None:
    result = ended(way)

    assert (result["first"], result["second"], result["loops"]) == (first, "handled", 2)
    assert result["threads"] == 1
    assert result["is_logged"]


@pytest.mark.parametrize(
    ("way", "first"),
    [
        ("close", "failed with RuntimeError"),
        ("close_in_a_callback", "handled"),
        ("fail_in_a_callback", "handled"),
        ("interrupt_the_caller", "raised KeyboardInterrupt"),
    ],
)
def test_other_mistakes_spare_the_loop(way: str, first: str) -> None:
    result = ended(way)

    assert (result["first"], result["second"], result["loops"]) == (first, "handled", 1)
    assert not result["is_logged"]


@pytest.mark.parametrize(
    ("way", "first"),
    [
        ("exit_in_a_task", "raised SystemExit"),
        ("exit_in_a_callback", "raised SystemExit"),
        ("stop", "failed with ConfigurationError"),
    ],
)
def test_all_lanes_of_an_ended_loop_return(way: str, first: str) -> None:
    result = ended(way, lanes=8)

    assert (result["first"], result["second"], result["loops"]) == (first, "handled", 2)


@pytest.mark.parametrize(
    ("way", "cleaned"),
    [("stop_and_wait", ["handler"]), ("exit_twice", ["late"]), ("interrupt_the_caller", ["handler"])],
)
def test_cancelled_tasks_clean_up(way: str, cleaned: list[str]) -> None:
    assert ended(way)["cleaned"] == cleaned


def test_asyncio_notes_who_saw_a_failure() -> None:
    """The loop relies on this private attribute. If it goes, a handled failure of a task fails its record."""

    async def fail() -> None:
        raise ValueError

    async def notes() -> list[bool]:
        task = asyncio.create_task(fail())
        await asyncio.wait([task])
        before = task._log_traceback  # noqa: SLF001  # as the loop reads it
        with suppress(ValueError):
            await task
        return [before, task._log_traceback]  # noqa: SLF001  # as above

    assert asyncio.run(notes()) == [True, False]


class ForgetfulTask(asyncio.Task[Any]):
    """A task of a Python that does not note whether a failure was seen."""

    @override
    def __getattribute__(self, name: str) -> Any:
        if name == "_log_traceback":
            raise AttributeError(name)
        return super().__getattribute__(name)


@pytest.fixture
def forgetful_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "Task", ForgetfulTask)  # another Python


@pytest.mark.usefixtures("forgetful_asyncio")
@pytest.mark.parametrize("seconds", [0, 0.01], ids=["early", "late"])
def test_without_notes_task_failures_count(app: StreamApp, seconds: float) -> None:
    tasks: list[asyncio.Task[Any]] = []

    async def fail() -> None:
        raise ValueError

    @app.on_insert(User)
    async def forget(change: Insert[User]) -> None:
        tasks.append(asyncio.create_task(fail()))
        await asyncio.sleep(seconds)

    assert app(batch(insert(1, user("a")))) == named(1)
    assert type(tasks[0]) is ForgetfulTask


@pytest.mark.usefixtures("forgetful_asyncio")
def test_without_notes_other_tasks_are_fine(app: StreamApp) -> None:
    @app.on_insert(User)
    async def beat(change: Insert[User]) -> None:
        heart = asyncio.create_task(asyncio.sleep(60))
        await asyncio.create_task(asyncio.sleep(0))
        heart.cancel()

    assert app(batch(insert(1, user("a")))) == {"batchItemFailures": []}
