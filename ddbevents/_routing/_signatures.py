"""Handler signatures: name, parameters and annotations, checked before a handler ever runs."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from inspect import Parameter
from types import NoneType, UnionType
from typing import (
    Any,
    Final,
    Literal,
    NamedTuple,
    Never,
    NoReturn,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from typing_extensions import is_protocol, is_typeddict

from .._errors import ConfigurationError
from .._transaction import Transaction

_POSITIONAL: Final = frozenset({Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD})
_MOST_PARAMETERS: Final = 2  # the change and a transaction
_TRANSACTION: Final[tuple[type[Any], ...]] = (Transaction,)
# tuples, since an annotation may be anything, even unhashable
_TOO_WIDE: Final = (Any, object)
_WITHOUT_RESULT: Final = (None, NoneType, NoReturn, Never, Any)
_UNIONS: Final = (Union, UnionType)


class Signature(NamedTuple):
    """The part of a handler's signature that routing needs."""

    name: str
    transactional: bool


def check_handler(
    handler: Callable[..., object], changes: tuple[type[Any], ...], model: object, old_model: object
) -> Signature:
    """Return the signature of a handler that is to get these changes.

    Raises:
        ConfigurationError: It could not run, or its annotations say that it expects something else.
    """
    name = _name(handler)
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise ConfigurationError(f"{name} is a generator, which nothing would run: handlers return None")
    parameters = _parameters(handler, name)
    filled = _filled(parameters, name)
    hints = _hints(handler)
    models = (model, old_model)
    for parameter, given in zip(filled, (changes, _TRANSACTION), strict=False):
        _check_annotation(name, hints.get(parameter.name, Any), given, models)
    if any(_asks_for_transaction(hints.get(p.name)) for p in parameters if p not in filled):
        raise ConfigurationError(
            f"{name} would never get its transaction: make it the second parameter, without a default"
        )
    if not _returns_nothing(hints.get("return"), is_awaited=inspect.iscoroutinefunction(handler)):
        raise ConfigurationError(f"{name} returns a value, which nothing would use: handlers return None")
    return Signature(name, transactional=len(filled) == _MOST_PARAMETERS)


def _name(handler: object) -> str:
    qualname = getattr(handler, "__qualname__", None)
    if not callable(handler) or isinstance(handler, type) or not isinstance(qualname, str):
        raise ConfigurationError(
            "a handler must be a function with a name, which its idempotency records contain: use def"
        )
    return f"{getattr(handler, '__module__', None) or 'builtins'}.{qualname}"


def _parameters(handler: Callable[..., object], name: str) -> tuple[Parameter, ...]:
    """Return its parameters; if it takes `*args`, those of the function that it wraps."""
    for follow_wrapped in (False, True):
        try:
            signature = inspect.signature(handler, follow_wrapped=follow_wrapped)
        except (TypeError, ValueError):
            continue
        parameters = tuple(signature.parameters.values())
        if follow_wrapped or all(p.kind is not Parameter.VAR_POSITIONAL for p in parameters):
            return parameters
    raise ConfigurationError(
        f"{name} has no signature that can be read: call it from a function made with def"
    )


def _filled(parameters: tuple[Parameter, ...], name: str) -> list[Parameter]:
    """Return the parameters to fill: one, or two for a handler that asks for a transaction."""
    positional = [p for p in parameters if p.kind in _POSITIONAL or p.kind is Parameter.VAR_POSITIONAL]
    required = [p for p in parameters if p.default is Parameter.empty and p.kind in _POSITIONAL]
    named = [p for p in parameters if p.default is Parameter.empty and p.kind is Parameter.KEYWORD_ONLY]
    if not positional or len(required) > _MOST_PARAMETERS or named:
        raise ConfigurationError(f"{name} takes (change) or (change, transaction), and nothing else")
    return required or positional[:1]


def _hints(handler: Callable[..., object]) -> Mapping[str, Any]:
    try:
        return get_type_hints(handler)
    except (ArithmeticError, AttributeError, LookupError, NameError, SyntaxError, TypeError, ValueError):
        # names under TYPE_CHECKING, or no types at all: only a type checker can judge them
        return {}


def _asks_for_transaction(hint: object) -> bool:
    return hint is Transaction or (get_origin(hint) in _UNIONS and Transaction in get_args(hint))


def _check_annotation(
    name: str, hint: Any, given: tuple[type[Any], ...], models: tuple[object, object]
) -> None:
    for change in given:
        if not _admits(hint, change, models):
            raise ConfigurationError(
                f"{name} gets {_shown(change, models)}, but its parameter is annotated {_as_written(hint)}"
            )


def _admits(hint: Any, given: type[Any], models: tuple[object, object]) -> bool:
    if get_origin(hint) in _UNIONS:
        return any(_admits(member, given, models) for member in get_args(hint))
    accepted = get_origin(hint) or hint
    if _is_too_wide(accepted):
        return True
    if not issubclass(given, accepted):
        return False
    return all(_is_kind_of(model, wanted) for model, wanted in zip(models, _items(hint), strict=False))


def _items(hint: Any) -> list[Any]:
    """Return the models in a change's annotation. `Modify[New]` is short for `Modify[New, New]`."""
    arguments = get_args(hint)
    return [arguments[0] if isinstance(argument, TypeVar) else argument for argument in arguments]


def _is_kind_of(model: Any, wanted: Any) -> bool:
    if get_origin(wanted) in _UNIONS:
        return any(_is_kind_of(model, member) for member in get_args(wanted))
    model, wanted = get_origin(model) or model, get_origin(wanted) or wanted
    if _is_too_wide(wanted):
        return True
    if is_typeddict(wanted):
        return is_typeddict(model) and _keys(wanted) <= _keys(model)
    return issubclass(dict if is_typeddict(model) else model, wanted)


def _is_too_wide(hint: Any) -> bool:
    """Return whether an annotation is too wide to judge here: `Any`, a Protocol, a TypeVar."""
    return any(hint is wide for wide in _TOO_WIDE) or not isinstance(hint, type) or is_protocol(hint)


def _keys(typed_dict: Any) -> frozenset[str]:
    keys: frozenset[str] = typed_dict.__required_keys__ | typed_dict.__optional_keys__
    return keys


def _returns_nothing(hint: Any, *, is_awaited: bool) -> bool:
    if any(hint is nothing for nothing in _WITHOUT_RESULT):
        return True
    origin = get_origin(hint) or hint
    if origin in _UNIONS:
        return all(_returns_nothing(member, is_awaited=is_awaited) for member in get_args(hint))
    if not isinstance(origin, type):
        return origin is not Literal
    # nothing would await the awaitable that a coroutine returns
    if is_awaited or not issubclass(origin, Awaitable):
        return False
    return all(_returns_nothing(result, is_awaited=True) for result in get_args(hint)[-1:])


def _as_written(hint: Any) -> str:
    arguments = [_as_written(argument) for argument in get_args(hint)]
    if get_origin(hint) in _UNIONS:
        return " | ".join(arguments)
    name = str(getattr(get_origin(hint) or hint, "__name__", hint))
    return f"{name}[{', '.join(arguments)}]" if arguments else name


def _shown(given: type[Any], models: tuple[object, object]) -> str:
    parameters = getattr(given, "__parameters__", ())
    names = dict.fromkeys(
        getattr(model, "__name__", str(model)) for _, model in zip(parameters, models, strict=False)
    )
    return f"{given.__name__}[{', '.join(names)}]" if names else given.__name__
