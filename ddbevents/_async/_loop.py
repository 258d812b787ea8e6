"""The event loop that async handlers share. It lives as long as the process, so that HTTP sessions do.

Imported with the first awaitable, not before: asyncio is a good part of a cold start.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Coroutine, Generator
from contextvars import ContextVar
from functools import cache, partial
from typing import Any, Final, TypeAlias, cast

from .._errors import ConfigurationError

Family: TypeAlias = set[asyncio.Task[Any]]

_family: ContextVar[Family | None] = ContextVar("_family", default=None)
_SECONDS_TO_CANCEL: Final = 1.0
_asking: Final = threading.Lock()


class _StoppedError(Exception):
    """A task asks to end the process. Raised inside the loop, SystemExit itself would end the loop."""

    def __init__(self, stop: BaseException) -> None:
        super().__init__()
        self.stop = stop


def complete(awaitable: Awaitable[object]) -> None:
    """Run an awaitable to its end, together with the tasks that it started but did not await.

    The caller's context variables reach it, and its exceptions reach the caller; so does the exception of a
    task that nobody awaited. A task with a context of its own is not waited for.

    Raises:
        ConfigurationError: The caller runs inside the loop, so it would wait for itself.
    """
    loop = _loop()
    if is_inside():
        if isinstance(awaitable, Coroutine):
            awaitable.close()
        raise ConfigurationError("an async handler cannot wait for another app: use asyncio.to_thread")
    future = asyncio.run_coroutine_threadsafe(_settle(awaitable), loop)
    try:
        stop = future.result()
    except BaseException:
        future.cancel()
        raise
    if stop is not None:
        raise stop


def is_inside() -> bool:
    """Return whether the caller runs inside the loop, which must not wait for itself."""
    try:
        return asyncio.get_running_loop() is _loop()
    except RuntimeError:
        return False


def is_cancellation(error: BaseException) -> bool:
    """Return whether a handler was cancelled. That is a failure, although asyncio makes it no `Exception`."""
    return isinstance(error, asyncio.CancelledError)


async def _settle(awaitable: Awaitable[object]) -> BaseException | None:
    family: Family = set()
    _family.set(family)
    try:
        await _guard(awaitable)
        await _join(family)
    except _StoppedError as stopped:
        return stopped.stop
    finally:
        await _dismiss(family)
    return None


async def _guard(awaitable: Awaitable[Any]) -> Any:
    try:
        return await awaitable
    except (SystemExit, KeyboardInterrupt) as stop:
        raise _StoppedError(stop) from None


async def _join(family: Family) -> None:
    while pending := [task for task in family if not task.done()]:
        await asyncio.wait(pending)
    for task in family:
        if _is_unseen(task):
            task.result()


async def _dismiss(family: Family) -> None:
    """Cancel a failed handler's tasks, which must not run on beside the next record."""
    pending = [task for task in family if not task.done()]
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending, timeout=_SECONDS_TO_CANCEL)
    for task in family:
        if task.done() and not task.cancelled():
            # retrieved, or asyncio would log it with its message
            task.exception()


def _loop() -> asyncio.AbstractEventLoop:
    # several lanes may ask for the first time at once, and `cache` alone would start a loop for each
    with _asking:
        return _started_loop()


@cache
def _started_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_task_factory(_adopt)
    threading.Thread(target=loop.run_forever, name="ddbevents", daemon=True).start()
    return loop


if hasattr(os, "register_at_fork"):  # pragma: no branch  # Windows has no fork
    # a forked process has the loop but not the thread that runs it
    os.register_at_fork(after_in_child=_started_loop.cache_clear)
    os.register_at_fork(
        before=_asking.acquire, after_in_parent=_asking.release, after_in_child=_asking.release
    )


def _adopt(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
    **how: Any,
) -> asyncio.Task[Any]:
    context = how.get("context")
    family = _family.get() if context is None else context.get(_family)
    if family is None:
        return asyncio.Task(coroutine, loop=loop, **how)
    task = asyncio.Task(_guard(cast("Awaitable[Any]", coroutine)), loop=loop, **how)
    family.add(task)
    task.add_done_callback(partial(_leave, family))
    return task


def _leave(family: Family, task: asyncio.Task[Any]) -> None:
    if not _is_unseen(task):
        family.discard(task)


def _is_unseen(task: asyncio.Task[Any]) -> bool:
    """Return whether a task failed and nobody has awaited it so far, as asyncio itself notes it."""
    return bool(getattr(task, "_log_traceback", False))
