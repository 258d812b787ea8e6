"""--where: a condition, written as in a decorator. Nothing of it is run as Python."""

from __future__ import annotations

import ast
from typing import Any, Final, NoReturn

from ..._conditions import Attr, Condition, check_condition
from ..._errors import ConfigurationError
from .._errors import CommandError

_EXAMPLE: Final = "\"Attr('status').eq('OPEN') & ~Attr('paid').exists()\""
_METHODS: Final = frozenset(name for name in vars(Attr) if not name.startswith("_"))


def read_condition(text: str | None) -> Condition | None:
    """Return the condition that a text stands for; None for no text.

    Raises:
        CommandError: It is no condition.
    """
    if text is None:
        return None
    try:
        condition = _value(ast.parse(text.strip(), mode="eval").body)
        check_condition(condition)
    except ConfigurationError as error:
        raise CommandError(f"--where: {error}") from error
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise CommandError(f"--where is no condition: write it as {_EXAMPLE}") from error
    return condition  # type: ignore[no-any-return]  # checked above


def _value(node: ast.expr) -> Any:
    match node:
        case ast.BinOp(left, ast.BitAnd(), right):
            return _condition(left) & _condition(right)
        case ast.BinOp(left, ast.BitOr(), right):
            return _condition(left) | _condition(right)
        case ast.UnaryOp(ast.Invert(), operand):
            return ~_condition(operand)
        case ast.Call(ast.Name("Attr"), [ast.Constant(str(name))], []):
            return Attr(name)
        case ast.Call(ast.Attribute(of, method), arguments, []) if method in _METHODS:
            return _compared(_value(of), method, [ast.literal_eval(each) for each in arguments])
        case _:
            return _refuse()


def _condition(node: ast.expr) -> Condition:
    value = _value(node)
    check_condition(value)
    return value  # type: ignore[no-any-return]  # checked above


def _compared(attribute: Any, method: str, arguments: list[Any]) -> Condition:
    if not isinstance(attribute, Attr):
        _refuse()
    try:
        condition: Condition = getattr(attribute, method)(*arguments)
    except TypeError:
        raise ConfigurationError(f"{method} takes another number of values") from None
    return condition


def _refuse() -> NoReturn:
    raise ValueError
