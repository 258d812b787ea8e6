"""Middleware and observers of the wrong shape: each mistake with its cure.

Imported by an app that has some, not before: most have none.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncContextDecorator,
    ContextDecorator,
)
from typing import Any, Final, get_origin

from .._errors import ConfigurationError
from ._callbacks import takes_one
from ._signatures import listed, parameters_of

# context managers that are callable too, but take a function
_DECORATORS: Final = (ContextDecorator, AsyncContextDecorator)
_IS_ASYNC: Final = (
    "is async, but it runs around sync and async handlers alike: write it with def and"
    " contextlib.contextmanager"
)
_IS_GENERATOR: Final = "is a generator function: decorate it with contextlib.contextmanager"
_ALONE: Final = "a middleware takes the change alone: there is no call_next"
_OBSERVES_ALONE: Final = "an observer takes the batch alone, an ObservedBatch"
_CURE: Final = "write one yield, where the handler runs, and decorate it with contextlib.contextmanager"
_IS_CALLED: Final = "is a context manager already: pass the functions themselves, without calling them"


def check_middleware(middleware: object) -> None:
    """Refuse middleware that no signature of a working one has.

    Raises:
        ConfigurationError: It is no list, or one of its functions could not run around a handler.
    """
    if not isinstance(middleware, Sequence) or isinstance(middleware, (str, bytes)):
        raise ConfigurationError(
            f"middleware must be a list of functions, not {_shown(middleware)}: write middleware=[...]"
        )
    for each in middleware:
        if reason := _fault(each, _ALONE):
            raise ConfigurationError(f"middleware: {_shown(each)} {reason}")


def check_observer(observer: object) -> None:
    """Refuse an observer that no signature of a working one has.

    Raises:
        ConfigurationError: It could not run around a batch.
    """
    if reason := _fault(observer, _OBSERVES_ALONE):
        # what is said of a handler is true of a batch too
        raise ConfigurationError(
            f"observe: {_shown(observer)} {reason.replace('handler runs', 'batch runs')}"
        )


def no_manager(middleware: Callable[..., object], made: object) -> ConfigurationError:
    """Return the error of a middleware that returned something other than a context manager."""
    if isinstance(made, Coroutine):
        made.close()
    if isinstance(made, (Coroutine, AbstractAsyncContextManager)):
        reason = _IS_ASYNC
    elif isinstance(made, Generator):
        reason = _IS_GENERATOR
    elif callable(made):
        returned = f"{_shown(made)}: it gets the change and not the handler"
        reason = f"returns no context manager, but {returned}, so {_CURE}"
    else:
        reason = f"returns no context manager, but {type(made).__name__}: {_CURE}"
    return ConfigurationError(f"the middleware {_shown(middleware)} {reason}")


def _fault(middleware: Any, alone: str) -> str | None:
    if isinstance(get_origin(middleware) or middleware, type):
        reason = _fault_of_class(middleware)
    elif isinstance(middleware, _DECORATORS) or not callable(middleware):
        reason = _fault_of_instance(middleware)
    else:
        reason = _fault_of_function(middleware)
    return reason or _fault_of_parameters(middleware, alone)


def _fault_of_class(middleware: type[Any]) -> str | None:
    if hasattr(middleware, "__enter__"):
        return None
    if hasattr(middleware, "__aenter__"):
        return _IS_ASYNC
    return "is a class whose instances are no context managers: pass an instance that can be called"


def _fault_of_instance(middleware: object) -> str:
    if isinstance(middleware, AbstractContextManager):
        return _IS_CALLED
    if isinstance(middleware, AbstractAsyncContextManager):
        return _IS_ASYNC
    return "cannot be called: pass the functions themselves"


def _fault_of_function(middleware: Any) -> str | None:
    call = type(middleware).__call__
    # asynccontextmanager makes sync functions, and only the function that they wrap says that they are async
    for function in (middleware, inspect.unwrap(middleware), call):
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            return _IS_ASYNC
    is_generator = inspect.isgeneratorfunction(middleware) or inspect.isgeneratorfunction(call)
    return _IS_GENERATOR if is_generator else None


def _fault_of_parameters(middleware: Callable[..., object], alone: str) -> str | None:
    parameters = parameters_of(middleware)
    if parameters is None or takes_one(parameters):
        return None
    return f"takes {listed(parameters)}, but {alone}, so {_CURE}"


def _shown(value: object) -> str:
    return str(getattr(value, "__qualname__", type(value).__qualname__))
