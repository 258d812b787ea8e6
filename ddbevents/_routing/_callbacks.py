"""Functions that are called with one argument, as callbacks and middleware are."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from inspect import Parameter

from .._errors import ConfigurationError
from ._signatures import can_be_called, is_class, listed, parameters_of, required


def check_callback(callback: object) -> None:
    """Refuse a function that could not be called with a report.

    Raises:
        ConfigurationError: It is none, it would not run, or it takes something else.
    """
    if not callable(callback) or is_class(callback):
        raise ConfigurationError("on_report takes a function of one parameter, the report")
    name = getattr(callback, "__qualname__", type(callback).__qualname__)
    if inspect.isgeneratorfunction(callback) or inspect.isasyncgenfunction(callback):
        raise ConfigurationError(f"on_report: {name} is a generator, which nothing would run: return None")
    parameters = parameters_of(callback)
    if parameters is not None and not takes_one(parameters):
        raise ConfigurationError(
            f"on_report: {name} takes {listed(parameters)}, but gets the report alone: let it take (report)"
        )


def takes_one(parameters: Iterable[Parameter]) -> bool:
    """Return whether a function can be called with one argument by position, and nothing else."""
    return len(required(parameters)) <= 1 and can_be_called(parameters)
