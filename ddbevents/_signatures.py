"""What can be told of a handler before it ever runs: its name, its parameters, its annotations."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from inspect import Parameter
from types import NoneType, UnionType
from typing import Any, Final, NamedTuple, Never, NoReturn, Union, get_args, get_origin, get_type_hints

from typing_extensions import is_typeddict

from ._errors import ConfigurationError
from ._transaction import Transaction

_POSITIONAL: Final = frozenset({Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD})
_MOST_PARAMETERS: Final = 2  # the change and a transaction
_TRANSACTION: Final[tuple[type[Any], ...]] = (Transaction,)
_UNTOLD: Final = frozenset({Any, object, Parameter.empty})
_WITHOUT_RESULT: Final = frozenset({None, NoneType, NoReturn, Never, Any})


class Signature(NamedTuple):
    """What routing needs to know of a handler."""

    name: str
    transactional: bool


def check_handler(
    handler: Callable[..., object], changes: tuple[type[Any], ...], model: object, old_model: object
) -> Signature:
    """Look at a handler that is to get any of these changes.

    Raises:
        ConfigurationError: It could not run, or its annotations say that it expects something else.
    """
    name = _name(handler)
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise ConfigurationError(f"{name} is a generator, which would never run: handlers return None")
    parameters = _positional_parameters(handler, name)
    hints = _hints(handler)
    models = (model, old_model)
    given_by_position = (changes, _TRANSACTION)
    for parameter, given in zip(parameters, given_by_position, strict=False):
        _check_annotation(name, hints.get(parameter.name, Any), given, models)
    if not _returns_nothing(hints.get("return", None)):
        raise ConfigurationError(f"{name} returns a value, which nobody would see: handlers return None")
    return Signature(name, transactional=len(parameters) == _MOST_PARAMETERS)


def _name(handler: object) -> str:
    qualname = getattr(handler, "__qualname__", None)
    if not callable(handler) or qualname is None:
        raise ConfigurationError(
            "a handler is a function with a name of its own, which its marks carry: use def"
        )
    return f"{handler.__module__}.{qualname}"


def _positional_parameters(handler: Callable[..., object], name: str) -> list[Parameter]:
    """The parameters to fill: one, or two for a handler that asks for a transaction."""
    parameters = inspect.signature(handler).parameters.values()
    positional = [p for p in parameters if p.kind in _POSITIONAL or p.kind is Parameter.VAR_POSITIONAL]
    required = [p for p in parameters if p.default is Parameter.empty and p.kind in _POSITIONAL]
    named = [p for p in parameters if p.default is Parameter.empty and p.kind is Parameter.KEYWORD_ONLY]
    if not positional or len(required) > _MOST_PARAMETERS or named:
        raise ConfigurationError(f"{name} takes (change) or (change, transaction), and nothing else")
    return required or positional[:1]


def _hints(handler: Callable[..., object]) -> Mapping[str, Any]:
    try:
        return get_type_hints(handler)
    except (NameError, TypeError, AttributeError):
        # names under TYPE_CHECKING: then only the type checker can tell
        return {}


def _check_annotation(
    name: str, hint: Any, given: tuple[type[Any], ...], models: tuple[object, object]
) -> None:
    for change in given:
        if not _admits(hint, change, models):
            raise ConfigurationError(
                f"{name} is given {_shown(change, models[0])}, but its annotation says otherwise"
            )


def _admits(hint: Any, given: type[Any], models: tuple[object, object]) -> bool:
    if get_origin(hint) in {Union, UnionType}:
        return any(_admits(member, given, models) for member in get_args(hint))
    accepted = get_origin(hint) or hint
    if accepted in _UNTOLD or not isinstance(accepted, type):
        return True
    if not issubclass(given, accepted):
        return False
    return all(_is_kind_of(model, wanted) for model, wanted in zip(models, get_args(hint), strict=False))


def _is_kind_of(model: object, wanted: object) -> bool:
    if wanted in _UNTOLD or not isinstance(wanted, type) or not isinstance(model, type):
        return True
    if is_typeddict(wanted) or is_typeddict(model):
        return is_typeddict(wanted) and is_typeddict(model)
    return issubclass(model, wanted)


def _returns_nothing(hint: Any) -> bool:
    if hint in _WITHOUT_RESULT or not isinstance(get_origin(hint) or hint, type):
        return True
    return issubclass(get_origin(hint) or hint, Awaitable)


def _shown(given: type[Any], model: object) -> str:
    return (
        given.__name__ if given is Transaction else f"{given.__name__}[{getattr(model, '__name__', model)}]"
    )
