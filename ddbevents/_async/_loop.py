"""The event loop that async handlers share. It lives as long as the process, so that HTTP sessions do.

Handlers can end it all the same: by stopping it, or by an exit that nothing holds back, as in a callback or
in a task with a context of its own. Then each caller that waits gets the reason, and the next one a new loop.

Imported with the first awaitable, not before: asyncio is a good part of a cold start.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import closing, suppress
from functools import cache, partial
from typing import Any, Final, TypeAlias

from .._errors import ConfigurationError
from ._tasks import adopt, dismiss, settle

_Waiter: TypeAlias = Future[BaseException | None]

_lock: Final = threading.Lock()  # held by whoever gives a loop something to do, or ends it


def complete(awaitable: Awaitable[object], use: Callable[[object], None]) -> None:
    """Run an awaitable to its end, together with the tasks that it started but did not await.

    The caller's context variables reach it, and its exceptions reach the caller; so does the exception of a
    task that nobody awaited. A task with a context of its own is not waited for.

    Args:
        awaitable: The awaitable.
        use: Called in the loop with its result, if that is neither None nor a task.

    Raises:
        ConfigurationError: The caller runs inside the loop, so it would wait for itself; or the loop was
            stopped meanwhile.
    """
    if is_inside():
        if isinstance(awaitable, Coroutine):
            awaitable.close()
        raise ConfigurationError("an async handler cannot wait for another app: use asyncio.to_thread")
    with _lock:
        waiter = _loop_thread().begin(awaitable, use)
    try:
        stop = waiter.result()
    except BaseException:
        waiter.cancel()
        raise
    if stop is not None:
        raise stop


def is_inside() -> bool:
    """Return whether the caller runs inside the loop, which must not wait for itself."""
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        return False
    with _lock:
        return running is _loop_thread().loop


def is_cancellation(error: BaseException) -> bool:
    """Return whether a handler was cancelled. That is a failure, although asyncio makes it no `Exception`."""
    return isinstance(error, asyncio.CancelledError)


class _LoopThread:
    """An event loop, the thread that runs it, and the callers that wait for it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_task_factory(adopt)
        self._waiting: set[_Waiter] = set()
        self._has_ended = False
        threading.Thread(target=self._run, name="ddbevents", daemon=True).start()

    def begin(self, awaitable: Awaitable[object], use: Callable[[object], None]) -> _Waiter:
        """Give the loop an awaitable, for a caller that holds the lock."""
        waiter: _Waiter = Future()
        self._waiting.add(waiter)
        waiter.add_done_callback(self._waiting.discard)
        self.loop.call_soon_threadsafe(self._start, awaitable, use, waiter)
        return waiter

    def _start(self, awaitable: Awaitable[object], use: Callable[[object], None], waiter: _Waiter) -> None:
        task = self.loop.create_task(settle(awaitable, use))
        task.add_done_callback(partial(self._tell, waiter))
        waiter.add_done_callback(partial(self._give_up, task))

    def _tell(self, waiter: _Waiter, task: asyncio.Task[BaseException | None]) -> None:
        error = CancelledError() if task.cancelled() else task.exception()
        if self._has_ended or not waiter.set_running_or_notify_cancel():
            return
        if error is None:
            waiter.set_result(task.result())
        else:
            waiter.set_exception(error)

    def _give_up(self, task: asyncio.Task[Any], waiter: _Waiter) -> None:
        """Cancel the task of a caller that was interrupted while it waited."""
        if waiter.cancelled():
            self.loop.call_soon_threadsafe(task.cancel)

    def _run(self) -> None:
        reason: BaseException = ConfigurationError(
            "the event loop that async handlers share was stopped, so no handler in it came to its end:"
            " do not call stop() on it"
        )
        try:
            self.loop.run_forever()
        except BaseException as error:  # noqa: BLE001  # a handler's own task or callback may exit
            reason = error
        with _lock:
            self._has_ended = True
            _loop_thread.cache_clear()
        try:
            self._close()
            _warn(reason)
        finally:
            self._tell_all(reason)

    def _close(self) -> None:
        dismissal = _dismiss_all()
        # a handler's own task may exit again, or stop the loop; whoever stopped it may have closed it
        with closing(dismissal), suppress(BaseException):
            self.loop.run_until_complete(dismissal)
        self.loop.close()

    def _tell_all(self, reason: BaseException) -> None:
        for waiter in [*self._waiting]:
            if waiter.set_running_or_notify_cancel():  # pragma: no branch  # unless interrupted right now
                waiter.set_exception(reason)


def _warn(reason: BaseException) -> None:
    logging.getLogger("ddbevents").warning(
        "the event loop that async handlers share has ended (%s): the tasks in it were cancelled, and the"
        " next async handler gets a new loop",
        type(reason).__name__,
    )


async def _dismiss_all() -> None:
    await dismiss(asyncio.all_tasks() - {asyncio.current_task()})


@cache
def _loop_thread() -> _LoopThread:
    # `cache` alone would start a loop for each of several lanes that ask at once: ask with the lock
    return _LoopThread()


if hasattr(os, "register_at_fork"):  # pragma: no branch  # Windows has no fork
    # a forked process has the loop but not the thread that runs it
    os.register_at_fork(after_in_child=_loop_thread.cache_clear)
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
