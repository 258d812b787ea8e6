"""The errors for handlers whose signature is wrong, each with its own cure.

Loaded with the first wrong handler: an app that works never needs it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from inspect import Parameter
from types import UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin

from .._errors import ConfigurationError
from .._transaction import Transaction

_LISTS: Final = (list, Sequence, Iterable, Collection)
_NO_CONTEXT: Final = "handlers do not get Lambda's context: leave it out, and call current_context()"
_READ_THE_CHANGE: Final[Mapping[str, str]] = {
    "change": "the change comes first",
    "old": "a handler gets one change, whose items are change.old and change.new",
    "new": "a handler gets one change, whose items are change.old and change.new",
    "record": "the record is change.record",
}
# each annotation by its name in code, as the text of one that cannot be resolved has it
_KINDS_BY_TEXT: Final[Mapping[str, frozenset[str]]] = {
    "Insert": frozenset({"Insert"}),
    "Modify": frozenset({"Modify"}),
    "Remove": frozenset({"Remove"}),
    "KeyChange": frozenset({"KeyChange"}),
    "StreamRecord": frozenset({"StreamRecord"}),
    "Upsert": frozenset({"Upsert"}),
    "Previous": frozenset({"Previous"}),
    "Latest": frozenset({"Latest"}),
    "Snapshot": frozenset({"Snapshot"}),
    "Change": frozenset({"Insert", "Modify", "Remove"}),
}


def unbound_method(name: str, first: str) -> ConfigurationError:
    """Return the error for a handler that was decorated in its class body."""
    path, _, method = name.rpartition(".")
    owner = path.rpartition(".")[2]
    bound = f"{owner}().{method}" if first == "self" else f"{owner}.{method}"
    return ConfigurationError(
        f"{name} would get the change as {first}, since nothing binds a method in its class body:"
        f" register the bound method after the class, for example {bound}"
    )


def no_context(name: str, parameter: Parameter) -> ConfigurationError:
    """Return the error for an optional parameter that is meant to be Lambda's context."""
    return ConfigurationError(f"{name} would never get its {parameter.name}: {_NO_CONTEXT}")


def no_transaction(
    name: str, first: Parameter, second: Parameter, hint: Any, *, is_context: bool, is_bare: bool
) -> ConfigurationError:
    """Return the error for a second parameter that is no transaction.

    Args:
        name: The handler's name.
        first: Its first parameter.
        second: Its second parameter.
        hint: The annotation of the second.
        is_context: Whether the second is meant to be Lambda's context.
        is_bare: Whether the annotation says nothing.
    """
    shown = second.name if is_bare else f"{second.name}: {_as_written(hint)}"
    if is_context:
        cure = _NO_CONTEXT
    elif isinstance(hint, str):
        cure = "its annotation cannot be resolved when the module runs, so write Transaction or leave it out"
    else:
        cure = _READ_THE_CHANGE.get(second.name, "annotate it Transaction if it is one, or leave it out")
    return ConfigurationError(
        f"{name} takes ({first.name}, {shown}), but the second parameter of a handler is a"
        f" Transaction: {cure}"
    )


def wrong_change(
    name: str,
    hint: Any,
    change: type[Any],
    given: tuple[type[Any], ...],
    models: tuple[object, object],
    *,
    takes_list: bool,
) -> ConfigurationError:
    """Return the error for a handler whose annotation does not fit one of the changes that it gets."""
    wanted = _shown(_name_of_all(given), given[-1], models)
    if takes_list:
        return ConfigurationError(
            f"{name} gets a list of {_shown(change.__name__, change, models)}, but its parameter is annotated"
            f" as one of {_as_written(hint)}: annotate it Sequence[{wanted}]"
        )
    cure = f"annotate it {wanted}"
    if hint is Transaction:
        cure = "the change comes first, as in (change, tx)"
    elif get_origin(hint) in _LISTS:
        cure += ", or register it with bulk() to get a list"
    return ConfigurationError(
        f"{name} gets {_shown(change.__name__, change, models)}, but its parameter is annotated"
        f" {_as_written(hint)}: {cure}"
    )


def no_list(name: str, hint: Any) -> ConfigurationError:
    """Return the error for a bulk handler whose parameter is not annotated as a list."""
    shown = _as_written(hint)
    return ConfigurationError(
        f"{name} gets a list of changes, since it is registered with bulk(), but its parameter is annotated"
        f" {shown}: annotate it Sequence[{shown}], or use the decorator of the app itself"
    )


def may_be(text: str, given: type[Any]) -> bool:
    """Return False if the text of an annotation names another kind of change, and nothing else."""
    named = re.fullmatch(r"(?:\w+\.)*(\w+)(?:\[[^|]*\])?", text)
    return named is None or given.__name__ in _KINDS_BY_TEXT.get(named[1], {given.__name__})


def _as_written(hint: Any) -> str:
    if isinstance(hint, str):
        return hint
    # the default of a second argument, which nobody has written
    given = [argument for argument in get_args(hint) if not isinstance(argument, TypeVar)]
    arguments = [_as_written(argument) for argument in given]
    if get_origin(hint) in (Union, UnionType):
        return " | ".join(arguments)
    name = str(getattr(get_origin(hint) or hint, "__name__", hint))
    return f"{name}[{', '.join(arguments)}]" if arguments else name


def _name_of_all(given: tuple[type[Any], ...]) -> str:
    """Return the name under which users know these changes together."""
    kinds = frozenset(change.__name__ for change in given)
    return next(name for name, members in _KINDS_BY_TEXT.items() if members == kinds)


def _shown(name: str, given: type[Any], models: tuple[object, object]) -> str:
    parameters = getattr(given, "__parameters__", ())
    names = dict.fromkeys(
        getattr(model, "__name__", str(model)) for _, model in zip(parameters, models, strict=False)
    )
    return f"{name}[{', '.join(names)}]" if names else name
