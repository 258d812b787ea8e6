"""One call of a handler, to its end: what it returns is awaited if it can be."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Awaitable, Generator
from types import ModuleType

from ._errors import ConfigurationError


def finish(result: object) -> None:
    """Await what a handler gave back, and refuse what nobody would ever run.

    Raises:
        ConfigurationError: It is a generator.
    """
    if isinstance(result, Awaitable):
        _loop().complete(result)
    elif isinstance(result, (Generator, AsyncGenerator)):
        raise ConfigurationError("the handler gave back a generator, which nobody would run: return None")


def is_failure(error: BaseException) -> bool:
    """Whether a handler failed, rather than the process being told to end."""
    return isinstance(error, Exception) or _loop().is_cancellation(error)


def is_inside_loop() -> bool:
    """Whether an async handler or callback called, in whose thread nothing may wait for another of them."""
    # where asyncio is not loaded no loop can run, and none is to be loaded for asking
    return "asyncio" in sys.modules and bool(_loop().is_inside())


def _loop() -> ModuleType:
    from . import _loop  # noqa: PLC0415  # asyncio would be a good part of a cold start

    return _loop
