"""The event loop that async handlers share; it lives as long as the process, so that HTTP sessions do.

Imported with the first awaitable, not before: asyncio is a good part of a cold start.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Coroutine, Generator
from contextvars import ContextVar
from functools import cache
from typing import Any

_family: ContextVar[set[asyncio.Task[Any]]] = ContextVar("_family")


def complete(awaitable: Awaitable[object]) -> None:
    """Run an awaitable to its end, together with the tasks that it started and left behind.

    Context variables of the caller reach it, and its exceptions the caller. Not to be called from a
    coroutine that runs here.
    """
    future = asyncio.run_coroutine_threadsafe(_settle(awaitable), _loop())
    try:
        stop = future.result()
    except BaseException:
        future.cancel()
        raise
    if stop is not None:
        raise stop


def is_cancellation(error: BaseException) -> bool:
    """Whether a handler was cancelled: a failure of its record, though asyncio makes it no `Exception`."""
    return isinstance(error, asyncio.CancelledError)


async def _settle(awaitable: Awaitable[object]) -> BaseException | None:
    family: set[asyncio.Task[Any]] = set()
    _family.set(family)
    try:
        await awaitable
        while family:
            await asyncio.gather(*family)
    except (SystemExit, KeyboardInterrupt) as stop:
        # raised here they would end the loop, and nobody would get the result
        return stop
    finally:
        for task in family:
            task.cancel()
    return None


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_task_factory(_adopt)
    threading.Thread(target=loop.run_forever, name="ddbevents", daemon=True).start()
    return loop


# a forked process, where there is such a thing, has the loop but not the thread that runs it
getattr(os, "register_at_fork", dict)(after_in_child=_loop.cache_clear)


def _adopt(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
    **how: Any,
) -> asyncio.Task[Any]:
    task = asyncio.Task(coroutine, loop=loop, **how)
    family = _family.get(None)
    if family is not None:
        family.add(task)
        task.add_done_callback(family.discard)
    return task
