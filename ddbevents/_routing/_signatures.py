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
_BY_POSITION: Final = _POSITIONAL | {Parameter.VAR_POSITIONAL}
_MOST_PARAMETERS: Final = 2  # the change and a transaction
_TRANSACTION_NAMES: Final = frozenset({"tx", "transaction"})
_CONTEXT_NAMES: Final = frozenset({"context", "lambda_context"})
_METHOD_NAMES: Final = frozenset({"self", "cls"})
_NO_CONTEXT: Final = "handlers do not get Lambda's context, so leave it out"
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
    "Upsert": frozenset({"Insert", "Modify"}),
    "Change": frozenset({"Insert", "Modify", "Remove"}),
}
# tuples, since an annotation may be anything, even unhashable
_TOO_WIDE: Final = (Any, object)
_WITHOUT_RESULT: Final = (None, NoneType, NoReturn, Never, Any)
_UNIONS: Final = (Union, UnionType)


class Signature(NamedTuple):
    """The part of a handler's signature that routing needs."""

    name: str
    transactional: bool


class Unresolved(NamedTuple):
    """An annotation whose names do not exist when the module runs: only its text is known."""

    text: str


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
    _refuse_methods(parameters, name)
    filled = _filled(parameters, name)
    hints = _hints(handler)
    _check_annotation(name, hints.get(filled[0].name, Any), changes, (model, old_model))
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
    if not callable(handler) or _is_class(handler) or not isinstance(qualname, str):
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


def _is_class(value: object) -> bool:
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


def takes_one(parameters: Iterable[Parameter]) -> bool:
    """Return whether a function can be called with one argument by position, and nothing else."""
    return len(_required(parameters)) <= 1 and _can_be_called(parameters)


def _filled(parameters: tuple[Parameter, ...], name: str) -> list[Parameter]:
    """Return the parameters to fill: one, or two for a handler that asks for a transaction."""
    required = _required(parameters)
    if len(required) > _MOST_PARAMETERS or not _can_be_called(parameters):
        raise ConfigurationError(
            f"{name} takes {listed(parameters)}, but a handler takes (change) or (change, tx: Transaction),"
            " and nothing else"
        )
    return required or [p for p in parameters if p.kind in _BY_POSITION][:1]


def _required(parameters: Iterable[Parameter]) -> list[Parameter]:
    return [p for p in parameters if p.default is Parameter.empty and p.kind in _POSITIONAL]


def _can_be_called(parameters: Iterable[Parameter]) -> bool:
    """Return whether there is a place for an argument by position, and nothing must be given by name."""
    named = [p for p in parameters if p.default is Parameter.empty and p.kind is Parameter.KEYWORD_ONLY]
    return not named and any(p.kind in _BY_POSITION for p in parameters)


def listed(parameters: Iterable[Parameter]) -> str:
    """Return parameters as they are written in a signature, without annotations."""
    return f"({', '.join(parameter.name for parameter in parameters)})"


def check_callback(callback: object) -> None:
    """Refuse a function that could not be called with a report.

    Raises:
        ConfigurationError: It is none, it would not run, or it takes something else.
    """
    if not callable(callback) or _is_class(callback):
        raise ConfigurationError("on_report takes a function of one parameter, the report")
    name = getattr(callback, "__qualname__", type(callback).__qualname__)
    if inspect.isgeneratorfunction(callback) or inspect.isasyncgenfunction(callback):
        raise ConfigurationError(f"on_report: {name} is a generator, which nothing would run: return None")
    parameters = parameters_of(callback)
    if parameters is not None and not takes_one(parameters):
        raise ConfigurationError(
            f"on_report: {name} takes {listed(parameters)}, but gets the report alone: let it take (report)"
        )


def _refuse_methods(parameters: tuple[Parameter, ...], name: str) -> None:
    if not parameters or parameters[0].name not in _METHOD_NAMES:
        return
    first = parameters[0].name
    path, _, method = name.rpartition(".")
    owner = path.rpartition(".")[2]
    bound = f"{owner}().{method}" if first == "self" else f"{owner}.{method}"
    raise ConfigurationError(
        f"{name} would get the change as {first}, since nothing binds a method in its class body:"
        f" register the bound method after the class, for example {bound}"
    )


def _hints(handler: Callable[..., object]) -> Mapping[str, Any]:
    """Return the annotations by name, each resolved if it can be."""
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
        return Unresolved(str(hint))


def defining_module(handler: Callable[..., object]) -> dict[str, Any]:
    """Return the names of the module in which a function was written; none if that is not in Python."""
    namespace: dict[str, Any] = getattr(inspect.unwrap(handler), "__globals__", {})
    return namespace


def _check_transaction(name: str, filled: Sequence[Parameter], hints: Mapping[str, Any]) -> None:
    for second in filled[1:]:
        hint = hints.get(second.name, Any)
        if not _is_transaction(second, hint):
            shown = second.name if _says_nothing(hint) else f"{second.name}: {_as_written(hint)}"
            raise ConfigurationError(
                f"{name} takes ({filled[0].name}, {shown}), but the second parameter of a handler is a"
                f" Transaction: {_cure(second, hint)}"
            )


def _cure(second: Parameter, hint: Any) -> str:
    if _is_context(second, hint):
        return _NO_CONTEXT
    if isinstance(hint, Unresolved):
        return "its annotation cannot be resolved when the module runs, so write Transaction or leave it out"
    return _READ_THE_CHANGE.get(second.name, "annotate it Transaction if it is one, or leave it out")


def _refuse_unfilled(name: str, unfilled: Iterable[Parameter], hints: Mapping[str, Any]) -> None:
    """Refuse optional parameters that look as if the library would fill them."""
    for parameter in unfilled:
        hint = hints.get(parameter.name, Any)
        if _is_transaction(parameter, hint):
            raise ConfigurationError(
                f"{name} would never get its transaction: make it the second parameter, without a default"
            )
        if parameter.default is None and _is_context(parameter, hint):
            raise ConfigurationError(f"{name} would never get its {parameter.name}: {_NO_CONTEXT}")


def _is_transaction(parameter: Parameter, hint: Any) -> bool:
    if isinstance(hint, Unresolved):
        return re.search(r"\bTransaction\b", hint.text) is not None
    if _says_nothing(hint):
        return parameter.name in _TRANSACTION_NAMES
    return hint is Transaction or (get_origin(hint) in _UNIONS and Transaction in get_args(hint))


def _is_context(parameter: Parameter, hint: Any) -> bool:
    return parameter.name in _CONTEXT_NAMES or "LambdaContext" in _as_written(hint)


def _says_nothing(hint: Any) -> bool:
    """Return whether an annotation says no more than none would."""
    return any(hint is wide for wide in _TOO_WIDE) or isinstance(hint, TypeVar) or is_protocol(hint)


def _check_annotation(
    name: str, hint: Any, given: tuple[type[Any], ...], models: tuple[object, object]
) -> None:
    for change in given:
        is_right = _may_be(hint, change) if isinstance(hint, Unresolved) else _admits(hint, change, models)
        if not is_right:
            raise ConfigurationError(
                f"{name} gets {_shown(change.__name__, change, models)}, but its parameter is annotated"
                f" {_as_written(hint)}: annotate it {_shown(_name_of_all(given), given[-1], models)}"
            )


def _may_be(hint: Unresolved, given: type[Any]) -> bool:
    """Return False if the text of an annotation names another kind of change, and nothing else."""
    named = re.fullmatch(r"(?:\w+\.)*(\w+)(?:\[[^|]*\])?", hint.text)
    return named is None or given.__name__ in _KINDS_BY_TEXT.get(named[1], {given.__name__})


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
    if isinstance(hint, Unresolved):
        return hint.text
    arguments = [_as_written(argument) for argument in get_args(hint)]
    if get_origin(hint) in _UNIONS:
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
    return f"{name}[{', '.join(names)}]"
