"""Whether a handler replaces another of its name, because its module ran again.

Imported when two handlers have the same name, not before: in production that is a mistake.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Final

_MAINS: Final = frozenset({"__main__", "__console__"})  # the second is that of the module `code`


def is_rerun(
    earlier: Callable[..., object], spec: object, later: Callable[..., object], later_spec: object
) -> bool:
    """Return whether two handlers of one name are the same handler, defined again.

    That is so if the file that defines them was run again, by `importlib.reload`, a second import or
    `runpy`, or if a prompt or a notebook ran a cell. Two functions of one name in one file are two handlers.

    Args:
        earlier: The handler that has the name.
        spec: Its module's `__spec__` when it was registered.
        later: The handler that is being registered.
        later_spec: Its module's `__spec__`.
    """
    first, second = _function(earlier), _function(later)
    if first is None or second is None:
        return False
    file, later_file = first.__code__.co_filename, second.__code__.co_filename
    if _is_typed_in(second):
        # a front end that numbers its inputs says so if both are of the same one: then they are two
        is_same_input = file == later_file and any(map(str.isdigit, file))
        return not is_same_input or first.__code__.co_firstlineno == second.__code__.co_firstlineno
    if file != later_file or file.startswith("<"):
        return False
    if spec is None and later_spec is None:  # a script that runpy runs, each time in a module of its own
        return first.__globals__ is not second.__globals__
    return spec is not later_spec


def _function(handler: Callable[..., object]) -> FunctionType | None:
    function = inspect.unwrap(getattr(handler, "__func__", handler))
    return function if isinstance(function, FunctionType) else None


def _is_typed_in(function: FunctionType) -> bool:
    """Return whether a function was entered at a prompt or in a notebook, and not read from a file."""
    module, file = function.__globals__, function.__code__.co_filename
    if module.get("__name__") not in _MAINS or file in {module.get("__file__"), "<string>"}:
        return False  # "<string>" is a program of python -c
    if file == "<stdin>":
        return hasattr(sys, "ps1")  # else it is a program that is piped in
    return file.startswith("<") or "__file__" not in module
