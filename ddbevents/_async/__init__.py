"""Running what a handler returns to its end, whether the handler is sync or async."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Awaitable, Generator
from types import ModuleType

from .._errors import ConfigurationError


def finish(result: object) -> None:
    """Await a handler's result if it can be awaited.

    Raises:
        ConfigurationError: The result is a generator, which nothing would ever run.
    """
    if isinstance(result, Awaitable):
        _event_loop().complete(result)
    elif isinstance(result, (Generator, AsyncGenerator)):
        raise ConfigurationError("the handler returned a generator, which nothing would run: return None")


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
