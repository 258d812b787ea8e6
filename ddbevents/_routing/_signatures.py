"""Handler signatures: name, parameters and annotations, checked before a handler ever runs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from inspect import Parameter
from types import NoneType, SimpleNamespace, UnionType
from typing import (
    Any,
    Final,
    Literal,
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
from .._tuples import NamedTuple

_POSITIONAL: Final = frozenset({Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD})
_BY_POSITION: Final = _POSITIONAL | {Parameter.VAR_POSITIONAL}
_MOST_PARAMETERS: Final = 2  # the change and a transaction
_TRANSACTION_NAMES: Final = frozenset({"tx", "transaction"})
_CONTEXT_NAMES: Final = frozenset({"context", "lambda_context"})
_METHOD_NAMES: Final = frozenset({"self", "cls"})
# tuples, since an annotation may be anything, even unhashable
_TOO_WIDE: Final = (Any, object)
_WITHOUT_RESULT: Final = (None, NoneType, NoReturn, Never, Any)
_UNIONS: Final = (Union, UnionType)


class Signature(NamedTuple):
    """The part of a handler's signature that routing needs."""

    name: str
    transactional: bool


def check_handler(
    handler: Callable[..., object],
    changes: tuple[type[Any], ...],
    model: object,
    old_model: object,
    *,
    takes_list: bool = False,
) -> Signature:
    """Return the signature of a handler that is to get these changes, one by one or as a list.

    Raises:
        ConfigurationError: It could not run, or its annotations say that it expects something else.
    """
    name = _name(handler)
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise ConfigurationError(f"{name} is a generator, which nothing would run: handlers return None")
    parameters = _parameters(handler, name)
    if parameters and parameters[0].name in _METHOD_NAMES:
        from ._handler_errors import unbound_method  # noqa: PLC0415  # for wrong handlers only

        raise unbound_method(name, parameters[0].name)
    filled = _filled(parameters, name)
    hints = _hints(handler)
    hint = hints.get(filled[0].name, Any)
    if takes_list:
        from ._bulk_signatures import item_hint  # noqa: PLC0415  # cold start: for bulk handlers

        hint = item_hint(name, hint, filled)
    _check_annotation(name, hint, changes, (model, old_model), takes_list=takes_list)
    _check_transaction(name, filled, hints)
    _refuse_unfilled(name, [p for p in parameters if p not in filled], hints)
    if not _returns_nothing(hints.get("return"), is_awaited=inspect.iscoroutinefunction(handler)):
        raise ConfigurationError(f"{name} returns a value, which nothing would use: handlers return None")
    return Signature(name, transactional=len(filled) == _MOST_PARAMETERS)


def _name(handler: object) -> str:
    qualname = getattr(handler, "__qualname__", None)
    if isinstance(handler, classmethod):
        raise ConfigurationError(
            f"{qualname} is a class method, which has no class yet: register {qualname} after the class"
        )
    if not callable(handler) or is_class(handler) or not isinstance(qualname, str):
        raise ConfigurationError(
            "a handler must be a function with a name, which its idempotency records contain: use def"
        )
    return f"{getattr(handler, '__module__', None) or 'builtins'}.{qualname}"


def _parameters(handler: Callable[..., object], name: str) -> tuple[Parameter, ...]:
    parameters = parameters_of(handler)
    if parameters is None:
        raise ConfigurationError(
            f"{name} has no signature that can be read: call it from a function made with def"
        )
    return parameters


def is_class(value: object) -> bool:
    """Return whether a value is a class, or one with arguments as `Insert[User]`."""
    return isinstance(value, type) or get_origin(value) is not None


def parameters_of(function: Callable[..., object]) -> tuple[Parameter, ...] | None:
    """Return the parameters; of a function that takes `*args`, those of the function that it wraps.

    None if they cannot be read, as those of some functions that are not in Python.
    """
    for follow_wrapped in (False, True):
        try:
            signature = inspect.signature(function, follow_wrapped=follow_wrapped)
        except (TypeError, ValueError):
            continue
        parameters = tuple(signature.parameters.values())
        if follow_wrapped or all(p.kind is not Parameter.VAR_POSITIONAL for p in parameters):
            return parameters
    return None


def _filled(parameters: tuple[Parameter, ...], name: str) -> list[Parameter]:
    """Return the parameters to fill: one, or two for a handler that asks for a transaction."""
    needed = required(parameters)
    if len(needed) > _MOST_PARAMETERS or not can_be_called(parameters):
        raise ConfigurationError(
            f"{name} takes {listed(parameters)}, but a handler takes (change) or (change, tx: Transaction),"
            " and nothing else"
        )
    return needed or [p for p in parameters if p.kind in _BY_POSITION][:1]


def required(parameters: Iterable[Parameter]) -> list[Parameter]:
    return [p for p in parameters if p.default is Parameter.empty and p.kind in _POSITIONAL]


def can_be_called(parameters: Iterable[Parameter]) -> bool:
    """Return whether there is a place for an argument by position, and nothing must be given by name."""
    named = [p for p in parameters if p.default is Parameter.empty and p.kind is Parameter.KEYWORD_ONLY]
    return not named and any(p.kind in _BY_POSITION for p in parameters)


def listed(parameters: Iterable[Parameter]) -> str:
    """Return parameters as they are written in a signature, without annotations."""
    return f"({', '.join(parameter.name for parameter in parameters)})"


def _hints(handler: Callable[..., object]) -> Mapping[str, Any]:
    """Return the annotations by name, resolved; as text where a name does not exist when the module runs."""
    annotations = getattr(handler, "__annotations__", None) or {}
    return {name: _resolved(hint, handler) for name, hint in annotations.items()}


def _resolved(hint: Any, handler: Callable[..., object]) -> Any:
    # one at a time: a name under TYPE_CHECKING must not hide what the others say
    alone = SimpleNamespace(
        __annotations__={"hint": hint},
        __globals__=defining_module(handler),
        __type_params__=getattr(handler, "__type_params__", ()),
    )
    try:
        return get_type_hints(alone)["hint"]
    except (ArithmeticError, AttributeError, LookupError, NameError, SyntaxError, TypeError, ValueError):
        return str(hint)


def defining_module(handler: Callable[..., object]) -> dict[str, Any]:
    """Return the names of the module in which a function was written; none if that is not in Python."""
    namespace: dict[str, Any] = getattr(inspect.unwrap(handler), "__globals__", {})
    return namespace


def _check_transaction(name: str, filled: Sequence[Parameter], hints: Mapping[str, Any]) -> None:
    for second in filled[1:]:
        hint = hints.get(second.name, Any)
        if not _is_transaction(second, hint):
            from ._handler_errors import no_transaction  # noqa: PLC0415  # for wrong handlers only

            raise no_transaction(
                name,
                filled[0],
                second,
                hint,
                is_context=_is_context(second, hint),
                is_bare=_says_nothing(hint),
            )


def _refuse_unfilled(name: str, unfilled: Iterable[Parameter], hints: Mapping[str, Any]) -> None:
    """Refuse optional parameters that look as if the library would fill them."""
    for parameter in unfilled:
        hint = hints.get(parameter.name, Any)
        if _is_transaction(parameter, hint):
            raise ConfigurationError(
                f"{name} would never get its transaction: make it the second parameter, without a default"
            )
        if parameter.default is None and _is_context(parameter, hint):
            from ._handler_errors import no_context  # noqa: PLC0415  # for wrong handlers only

            raise no_context(name, parameter)


def _is_transaction(parameter: Parameter, hint: Any) -> bool:
    if isinstance(hint, str):
        return re.search(r"\bTransaction\b", hint) is not None
    if _says_nothing(hint):
        return parameter.name in _TRANSACTION_NAMES
    return hint is Transaction or (get_origin(hint) in _UNIONS and Transaction in get_args(hint))


def _is_context(parameter: Parameter, hint: Any) -> bool:
    return parameter.name in _CONTEXT_NAMES or "LambdaContext" in (
        hint if isinstance(hint, str) else str(hint)
    )


def _says_nothing(hint: Any) -> bool:
    """Return whether an annotation says no more than none would."""
    return any(hint is wide for wide in _TOO_WIDE) or isinstance(hint, TypeVar) or is_protocol(hint)


def _check_annotation(
    name: str,
    hint: Any,
    given: tuple[type[Any], ...],
    models: tuple[object, object],
    *,
    takes_list: bool,
) -> None:
    for change in given:
        if isinstance(hint, str) or not _admits(hint, change, models):
            from ._handler_errors import may_be, wrong_change  # noqa: PLC0415  # seldom needed

            if not (isinstance(hint, str) and may_be(hint, change)):
                raise wrong_change(name, hint, change, given, models, takes_list=takes_list)


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
