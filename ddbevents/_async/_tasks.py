"""The tasks that a handler starts: they end with it, and their failures count as its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, TypeAlias, cast

Family: TypeAlias = set[asyncio.Task[Any]]

_family: ContextVar[Family | None] = ContextVar("_family", default=None)
_SECONDS_TO_CANCEL: Final = 1.0


class _StoppedError(Exception):
    """A task asks to end the process. Raised inside the loop, SystemExit itself would end the loop."""

    def __init__(self, stop: BaseException) -> None:
        super().__init__()
        self.stop = stop


async def settle(awaitable: Awaitable[object], use: Callable[[object], None]) -> BaseException | None:
    """Run an awaitable to its end, together with the tasks that it started but did not await.

    Args:
        awaitable: The awaitable.
        use: Called with its result, if that is neither None nor a task, which has ended by then.

    Returns:
        The exception that asks to end the process, if one does.
    """
    family: Family = set()
    _family.set(family)
    try:
        result = await _guard(awaitable)
        await _join(family)
        if not (result is None or isinstance(result, asyncio.Future)):
            use(result)
    except _StoppedError as stopped:
        return stopped.stop
    finally:
        await dismiss(family)
    return None


def adopt(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
    **how: Any,
) -> asyncio.Task[Any]:
    """Make a task, as a loop's task factory, and remember whose it is unless it has a context of its own."""
    context = how.get("context")
    family = _family.get() if context is None else context.get(_family)
    if family is None:
        return asyncio.Task(coroutine, loop=loop, **how)
    task = asyncio.Task(_guard(cast("Awaitable[Any]", coroutine)), loop=loop, **how)
    family.add(task)
    task.add_done_callback(partial(_leave, family))
    return task


async def dismiss(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, as those of a failed handler, which must not run on beside the next record."""
    pending = [task for task in tasks if not task.done()]
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending, timeout=_SECONDS_TO_CANCEL)
    for task in tasks:
        if task.done() and not task.cancelled():
            # retrieved, or asyncio would log it with its message
            task.exception()


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


def _leave(family: Family, task: asyncio.Task[Any]) -> None:
    if not _is_unseen(task):
        family.discard(task)


def _is_unseen(task: asyncio.Task[Any]) -> bool:
    """Return whether a finished task failed and nobody has awaited it so far.

    asyncio notes that for itself, in a private attribute. On a Python without it every failure counts as
    unseen, also one that the handler dealt with: a retry too many loses nothing, but silence would.
    """
    noted: bool | None = getattr(task, "_log_traceback", None)
    if noted is not None:
        return noted
    return not task.cancelled() and task.exception() is not None
