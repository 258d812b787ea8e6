"""A program that ends, or tries to end, the event loop of async handlers, and prints what two batches became.

`python -m tests.ended_loops WAY LANES` prints JSON. It is a process of its own, since the wrong outcome is to
wait for ever.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NoReturn

from ddbevents import Insert, StreamApp
from ddbevents.stores import MemoryStore
from tests.stream import batch, insert, user

Item = dict[str, str]

loops: list[asyncio.AbstractEventLoop] = []
kept: list[object] = []
cleaned: list[str] = []
main_thread = threading.get_ident()


def leave() -> NoReturn:
    sys.exit(3)


def interrupt() -> NoReturn:
    raise KeyboardInterrupt


def fail() -> NoReturn:
    raise ValueError


async def call(function: Callable[[], object]) -> None:
    function()


async def leave_late() -> None:
    """Wait, and exit when told to stop waiting."""
    try:
        await asyncio.sleep(60)
    finally:
        cleaned.append("late")
        sys.exit(4)


def in_task(function: Callable[[], object]) -> None:
    """Run a function in a task of another context, which the library does not watch."""
    kept.append(asyncio.create_task(call(function), context=contextvars.Context()))


async def exit_in_a_task() -> None:
    in_task(leave)
    await asyncio.sleep(60)


async def interrupt_in_a_task() -> None:
    in_task(interrupt)
    await asyncio.sleep(60)


async def exit_in_a_callback() -> None:
    asyncio.get_running_loop().call_soon(leave)
    await asyncio.sleep(60)


async def exit_behind_the_handler() -> None:
    asyncio.get_running_loop().call_soon(leave)


async def exit_in_the_exception_handler() -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, __: leave())
    loop.call_soon(fail)
    await asyncio.sleep(60)


async def exit_twice() -> None:
    kept.append(asyncio.create_task(leave_late(), context=contextvars.Context()))
    await asyncio.sleep(0)
    await exit_in_a_task()


async def stop() -> None:
    asyncio.get_running_loop().stop()


async def stop_and_wait() -> None:
    await stop()
    try:
        await asyncio.sleep(60)
    finally:
        cleaned.append("handler")


async def stop_and_close() -> None:
    """Let another thread close the loop as soon as it stands still."""
    loop = asyncio.get_running_loop()
    threading.Thread(target=close_when_possible, args=[loop]).start()
    await stop_and_wait()


def close_when_possible(loop: asyncio.AbstractEventLoop) -> None:
    while not loop.is_closed():  # pragma: no branch  # the process may end first
        with suppress(RuntimeError):
            loop.close()


async def close() -> None:
    asyncio.get_running_loop().close()


async def close_in_a_callback() -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, __: None)
    loop.call_soon(loop.close)
    await asyncio.sleep(0.05)


async def fail_in_a_callback() -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, __: None)
    loop.call_soon(fail)
    await asyncio.sleep(0.05)


async def interrupt_the_caller() -> None:
    """Interrupt the thread that waits for the handler, as Ctrl-C does."""
    await asyncio.sleep(0.2)  # until it waits
    signal.pthread_kill(main_thread, signal.SIGINT)
    try:
        await asyncio.sleep(60)
    finally:
        cleaned.append("handler")


async def exit_between_batches() -> None:
    asyncio.get_running_loop().call_later(0.05, leave)


def run(way: Callable[[], Awaitable[None]], lanes: int) -> dict[str, object]:
    app = StreamApp("users", store=MemoryStore(), concurrency=lanes)
    all_wait = asyncio.Barrier(lanes)

    @app.on_insert(dict)
    async def handle(change: Insert[Item]) -> None:
        loops.append(asyncio.get_running_loop())
        if change.new["pk"].startswith("first"):
            await all_wait.wait()
        if change.new["pk"] == "first-0":
            await way()
        elif change.new["pk"].startswith("first"):
            await asyncio.sleep(60)

    first = outcome(app, [insert(number, user(f"first-{number}")) for number in range(lanes)])
    time.sleep(0.2)
    second = outcome(app, [insert(lanes, user("second"))])
    return {
        "first": first,
        "second": second,
        "loops": len({*map(id, loops)}),
        "cleaned": cleaned,
        "threads": sum(thread.name.startswith("ddbevents") for thread in threading.enumerate()),
    }


def outcome(app: StreamApp, records: list[Any]) -> str:
    """Return the exception that a batch ended with, or the error of its first record, or its outcome."""
    try:
        report = app.process(batch(*records))
    except BaseException as error:  # noqa: BLE001  # SystemExit and KeyboardInterrupt are what is tested
        return f"raised {type(error).__name__}"
    [record, *_] = report.records
    return str(record.outcome) if record.error is None else f"failed with {type(record.error).__name__}"


if __name__ == "__main__":  # pragma: no branch  # nobody imports it
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background begins without it
    sys.stdout.write(json.dumps(run(globals()[sys.argv[1]], int(sys.argv[2]))))
