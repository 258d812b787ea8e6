"""Running what a handler returns to its end, whether the handler is sync or async."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from functools import partial
from types import ModuleType

from .._errors import ConfigurationError


def _pass(result: object) -> None:
    """Do nothing with a result that nobody uses."""


def finish(result: object, unused: Callable[[object], None] = _pass) -> None:
    """Await a handler's result if it can be awaited.

    Args:
        result: What the handler returned.
        unused: Called with what is not None in the end, and of no use to anybody.

    Raises:
        ConfigurationError: The result is a generator, which nothing would ever run, or the result of an async
            handler is an awaitable, which nothing would await.
    """
    if isinstance(result, Awaitable):
        _event_loop().complete(result, partial(_refuse_or_pass, unused))
    elif result is not None:
        _refuse_or_pass(unused, result)


def _refuse_or_pass(unused: Callable[[object], None], result: object) -> None:
    if isinstance(result, (Generator, AsyncGenerator)):
        raise ConfigurationError("the handler returned a generator, which nothing would run: return None")
    if isinstance(result, Coroutine):
        result.close()
    if isinstance(result, Awaitable):
        raise ConfigurationError(
            "the async handler returned an awaitable, which nothing would await: await it in the handler"
        )
    unused(result)


def is_failure(error: BaseException) -> bool:
    """Return whether a handler failed, as opposed to the process being asked to end."""
    return isinstance(error, Exception) or _event_loop().is_cancellation(error)


def is_inside_loop() -> bool:
    """Return whether the caller runs in the event loop's own thread, where waiting for it would deadlock."""
    # without asyncio no loop can be running, and asking must not load it
    return "asyncio" in sys.modules and bool(_event_loop().is_inside())


def _event_loop() -> ModuleType:
    from . import _loop  # noqa: PLC0415  # cold start: asyncio takes a good part of one

    return _loop
